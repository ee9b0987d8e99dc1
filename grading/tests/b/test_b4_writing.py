"""B4: writing: growth through every level of indirection, full disks, and what is on the disk afterwards."""

from __future__ import annotations

import os
import random

import pytest

from grading import ext2_judge
from grading.check import check, check_that
from grading.ext2_images import Entry, content_digest
from grading.rubric import item
from grading.stream import put, scribble, stream
from grading.tests.b.conftest import MakeImage
from grading.tests.b.disk_tools import Layout, Model, check_tree, patched, switch_off
from grading.tests.b.guest import Boot, copied, directory_entry, file_entry, judge, on_disk
from grading.tests.b.structures import error_name
from grading.tests.b.test_b1_data import CREATE, draw_seed
from grading.tests.b.test_b1_opening import draw_name

KIB, MIB = 1 << 10, 1 << 20
LEVELS_HINT = "12 direct blocks, then one, two and three levels of blocks full of pointers"
GIVE_BACK_HINT = "map_or_allocate_block() gives back what it took when it can't take all that is needed"


@pytest.mark.parametrize("block", [1024, 4096])
@item("B4", points=3)
def test_growth_on_every_level(block: int, boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Blocks written anywhere, in any order, up to the triple indirect ones: each is where it belongs, zeros between."""
    image = make_image("empty", size=4 * MIB, block_size=block)
    pointers = block // 4
    double, triple = 12 + pointers, 12 + pointers + pointers**2
    indexes = {0, 11, 12, double - 1, double, double + pointers - 1, double + pointers, triple - 1, triple, triple + 1,
               triple + pointers, triple + pointers**2 - 1, triple + pointers**2, rng.randrange(12), rng.randrange(12, double),
               rng.randrange(double, triple), rng.randrange(triple, triple + 3 * pointers**2)}  # fmt: skip
    guest = on_disk(boot, image.path)
    process = guest.process()
    name = "/" + draw_name(rng)
    fd = process.open(name, CREATE)
    pieces: dict[int, bytes] = {}
    later = {14, double + 3, double + pointers + 1, triple + 5}  # in pointer blocks that are on the disk by then
    for index in (*rng.sample(sorted(indexes), len(indexes)), *rng.sample(sorted(later), len(later))):
        if index in later:
            guest.drop_caches()
        data = rng.randbytes(rng.randrange(20, 60))
        offset = index * block + rng.randrange(block - len(data))
        process.pwrite(fd, data, offset)
        pieces[offset] = data
    indexes |= later
    size = max(offset + len(data) for offset, data in pieces.items())
    guest.drop_caches()
    check(expected=size, seen=process.fstat(fd).size, what="the file's size")
    for offset, data in pieces.items():
        check(expected=data, seen=process.pread(fd, len(data), offset), what=f"the bytes at {offset:#x}, block {offset // block}",
              hint=LEVELS_HINT)
    for index in rng.sample(sorted(indexes), 6):
        if index + 1 not in indexes and (index + 2) * block < size:
            check(expected=bytes(40), seen=process.pread(fd, 40, (index + 1) * block + 7),
                  what=f"bytes of block {index + 1}, a hole")
    sectors = process.fstat(fd).sectors
    expected = copied(image.manifest)
    expected[name] = Entry("file", 0o644, size=size, digest=content_digest(size, sorted(pieces.items())))
    guest.check_disk(expected, hint=LEVELS_HINT)
    check(expected=ext2_judge.read_tree(image.path)[name].sectors, seen=sectors, what="st_blocks, against what debugfs counts")
    cut = rng.choice((0, 12 * block, double * block + 5, triple * block))
    process.ftruncate(fd, cut)
    left = sorted((offset, data[: cut - offset]) for offset, data in pieces.items() if offset < cut)
    expected[name].size, expected[name].digest = cut, content_digest(cut, left)
    guest.check_disk(expected, what="after ftruncate()")


@item("B4", points=3)
def test_growth_by_many_writes(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """A file grows to a megabyte in odd pieces and is overwritten at random; a second boot finds the same."""
    image = make_image("writable", block_size=rng.choice((1024, 2048)))
    guest = on_disk(boot, image.path)
    process = guest.process()
    name, seed, size = "/" + draw_name(rng), draw_seed(rng), rng.randrange(900, 3000)
    count = MIB // size
    fd = process.open(name, CREATE)
    process.records(fd, count, size, seed)
    content = bytearray(stream(seed, 0, count * size))
    start, seed = rng.randrange(5000), draw_seed(rng)
    process.scribble(fd, start, len(content), 60, seed, 9000)
    scribble(content, start, count * size, 60, seed, 9000)
    expected = copied(image.manifest)
    expected[name] = file_entry(bytes(content))
    guest.check_disk(expected)
    process.check_file(name, bytes(content))
    switch_off(guest)
    judge(image.path, expected, what="after the machine was switched off")
    check(expected=1, seen=Layout(image.path.read_bytes()).superblock("s_state"), what="s_state, the clean flag, after that")
    process = on_disk(boot, image.path).process()
    process.check_file(name, bytes(content), what="the content after a second boot")


@item("B4", points=2)
def test_holes_are_filled(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Writing into holes of a file that mke2fs made takes blocks for them, and leaves its neighbours alone."""
    image = make_image("triple")
    path = str(image.facts.notes["file"])
    pieces = {offset: count for offset, count, _ in image.manifest[path].pieces}
    guest = on_disk(boot, image.path)
    process = guest.process()
    fd = process.open(path, os.O_RDWR)
    before = {offset: process.pread(fd, min(count, 100), offset) for offset, count in pieces.items()}
    wrote: dict[int, bytes] = {}
    for offset in rng.sample(sorted(pieces), min(len(pieces), 8)):
        at = (offset // KIB + rng.choice((2, 3, 100, 300))) * KIB + rng.randrange(900)
        if any(start <= at < start + 5 * KIB for start in pieces):
            continue  # no hole
        wrote[at] = rng.randbytes(64)
        process.pwrite(fd, wrote[at], at)
    guest.drop_caches()
    for offset, data in {**before, **wrote}.items():
        check(expected=data, seen=process.pread(fd, len(data), offset),
              what=f"{len(data)} bytes at {offset:#x} after writes into holes")
    guest.check_disk()


@item("B4", points=2)
def test_new_blocks_are_zeros(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Where a new block isn't written it holds zeros, not what lay on the disk there."""
    image = make_image("empty", block_size=(block := rng.choice((1024, 2048, 4096))))
    with patched(image.path) as layout:
        for number in layout.free_blocks():
            layout.image[number * block : (number + 1) * block] = rng.randbytes(32) * (block // 32)  # type: ignore[index]
    guest = on_disk(boot, image.path)
    process = guest.process()
    expected = copied(image.manifest)
    for turn in range(6):
        name, content = f"/{draw_name(rng)}{turn}", bytearray()
        fd = process.open(name, CREATE)
        for _ in range(4):
            data, offset = rng.randbytes(rng.randrange(1, 30)), rng.choice((0, 12, 300)) * block + rng.randrange(6 * block)
            process.pwrite(fd, data, offset)
            put(content, offset, data)
        guest.drop_caches()
        process.check_file(name, bytes(content), hint="`created` says that a block is new: its content is undefined")
        expected[name] = file_entry(bytes(content))
        folder = f"/{draw_name(rng)}{turn}-folder"
        process.mkdir(folder)
        check(expected=[], seen=process.names(folder), what="the names in a new directory")
        expected[folder] = directory_entry()
        expected["/"].links += 1
    guest.check_disk(expected)


@item("B4", points=4)
def test_a_full_disk(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Without free blocks writes end in ENOSPC or short; no file loses anything, and what is freed can be used again."""
    image = make_image("full-blocks")
    guest = on_disk(boot, image.path)
    process = guest.process()
    expected = copied(image.manifest)
    name, seed = "/" + draw_name(rng), draw_seed(rng)
    fd, buffer = process.open(name, CREATE), process.buffer(64 * KIB)
    size = 0
    while (free := process.statfs("/").free_blocks) > 2:
        process.write(fd, stream(seed, size, 80))
        size += 80
    # A block far out needs pointer blocks as well: three or four. What was taken in vain must be given back.
    for offset in rng.sample((300 * KIB, 70_000 * KIB, 80_000 * KIB), 3):
        process.fails("ENOSPC").pwrite(fd, b"x", offset)
        check(expected=(size, free), seen=(process.fstat(fd).size, process.statfs("/").free_blocks), hint=GIVE_BACK_HINT,
              what=f"the file's size and the disk's free blocks after pwrite() at {offset // KIB} KiB failed")
    for _ in range(40):
        count = rng.randrange(1, 20_000)
        buffer.fill(seed, size, count)
        written = process.attempt().write_from(fd, buffer, count)
        if written < 0:
            check(expected="ENOSPC", seen=error_name(-written), what="the error of write() on a full disk")
            break
        check_that(0 < written <= count, expected=f"1 to {count}", seen=written, what="the result of write()")
        size += written
        check(expected=size, seen=process.fstat(fd).size, what="the size after a write() to a disk that is nearly full")
    else:
        check(expected="ENOSPC at some time", seen=f"{size} bytes written", what="write() on a full disk")
    expected[name] = file_entry(stream(seed, 0, size))
    process.lseek(fd, 0)
    process.check_fd(fd, stream(seed, 0, size), what="the file that filled the disk")
    guest.check_disk(expected, what="when it was full", hint=GIVE_BACK_HINT)
    victims = [path for path, entry in expected.items() if entry.kind == "file" and entry.links == 1 and entry.size > 5000
               and path not in (name, "/filler")]
    victim = rng.choice(victims)
    process.unlink(victim)
    del expected[victim]
    guest.sync()
    more = min(4096, process.statfs("/").free_blocks * KIB // 2)
    buffer.fill(seed, size, more)
    check(expected=more, seen=process.write_from(fd, buffer, more, size),
          what=f"the result of pwrite() of {more} bytes after a file was deleted")
    expected[name] = file_entry(stream(seed, 0, size + more))
    guest.check_disk(expected, what="after a file made room", hint=GIVE_BACK_HINT)


@item("B4", points=2)
def test_no_inode_is_left(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Without free inodes nothing can be made, ENOSPC, until something is removed; the directory stays as it was."""
    image = make_image("full-inodes")
    guest = on_disk(boot, image.path)
    process = guest.process()
    expected = copied(image.manifest)
    free = process.statfs("/").free_files
    prefix = "/" + draw_name(rng)
    for number in range(free):
        process.close(process.open(f"{prefix}{number}", CREATE))
        expected[f"{prefix}{number}"] = file_entry(b"")
    process.fails("ENOSPC").open(prefix, CREATE)
    process.fails("ENOSPC").mkdir(prefix)
    process.fails("ENOSPC").symlink("somewhere", prefix)
    process.link(f"{prefix}0", prefix)  # that needs none
    expected[prefix] = file_entry(b"", links=2)
    expected[f"{prefix}0"].links = 2
    expected[prefix].inode = expected[f"{prefix}0"].inode = -1
    guest.check_disk(expected, what="without a free inode")
    process.unlink(rng.choice([path for path, entry in image.manifest.items() if entry.kind == "file" and entry.links == 1]))
    guest.sync()
    process.mkdir(f"{prefix}-new")
    check(expected=0, seen=process.statfs("/").free_files, what="free inodes after one was freed and used")
    guest.check_disk()


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
    guest = on_disk(boot, image.path)
    process = guest.process()
    expected = copied(image.manifest)
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
    guest = on_disk(boot, image.path)
    process = guest.process()
    expected = copied(image.manifest)
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
    guest = on_disk(boot, image.path)
    parent = guest.process()
    shared, log = "/" + draw_name(rng) + "-shared", "/" + draw_name(rng) + "-log"
    fd = parent.open(shared, CREATE)
    appending = parent.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    family = [parent]
    while len(family) < 4:
        family.append(parent.fork())
    span, steps, records = 60_000 + rng.randrange(20_000), 120, 60
    content, expected = bytearray(), copied(image.manifest)
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
