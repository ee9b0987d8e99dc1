"""B1: reading, writing, seeking."""

from __future__ import annotations

import os
import random

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.machine.stream import put, scribble, stream
from grading.tests.b.guest import PROCESS
from grading.tests.b.process import PAGE, Process
from grading.tests.b.test_b1_opening import draw_name, draw_text

pytestmark = stands_on(PROCESS)

CREATE = os.O_RDWR | os.O_CREAT
SET, CUR, END = os.SEEK_SET, os.SEEK_CUR, os.SEEK_END
MAX_OFFSET = (1 << 63) - 1


def draw_seed(rng: random.Random) -> int:
    """The seed of a stream."""
    return rng.randrange(1, 1 << 63)


@item("B1", points=3)
def test_positions(process: Process, rng: random.Random) -> None:
    """read() and write() begin at the position and move it by what they did; each open() has one of its own."""
    name, content = "/" + draw_name(rng), draw_text(rng, 200).ljust(50, b"+")
    writer = process.open(name, CREATE)
    for start in range(0, len(content), 37):
        part = content[start : start + 37]
        check(expected=len(part), seen=process.write(writer, part), what="the result of write()")
        check(expected=start + len(part), seen=process.lseek(writer, 0, CUR),
              what=f"the position after write() of {len(part)} bytes")
    check(expected=b"", seen=process.read(writer, 10), what="read() at the end of the file")
    readers = {process.open(name): 0 for _ in range(3)}
    for _ in range(20):
        fd, count = rng.choice(list(readers)), rng.randint(0, 40)
        at = readers[fd]
        check(expected=content[at : at + count], seen=process.read(fd, count), what=f"read({fd}, {count}) at position {at}",
              hint="each open() has a position of its own")
        readers[fd] = min(at + count, len(content))
        check(expected=readers[fd], seen=process.lseek(fd, 0, CUR), what=f"the position of {fd} after that")
    fd, offset = next(iter(readers)), rng.randrange(40)
    check(expected=content[offset : offset + 9], seen=process.pread(fd, 9, offset), what=f"pread({fd}, 9, {offset})")
    process.pwrite(writer, b"!", offset)
    check(expected=(readers[fd], len(content)), seen=(process.lseek(fd, 0, CUR), process.lseek(writer, 0, CUR)),
          what="the positions after pread() and pwrite()", hint="pread() and pwrite() leave the position alone")


@item("B1", points=3)
def test_seeking(process: Process, rng: random.Random) -> None:
    """lseek() from the start, the position and the end; what would lead below 0 or too far is refused and changes nothing."""
    content = draw_text(rng, 100).ljust(30, b"-")
    fd = process.open("/" + draw_name(rng), CREATE)
    process.write(fd, content)
    size, position = len(content), len(content)
    for _ in range(30):
        whence = rng.choice((SET, CUR, END))
        base = {SET: 0, CUR: position, END: size}[whence]
        target = rng.choice((0, size, rng.randrange(3 * size), base, rng.randrange(1 << 40)))
        check(expected=target, seen=process.lseek(fd, target - base, whence), what=f"lseek() by {target - base} from {base}")
        position = target
        check(expected=content[position : position + 5], seen=process.pread(fd, 5, position), what=f"pread() at {position}")
        wrong = process.fails("EINVAL")
        for offset, start in ((-1 - rng.randrange(9), SET), (-position - 1 - rng.randrange(9), CUR), (-size - 1, END)):
            wrong.lseek(fd, offset, start)
        wrong.lseek(fd, rng.randrange(9), rng.choice((7, 99, -1)))
        if position:
            wrong.lseek(fd, MAX_OFFSET - position + 1, CUR)
        check(expected=position, seen=process.lseek(fd, 0, CUR), what="the position after lseek() calls that failed")
    check(expected=size, seen=process.fstat(fd).size,
          what="the file's size after seeking beyond its end: lseek() doesn't change it")
    process.fails("EINVAL").pread(fd, 5, -1 - rng.randrange(9))
    process.fails("EINVAL").pwrite(fd, b"x", -1 - rng.randrange(9))
    ends = process.pipe()
    for end in ends:
        process.fails("ESPIPE").lseek(end, 0, rng.choice((SET, CUR, END)))
    process.fails("ESPIPE").pread(ends[0], 1, 0)
    process.fails("ESPIPE").pwrite(ends[1], b"x", 0)
    process.fails("EBADF").lseek(ends[1] + 50, 0)


