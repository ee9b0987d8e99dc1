"""B5: disks that are mounted: what is on them when they go, and when they are mounted twice or read-only."""

from __future__ import annotations

import os
import random

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge import ext2_judge
from grading.judge.check import check, check_that
from grading.machine.qemu import DataDisk
from grading.machine.stream import stream
from grading.tests.b.conftest import MakeImage
from grading.tests.b.disk_tools import Layout, Model, check_tree
from grading.tests.b.guest import PROCESS, Boot, copied, file_entry, judge, on_disk, on_tmpfs
from grading.tests.b.structures import MS_RDONLY
from grading.tests.b.test_b1_data import CREATE, draw_seed
from grading.tests.b.test_b1_opening import draw_name, draw_text

pytestmark = stands_on(PROCESS)

DISK_MOUNTS, MEMORY_MOUNTS = 25, 60  # mounts in a round of the test for leaks; those in memory are two at a time


@item("B5", points=4)
def test_disks_come_and_go(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """A disk that was unmounted is complete and clean; mounted again, on whichever directory, it has what was written before."""
    images = [make_image("writable"), make_image("writable")]
    guest = on_tmpfs(boot, [image.path for image in images])
    process = guest.process()
    names = [draw_name(rng) + str(i) for i in range(2)]
    for where in ("/one", "/two"):
        process.mkdir(where)
    manifests = [image.manifest for image in images]
    for turn in range(3):
        places = rng.sample(("/one", "/two"), 2)
        for number, where in enumerate(places):
            process.mount(f"/dev/vd{'ab'[number]}", where)
        for number, where in enumerate(places):
            # Both disks have the same inode numbers: the caches must not take one's for the other's.
            check_tree(process, images[number].path, copied(manifests[number]), where, only=rng.sample(sorted(manifests[number]), 8))
            for name in names:
                check(expected=f"/{name}" in manifests[number], seen=process.exists(f"{where}/{name}"),
                      what=f"whether {name} is on disk {number + 1}",
                      hint="umount() of a file system's last mount forgets its names and inodes")
            model = Model(process, rng, images[number].path, manifests[number], where)
            for _ in range(5):
                model.step()
            manifests[number] = model.expected
        number = rng.randrange(2)
        if f"/{names[number]}" not in manifests[number]:
            seed, count = draw_seed(rng), rng.randrange(30_000)
            process.write_file(f"{places[number]}/{names[number]}", seed, count)
            manifests[number][f"/{names[number]}"] = file_entry(stream(seed, 0, count))
        for where in rng.sample(places, 2):
            process.umount(where)
        with guest.machine.stopped():
            for number, image in enumerate(images):
                judge(image.path, manifests[number], what=f"number {number + 1} right after umount()")
                check(expected=1, seen=Layout(image.path.read_bytes()).superblock("s_state"),
                      what="s_state, the clean flag, after umount()",
                      hint="the last umount() of a file system shuts it down")
                manifests[number] = ext2_judge.read_tree(image.path)  # with the numbers of new inodes


@item("B5", points=3)
def test_one_disk_in_two_places(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """A disk mounted twice is one file system: what is written at one place is seen at the other; the last umount() ends it."""
    image = make_image("writable")
    guest = on_tmpfs(boot, [image.path])
    process = guest.process()
    places = [f"/{draw_name(rng)}{i}" for i in range(3)]
    for where in places:
        process.mkdir(where)
        process.mount("/dev/vda", where)
    expected = copied(image.manifest)
    for number in range(4):
        one, other = rng.sample(places, 2)
        name, seed, count = f"{draw_name(rng)}{number}", draw_seed(rng), rng.randrange(1, 20_000)
        check(expected=False, seen=process.exists(f"{other}/{name}"), what="whether a file is there before it is made")
        process.write_file(f"{one}/{name}", seed, count)
        process.check_stream(f"{other}/{name}", seed, count)
        check(expected=process.stat(f"{one}/{name}").inode, seen=process.stat(f"{other}/{name}").inode,
              what="the inode at both places")
        expected[f"/{name}"] = file_entry(stream(seed, 0, count))
    process.mount("none", f"{places[1]}/lost+found", "tmpfs")
    process.close(process.open(f"{places[1]}/lost+found/covering", CREATE))
    check(expected=[], seen=process.names(f"{places[0]}/lost+found"),
          what="the names in a directory that is covered at another mount of its disk",
          hint="a mount covers a place, not an inode")
    process.umount(f"{places[1]}/lost+found")
    fd = process.open(f"{places[0]}/{name}", os.O_RDWR)
    process.umount(places[2])
    process.umount(places[1])
    guest.sync()
    with guest.machine.stopped():
        check(expected=0, seen=Layout(image.path.read_bytes()).superblock("s_state"),
              what="s_state, the clean flag, while one of three mounts is left")
    process.fails("EBUSY").umount(places[0])
    data = rng.randbytes(50)
    process.pwrite(fd, data, 0)
    check(expected=data, seen=process.pread(fd, 50, 0), what="a file after two of three mounts of its disk went")
    process.close(fd)
    content = data + stream(seed, 50, count - 50) if count > 50 else data
    expected[f"/{name}"] = file_entry(content)
    process.umount(places[0])
    with guest.machine.stopped():
        judge(image.path, expected, what="after the last umount()")
        check(expected=1, seen=Layout(image.path.read_bytes()).superblock("s_state"),
              what="s_state, the clean flag, after the last umount()")


@item("B5", points=2)
def test_read_only_mounts(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """MS_RDONLY: everything can be read and nothing changed, and no byte of the disk is written."""
    image = make_image("writable")
    before = image.path.read_bytes()
    guest = on_tmpfs(boot, [image.path])
    process = guest.process()
    process.mkdir("/m")
    process.mount("/dev/vda", "/m", "ext2", MS_RDONLY)
    check(expected=("vda", "/m", "ext2", "ro"), seen=guest.mounts()[-1], what="the mount table's last line")
    check_tree(process, image.path, image.manifest, "/m", only=rng.sample(sorted(image.manifest), 10))
    path = "/m" + next(path for path, entry in image.manifest.items() if entry.kind == "file" and entry.size)
    wrong = process.fails("EROFS")
    wrong.open(path, os.O_WRONLY)
    wrong.open(path, os.O_RDONLY | os.O_TRUNC)
    wrong.open("/m/new", CREATE)
    wrong.mkdir("/m/new")
    wrong.symlink("x", "/m/new")
    wrong.link(path, "/m/new")
    wrong.unlink(path)
    wrong.rename(path, "/m/new")
    wrong.truncate(path, 0)
    wrong.chmod(path, 0o600)
    fd = process.open(path)
    process.read(fd, 10)
    process.close(fd)
    process.umount("/m")
    with guest.machine.stopped():
        check_that(image.path.read_bytes() == before, expected="not one", seen="some",
                   what="bytes of a disk that changed while it was mounted read-only")


@item("B5", points=2)
def test_one_disk_to_write_and_to_read(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """A disk that is mounted twice, once with MS_RDONLY: it can be changed at one place, and at the other seen alone."""
    image = make_image("writable")
    guest = on_tmpfs(boot, [image.path])
    process = guest.process()
    writable, fixed = (f"/{draw_name(rng)}{number}" for number in range(2))
    process.mkdir(writable)
    process.mkdir(fixed)
    process.mount("/dev/vda", writable)
    process.mount("/dev/vda", fixed, "ext2", MS_RDONLY)
    check(expected=[(writable, "rw"), (fixed, "ro")], seen=[(where, how) for _, where, _, how in guest.mounts()[-2:]],
          what="the mount table's last lines")
    name, text = draw_name(rng), draw_text(rng)
    process.write(process.open(f"{writable}/{name}", CREATE), text)
    wrong = process.fails("EROFS")
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_TRUNC):
        wrong.open(f"{fixed}/{name}", flags)
    wrong.open(f"{fixed}/{name}-new", CREATE)
    for where in (fixed, writable):
        check(expected=text, seen=process.read(process.open(f"{where}/{name}"), 100),
              what=f"the content of {where}/{name} after calls with its other name, on the mount that is read-only, failed")
    process.fails("ENOENT").stat(f"{writable}/{name}-new")
    more = draw_text(rng)
    process.write(process.open(f"{writable}/{name}", os.O_WRONLY | os.O_APPEND), more)
    check(expected=text + more, seen=process.read(process.open(f"{fixed}/{name}"), 200),
          what="what the read-only mount shows of a file that grew at the other")
    expected = copied(image.manifest)
    expected[f"/{name}"] = file_entry(text + more)
    guest.check_disk(expected)


@item("B5", points=2)
def test_mounting_leaks_nothing(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Hundreds of mounts, of disks and in memory, leave no frame behind; each umount() gives its caches back."""
    image = make_image("writable")
    guest = on_disk(boot, make_image("empty").path, [image.path])
    process = guest.process()
    process.mkdir("/m")
    process.mkdir("/t")
    free = []
    for _ in range(3):
        process.each(0, DISK_MOUNTS, ("mount", "'/dev/vdb", "'/m", "'ext2", 0, 0), ("open", "'/m/file#", CREATE, 0o644),
                     ("write", 3, "'text", 4), ("unlink", "'/m/file#"), ("chdir", "'/m"), ("chdir", "'/"), ("close", 3), ("umount2", "'/m", 0))
        process.each(0, MEMORY_MOUNTS, ("mount", "'none", "'/t", "'tmpfs", 0, 0), ("mkdir", "'/t/d#", 0o755),
                     ("mount", "'none", "'/t/d#", "'tmpfs", 0, 0),
                     ("umount2", "'/t/d#", 0), ("umount2", "'/t", 0))
        guest.drop_caches()
        free.append(guest.frames()[0])
    check_that(free[2] >= free[1] - 8, expected=f"about {free[1]}", seen=free[2],
               what=f"free frames after {DISK_MOUNTS + 2 * MEMORY_MOUNTS} more mounts and umounts",
               hint="the mount, its root and what it covered lose their references when it goes")
    process.umount("/dev")  # EBUSY if one of those mounts still holds the place where its disk was found
    guest.check_disk(disk=1)


@item("B5", points=1)
def test_the_last_write_fails(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Where the disk doesn't take what is left to write, umount() says EIO, and the mount is gone all the same."""
    image = make_image("writable", block_size=4096)
    path, entry = rng.choice([(path, entry) for path, entry in image.manifest.items() if entry.kind == "file" and entry.size >= 4096])
    sector = Layout(image.path.read_bytes()).data_blocks(entry.inode)[0][1] * 8
    guest = on_tmpfs(boot, [DataDisk(image.path, errors=(f"event=none,iotype=write,sector={sector}",))])  # type: ignore[list-item]
    process = guest.process()
    process.mkdir("/m")
    before = guest.mounts()
    process.mount("/dev/vda", "/m")
    fd = process.open(f"/m{path}", os.O_RDWR)
    process.pwrite(fd, rng.randbytes(50), rng.randrange(4000))
    process.attempt().close(fd)  # EIO if it was tried by then
    process.fails("EIO").umount("/m")
    check(expected=before, seen=guest.mounts(), what="the mount table after umount() failed to write")
    check(expected=[], seen=process.names("/m"), what="the names in /m")
    process.rmdir("/m")
