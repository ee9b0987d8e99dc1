"""B4: names and files that come and go, in small and huge directories, by several processes: what the disk has then."""

from __future__ import annotations

import os
import random

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge import ext2_judge
from grading.judge.check import check, check_that
from grading.machine.stream import scribble, stream
from grading.tests.b.conftest import MakeImage
from grading.tests.b.disk_tools import Model, check_listing, check_tree, manifest_entries, switch_off
from grading.tests.b.guest import EXT2_ROOT, PROCESS, Boot, directory_entry, file_entry, judge, on_disk, on_image
from grading.tests.b.structures import DT
from grading.tests.b.test_b1_data import CREATE, draw_seed
from grading.tests.b.test_b1_opening import draw_name

pytestmark = stands_on(PROCESS, EXT2_ROOT)

KIB, MIB = 1 << 10, 1 << 20


@item("B4", points=4)
def test_many_changes(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Files, directories and links made, written, renamed and removed at random: the disk has just that, also at a second boot."""
    image = make_image("writable", block_size=rng.choice((1024, 4096)), inode_size=rng.choice((128, 256)))
    guest = on_disk(boot, image.path)
    model = Model(guest.process(), rng, image.path, image.manifest)
    for _ in range(2):
        for _ in range(35):
            model.step()
        guest.check_disk(model.expected)
        guest.drop_caches()
    switch_off(guest)
    judge(image.path, model.expected, what="after the machine was switched off")
    seen = ext2_judge.read_tree(image.path)
    seen.pop("/dev", None)
    process = on_disk(boot, image.path).process()
    check_tree(process, image.path, seen, only=rng.sample(sorted(seen), min(len(seen), 40)))


@item("B4", points=3)
def test_directories_grow(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Hundreds of names come and go, in a directory of the kernel's and in one that mke2fs has indexed."""
    image = make_image("htree")
    folder = str(image.facts.notes["directory"])
    guest, process, expected = on_image(boot, image)
    own = "/" + draw_name(rng)
    process.mkdir(own)
    prefix = draw_name(rng, 32)  # a directory of less than 8 KiB is searched by the lab itself
    count = 150
    process.each(0, count, ("mknod", f"'{own}/{prefix}#", 0o100600))
    process.each(0, count, ("mknod", f"'{folder}/{prefix}#", 0o100600))
    step = rng.randrange(2, 5)
    process.each(0, count // step, ("unlink", f"'{own}/{prefix}#"), step=step)
    process.each(0, count // step, ("unlink", f"'{folder}/{prefix}#"), step=step)
    process.each(0, count // step // 2, ("mknod", f"'{own}/again-#", 0o100600))
    guest.drop_caches()
    gone = {i * step for i in range(count // step)}
    for number in (12, *rng.sample(range(count), 10)):  # 12 is gone, and 120 begins like it
        for where in (own, folder):
            check(expected=number not in gone, seen=process.exists(f"{where}/{prefix}{number}"),
                  what=f"whether {prefix}{number} is in {where}")
    names = {f"{prefix}{i}" for i in range(count) if i not in gone}
    check(expected=sorted(names | {f"again-{i}" for i in range(count // step // 2)}), seen=process.names(own),
          what="the names in the new directory")
    old = [path for path in expected if path.startswith(folder + "/")]
    for path in rng.sample(old, 4):
        check(expected=image.manifest[path].inode, seen=process.stat(path).inode,
              what=f"the inode of {path!r}, which was there before")
    for where, others in ((own, {f"again-{i}" for i in range(count // step // 2)}), (folder, set())):
        for name in names | others:
            expected[f"{where}/{name}"] = file_entry(b"", 0o600)
    expected[own] = directory_entry()
    expected["/"].links += 1
    guest.check_disk(expected)


@item("B4", points=3)
def test_a_huge_directory(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """A directory of 100,000 names: each is listed once and found; some go, others come, and the disk has just those."""
    image = make_image("huge-directory", block_size=rng.choice((1024, 4096)))
    folder = str(image.facts.notes["directory"])
    guest = on_disk(boot, image.path)
    process = guest.process()
    entries = manifest_entries(image.manifest, folder)
    check_listing(process, folder, entries, f"the names of a directory of {len(entries)} as mke2fs left it")
    old = sorted(name.decode() for name in entries if name not in (b".", b".."))
    gone = set(rng.sample(old, 60))
    for name in rng.sample(old, 20):
        check(expected=entries[name.encode()][1], seen=process.stat(f"{folder}/{name}").inode, what=f"the inode of {name}")
        process.fails("ENOENT").stat(f"{folder}/{name}.")
    for name in sorted(gone):
        process.unlink(f"{folder}/{name}")
        del entries[name.encode()]
    prefix, count = draw_name(rng, 40) + ".", rng.randrange(150, 250)
    process.each(0, count, ("mknod", f"'{folder}/{prefix}#", 0o100600))
    for number in range(count):
        entries[f"{prefix}{number}".encode()] = DT["file"], 0
    moved = rng.sample(sorted(set(old) - gone), 20)
    for number, name in enumerate(moved):
        process.rename(f"{folder}/{name}", f"{folder}/{prefix}renamed{number}")
        entries[f"{prefix}renamed{number}".encode()] = entries.pop(name.encode())
    guest.drop_caches()
    for name in (f"{prefix}{number}" for number in range(count)):
        entries[name.encode()] = DT["file"], process.stat(f"{folder}/{name}").inode
    for name in (*rng.sample(sorted(gone), 10), *rng.sample(moved, 10)):
        process.fails("ENOENT").stat(f"{folder}/{name}")
    for number in range(len(moved)):
        check(expected=entries[f"{prefix}renamed{number}".encode()][1], seen=process.stat(f"{folder}/{prefix}renamed{number}").inode,
              what="the inode of a name in a huge directory after rename()")
    check_listing(process, folder, entries, f"the names of a directory of {len(entries)} after names went, came and changed")
    guest.check_disk()


@item("B4", points=2)
def test_an_unlinked_file_goes_with_its_last_user(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """A file without a name can be read and written by those who have it open; its blocks are freed with the last of them."""
    image = make_image("writable")
    guest = on_disk(boot, image.path)
    process = guest.process()
    name, seed, count = "/" + draw_name(rng), draw_seed(rng), rng.randrange(200_000, 400_000)
    guest.sync()
    before = process.statfs("/")
    process.write_file(name, seed, count)
    fd = process.open(name, os.O_RDWR)
    twin = process.dup(fd)
    process.unlink(name)
    guest.sync()
    during = process.statfs("/")
    check_that(before.free_blocks - during.free_blocks >= count // KIB, expected=f"at least {count // KIB}",
               seen=before.free_blocks - during.free_blocks, what="blocks that an unlinked file with an open descriptor takes")
    process.close(fd)
    more = rng.randbytes(40)
    process.pwrite(twin, more, count)
    process.lseek(twin, 0)
    process.check_fd(twin, stream(seed, 0, count) + more, what="the unlinked file")
    process.close(twin)
    guest.sync()
    after = process.statfs("/")
    check(expected=(before.free_blocks, before.free_files), seen=(after.free_blocks, after.free_files),
          what="free blocks and inodes after the last close(), as before the file was made")
    guest.check_disk(image.manifest)


@item("B4", points=2)
def test_fsync_is_on_the_disk(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """What fsync() returned for is on the disk at once, with its name; the machine may lose its power then."""
    image = make_image("writable")
    guest, process, expected = on_image(boot, image)
    for number in range(4):
        name, seed, count = f"/{draw_name(rng)}{number}", draw_seed(rng), rng.randrange(1, 60_000)
        process.write_file(name, seed, count)
        fd = process.open(name, os.O_RDWR)
        process.fsync(fd)
        expected[name] = file_entry(stream(seed, 0, count))
        with guest.machine.stopped():
            seen = ext2_judge.read_tree(image.path)
        check_that(name in seen, expected=f"{name} is there", seen="it isn't", what="the disk right after fsync()")
        check(expected=(count, expected[name].digest), seen=(seen[name].size, seen[name].digest),
              what="size and SHA-256 of the file on the disk, right after fsync()")
    guest.machine.close()
    ext2_judge.repair(image.path)
    ext2_judge.compare(expected, ext2_judge.read_tree(image.path), ("kind", "size", "digest"), ignore=("/lost+found", "/dev"),
                       what="the files on the disk after the machine lost its power and e2fsck -p")


@item("B4", points=3)
def test_a_second_read_costs_no_read(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """QEMU counts the reads: a file and a tree are read from the disk once; dropped from the cache, they are read again."""
    image = make_image("many-groups")
    files = [path for path, entry in image.manifest.items() if entry.kind == "file" and entry.size > 50_000]
    guest = on_disk(boot, image.path, options="ro")
    process = guest.process()
    for path in rng.sample(files, 3):
        counts = []
        for _ in range(3):
            before = guest.reads()
            answer = process.sum_file(path)
            check(expected=image.manifest[path].size, seen=answer.number("size"), what=f"bytes read from {path!r}")
            process.names(path.rpartition("/")[0])
            counts.append(guest.reads() - before)
        check_that(counts[0] > 0, expected="some", seen=counts[0],
                   what=f"reads that QEMU counted for the first reading of {path!r}")
        check(expected=[0, 0], seen=counts[1:], what=f"reads that QEMU counted for the second and third reading of {path!r}",
              hint="data goes through the page cache, metadata through MetadataStore::read()")
        limit = image.manifest[path].size // KIB // 4 + 12
        check_that(counts[0] <= limit, expected=f"at most {limit}", seen=counts[0],
                   what="reads for the first reading: blocks are read together")
    guest.drop_caches()
    before = guest.reads()
    process.sum_file(files[0])
    check_that(guest.reads() > before, expected="some", seen=0, what="reads that QEMU counted after `cache drop`")


@item("B4", points=3)
def test_processes_at_once(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Four processes write, read, append and make files at the same time: each finds its own bytes, and the disk has all."""
    image = make_image("writable", size=16 * MIB)
    guest, parent, expected = on_image(boot, image)
    shared, log = "/" + draw_name(rng) + "-shared", "/" + draw_name(rng) + "-log"
    fd = parent.open(shared, CREATE)
    appending = parent.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    family = [parent]
    while len(family) < 4:
        family.append(parent.fork())
    span, steps, records = 60_000 + rng.randrange(20_000), 2500, 300  # many slices of time: they overlap
    content = bytearray()
    seeds = [draw_seed(rng) for _ in family]
    own = [f"/{draw_name(rng)}{number}" for number in range(len(family))]
    sizes = [rng.randrange(100, 2000) for _ in family]

    def together(operation: str, arguments: list[tuple[int, ...]], expected_result: int, what: str) -> None:
        work = [guest.puppets.set_to_work(process.pid, operation, *words) for process, words in zip(family, arguments, strict=True)]
        answers = guest.puppets.finished(*work)
        check(expected=[expected_result] * len(family), seen=[answers[sequence].result for sequence in work], what=what)

    together("scribble", [(fd, number * span, span, steps, seeds[number], 5000) for number in range(len(family))], 0,
             "bytes that pread() gave back otherwise than pwrite() had written them, in each of four processes")
    for number in range(len(family)):
        scribble(content, number * span, span, steps, seeds[number], 5000)
    expected[shared] = file_entry(bytes(content))
    fds = [process.open(name, CREATE) for process, name in zip(family, own, strict=True)]
    together("records", [(fds[number], records, sizes[number], seeds[number]) for number in range(len(family))], records,
             "whole writes of each of four processes to a file of its own")
    for name, seed, size in zip(own, seeds, sizes, strict=True):
        expected[name] = file_entry(stream(seed, 0, records * size))
    size = rng.randrange(500, 1500)
    together("records", [(appending, records, size, seed) for seed in seeds], records,
             "whole writes of each of four processes to a common log")
    check(expected=4 * records * size, seen=parent.stat(log).size, what="the size of the log that four processes appended to")
    guest.sync()
    with guest.machine.stopped():
        seen = ext2_judge.read_file(image.path, log)
    found = {seen[i : i + size] for i in range(0, len(seen), size)}
    wanted = {stream(seed, i * size, size) for seed in seeds for i in range(records)}
    check(expected=0, seen=len(wanted - found),
          what=f"records of {size} bytes, each appended by one write(), that aren't in the log whole")
    expected[log] = file_entry(seen)
    guest.check_disk(expected)
