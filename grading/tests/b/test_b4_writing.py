"""B4: writing: growth through every level of indirection, holes, new blocks, full disks."""

from __future__ import annotations

import os
import random

import pytest

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge import ext2_judge
from grading.judge.check import check, check_that
from grading.judge.ext2_images import Entry, content_digest
from grading.machine.stream import put, scribble, stream
from grading.tests.b.conftest import MakeImage
from grading.tests.b.disk_tools import Layout, patched, switch_off
from grading.tests.b.guest import EXT2_ROOT, PROCESS, Boot, directory_entry, file_entry, judge, on_disk, on_image
from grading.tests.b.process import PAGE
from grading.tests.b.structures import error_name
from grading.tests.b.test_b1_data import CREATE, draw_seed
from grading.tests.b.test_b1_opening import draw_name

pytestmark = stands_on(PROCESS, EXT2_ROOT)

KIB, MIB = 1 << 10, 1 << 20
NOWHERE = 8  # an address of which no process has memory
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
    guest, process, expected = on_image(boot, image)
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
    guest, process, expected = on_image(boot, image)
    name, seed, size = "/" + draw_name(rng), draw_seed(rng), rng.randrange(900, 3000)
    count = MIB // size
    fd = process.open(name, CREATE)
    process.records(fd, count, size, seed)
    content = bytearray(stream(seed, 0, count * size))
    start, seed = rng.randrange(5000), draw_seed(rng)
    process.scribble(fd, start, len(content), 60, seed, 9000)
    scribble(content, start, count * size, 60, seed, 9000)
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
    far = rng.choice(sorted(pieces)[-4:-1])  # 300 blocks on from these, an old pointer block gets a new one
    for offset in rng.sample(sorted(pieces), len(pieces)):
        at = (offset // KIB + (300 if offset == far else rng.choice((2, 3, 100, 300)))) * KIB + rng.randrange(900)
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
    guest, process, expected = on_image(boot, image)
    for turn in range(6):
        name, content = f"/{draw_name(rng)}{turn}", bytearray()
        fd = process.open(name, CREATE)
        for _ in range(4):
            data, offset = rng.randbytes(rng.randrange(1, 30)), rng.choice((0, 12, 300)) * block + rng.randrange(6 * block)
            process.pwrite(fd, data, offset)
            put(content, offset, data)
        end = len(content)
        content.extend(bytes(3 * PAGE))
        process.ftruncate(fd, len(content))
        process.fails("EFAULT").call("pwrite64", fd, NOWHERE, 100, end + PAGE + rng.randrange(PAGE),
                                     shown=f"pwrite() from address {NOWHERE} into a hole")
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
    guest, process, expected = on_image(boot, image)
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
    guest, process, expected = on_image(boot, image)
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