@item("B1", points=2)
def test_appending(process: Process, rng: random.Random) -> None:
    """With O_APPEND each write goes to the file's end, wherever the position is and whoever wrote before."""
    name = "/" + draw_name(rng)
    plain = process.open(name, CREATE)
    content = bytearray()
    fds = [process.open(name, os.O_RDWR | os.O_APPEND) for _ in range(2)]
    for _ in range(16):
        fd, text = rng.choice([*fds, plain]), draw_text(rng, 30)
        if fd == plain:
            offset = rng.randrange(len(content) + 20)
            process.pwrite(fd, text, offset)
            put(content, offset, text)
            continue
        if rng.random() < 0.6:
            process.lseek(fd, rng.randrange(len(content) + 50))
        process.write(fd, text)
        content += text
        check(expected=len(content), seen=process.lseek(fd, 0, CUR), what="the position after write() with O_APPEND: the end",
              hint="the write's end becomes the position, so that a read() after it finds the end of the file")
        check(expected=bytes(content), seen=process.pread(plain, 2000, 0), what="the content after write() with O_APPEND")


@item("B1", points=3)
def test_holes_and_truncation(process: Process, rng: random.Random) -> None:
    """Writing beyond the end leaves zeros between; ftruncate() cuts, and what it adds is zeros, not what was there."""
    fd = process.open("/" + draw_name(rng), CREATE)
    content, buffer = bytearray(), process.buffer(4 * PAGE)
    for _ in range(14):
        seed, count = draw_seed(rng), rng.randint(1, 2 * PAGE)
        if rng.random() < 0.6:
            offset = len(content) + rng.choice((0, 1, rng.randrange(3 * PAGE), PAGE - len(content) % PAGE))
            buffer.fill(seed, 0, count)
            process.write_from(fd, buffer, count, offset)
            put(content, offset, stream(seed, 0, count))
        else:
            size = rng.choice((0, rng.randrange(len(content) + 1), len(content) + rng.randrange(2 * PAGE), len(content) // PAGE * PAGE))
            process.ftruncate(fd, size)
            content = content[:size].ljust(size, b"\0")
        check(expected=len(content), seen=process.fstat(fd).size, what="the size after writes beyond the end and ftruncate()")
        process.lseek(fd, 0)
        process.check_fd(fd, bytes(content), rng.choice((PAGE, 3000, 65536)), "a file after writes beyond the end and ftruncate()",
                         "bytes that nobody wrote are zeros, those behind an earlier, larger size too")
    process.fails("EINVAL").ftruncate(fd, -1)


@item("B1", points=3)
def test_random_writes(process: Process, rng: random.Random) -> None:
    """Hundreds of overlapping writes of all lengths and offsets leave exactly what was written last."""
    name = "/" + draw_name(rng)
    fd = process.open(name, CREATE)
    content = bytearray()
    for longest, steps in ((40, 60), (PAGE, 60), (5 * PAGE, 25)):
        start, span, seed = rng.randrange(3 * PAGE), rng.randrange(6 * PAGE, 40 * PAGE), draw_seed(rng)
        process.scribble(fd, start, span, steps, seed, longest)
        scribble(content, start, span, steps, seed, longest)
        process.check_file(name, bytes(content), rng.choice((511, PAGE, 10000, 65536)))
    check(expected=len(content), seen=process.lseek(fd, 0, END), what="the size after random writes, as lseek() finds it")


@item("B1", points=2)
def test_large_transfers(process: Process, rng: random.Random) -> None:
    """One write() and one read() move a megabyte, to and from odd addresses and offsets; the end of the file cuts a read."""
    count, at, offset, seed = (1 << 20) + rng.randrange(100_000), rng.randrange(PAGE), rng.randrange(1, 3 * PAGE), draw_seed(rng)
    buffer = process.buffer(count + 2 * PAGE)
    fd = process.open("/" + draw_name(rng), CREATE)
    buffer.fill(seed, 0, count, at)
    process.lseek(fd, offset)
    check(expected=count, seen=process.write_from(fd, buffer, count, at=at), what=f"the result of write() of {count} bytes")
    check(expected=offset + count, seen=process.lseek(fd, 0, CUR), what="the position after it")
    buffer.clear(rng.randrange(1, 256))
    start = rng.randrange(offset, 3 * PAGE + 1)
    check(expected=offset + count - start, seen=process.read_into(fd, buffer, count + PAGE, start),
          what=f"the result of pread() of {count + PAGE} bytes, {offset + count - start} before the end of the file")
    buffer.check(stream(seed, start - offset, offset + count - start), "what that pread() read")
    process.lseek(fd, 0)
    process.check_fd(fd, bytes(offset) + stream(seed, 0, count), rng.choice((5000, 65536)), "the file after a large write()")


@item("B1", points=3)
def test_bad_buffers(process: Process, rng: random.Random) -> None:
    """A buffer that isn't there gives EFAULT or a count up to it; nothing is lost, and the position agrees."""
    content = stream(seed := draw_seed(rng), 0, 3 * PAGE)
    fd = process.open("/" + draw_name(rng), CREATE)
    buffer = process.buffer(4 * PAGE)
    buffer.fill(seed, 0, len(content))
    process.write_from(fd, buffer, len(content))
    process.do("munmap", buffer.address + 2 * PAGE, 2)
    wrong = process.fails("EFAULT")
    for address in (0, 8, buffer.address + 2 * PAGE, 0xFFFF_8000_0000_0000, (1 << 64) - 16, 1 << 47):
        process.lseek(fd, 0)
        wrong.call("read", fd, address, 100, shown=f"read() into {address:#x}")
        wrong.call("pread64", fd, address, 100, 5, shown=f"pread() into {address:#x}")
        wrong.call("write", fd, address, 100, shown=f"write() from {address:#x}")
        check(expected=0, seen=process.lseek(fd, 0, CUR), what="the position after EFAULT")
    left = rng.randint(1, 2 * PAGE)  # bytes of the buffer that are there
    start = rng.randrange(PAGE)
    at = 2 * PAGE - left
    process.lseek(fd, start)
    seen = process.attempt().read_into(fd, buffer, left + 500, at=at)
    check_that(seen == -14 or 0 < seen <= left, expected=f"EFAULT (-14), or 1 to {left}", seen=seen,
               what=f"read() of {left + 500} bytes into a buffer of which {left} are there")
    moved = max(seen, 0)
    check(expected=start + moved, seen=process.lseek(fd, 0, CUR), what=f"the position after it, which was {start} before")
    buffer.check(content[start : start + moved], "what it read", at=at)
    process.lseek(fd, start)
    at, left = at + rng.randrange(left), 0
    left = 2 * PAGE - at
    buffer.fill(other := draw_seed(rng), 0, left, at)
    seen = process.attempt().write_from(fd, buffer, left + 500, at=at)
    check_that(seen == -14 or 0 < seen <= left, expected=f"EFAULT (-14), or 1 to {left}", seen=seen,
               what=f"write() of {left + 500} bytes from a buffer of which {left} are there")
    moved = max(seen, 0)
    check(expected=start + moved, seen=process.lseek(fd, 0, CUR), what=f"the position after it, which was {start} before")
    changed = bytearray(content)
    put(changed, start, stream(other, 0, moved))
    process.lseek(fd, 0)
    # What lies behind the part that was reported as written may have been touched, as on Linux, but no more.
    head = bytes(changed[: start + moved])
    fresh = process.buffer(4 * PAGE)
    process.read_into(fd, fresh, len(head), 0)
    fresh.check(head, "the file up to what write() reported")
    tail = start + moved + left + 500
    if tail < len(content):
        process.read_into(fd, fresh, len(content) - tail, tail)
        fresh.check(content[tail:], "the file behind what write() was asked for")
    check(expected=0, seen=process.call("read", fd, 0, 0, shown="read() of 0 bytes into 0"), what="read() of 0 bytes")
