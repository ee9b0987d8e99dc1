"""B2: file descriptors: which number comes next, who shares what, and that nothing is lost."""

from __future__ import annotations

import os
import random

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.tests.b.guest import PROCESS, Guest
from grading.tests.b.process import Process
from grading.tests.b.structures import FD_CLOEXEC, F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFD, F_SETFL, error_name
from grading.tests.b.test_b1_data import CREATE, draw_seed
from grading.tests.b.test_b1_opening import draw_name, draw_text

pytestmark = stands_on(PROCESS)

FIRST = 3  # 0, 1 and 2 are the console
LIMIT = 1024
FAILURES = 6  # allocations that fail, one after the other
CUR = os.SEEK_CUR
LOWEST_HINT = "a new descriptor is the lowest number that isn't in use"


def lowest(used: set[int], start: int = 0) -> int:
    """The lowest number from `start` on that isn't used."""
    return next(fd for fd in range(start, LIMIT + 1) if fd not in used)


@item("B2", points=3)
def test_the_lowest_free_descriptor(process: Process, rng: random.Random) -> None:
    """Whatever was closed before, open(), dup() and pipe() give the lowest descriptors that are free."""
    name, used = "/" + draw_name(rng), {0, 1, 2}
    process.close(process.open(name, CREATE))
    for _ in range(60):
        own = sorted(used - {0, 1, 2})
        if own and rng.random() < 0.4:
            fd = rng.choice(own)
            process.close(fd)
            used.remove(fd)
            continue
        kind = rng.choice(("open", "dup", "F_DUPFD", "pipe"))
        expected = lowest(used)
        if kind == "open":
            seen = process.open(name)
        elif kind == "dup":
            seen = process.dup(rng.choice(sorted(used)))
        elif kind == "F_DUPFD":
            least = rng.choice((0, rng.randrange(80), rng.randrange(LIMIT)))
            expected = lowest(used, least)
            seen = process.fcntl(rng.choice(sorted(used)), rng.choice((F_DUPFD, F_DUPFD_CLOEXEC)), least)
        else:
            pair = (expected, lowest(used | {expected}))
            check(expected=pair, seen=process.pipe(),
                  what=f"the descriptors from pipe() with {sorted(used)} in use", hint=LOWEST_HINT)
            used |= set(pair)
            continue
        check(expected=expected, seen=seen, what=f"the descriptor from {kind} with {sorted(used)} in use", hint=LOWEST_HINT)
        used.add(seen)
    for fd in range(max(used) + 2):
        if fd in used:
            process.fcntl(fd, F_GETFD)
        else:
            process.fails("EBADF").fcntl(fd, F_GETFD)


@item("B2", points=3)
def test_growth_up_to_the_limit(process: Process, rng: random.Random) -> None:
    """The table grows to 1,024 descriptors, each usable; then EMFILE, and a closed one can be used again."""
    names = ["/" + draw_name(rng) + str(i) for i in range(2)]
    texts = [draw_text(rng) for _ in names]
    fds = []
    for name, text in zip(names, texts, strict=True):
        fds.append(process.open(name, CREATE))
        process.write(fds[-1], text)
    middle = rng.randrange(60, LIMIT - 200)
    process.each(0, middle, ("dup", fds[0]))
    process.each(0, LIMIT - FIRST - 2 - middle, ("dup", fds[1]))
    check(expected=0, seen=process.attempt().each(0, 1, ("dup", 0)),
          what=f"dup() calls that succeed when {LIMIT} descriptors are in use")
    process.fails("EMFILE").dup(0)
    process.fails("EMFILE").open(names[0])
    process.fails("EMFILE").open(names[0] + "-new", CREATE)
    check(expected=False, seen=process.exists(names[0] + "-new"), what="whether an open() that failed with EMFILE has made its file",
          hint="open() asks next_fd(), which descriptors are in use, before it makes anything")
    process.fails("EMFILE").call("pipe", ">8")
    process.fails("EMFILE").fcntl(0, F_DUPFD, rng.randrange(LIMIT))
    border = FIRST + 2 + middle
    for fd in {63, 64, 65, 127, 128, 255, 256, 511, 512, LIMIT - 1, border - 1, border, *(rng.randrange(5, LIMIT) for _ in range(8))}:
        check(expected=texts[fd >= border], seen=process.pread(fd, 100, 0), what=f"the content of the file open as {fd}",
              hint="the table's entries move when it grows")
    process.close(hole := rng.randrange(5, LIMIT))
    process.fails("EBADF").pread(hole, 1, 0)
    check(expected=hole, seen=process.open(names[0]), what="the descriptor from open() when only that one is free")
    check(expected=texts[0], seen=process.read(hole, 100), what=f"the content of the file open as {hole}, used again")
    process.fails("EMFILE").dup(0)
    process.each(FIRST, LIMIT - FIRST, ("close", "#"))
    check(expected=FIRST, seen=process.open(names[1]),
          what="the descriptor from open() after all but the first three were closed")
    check(expected=texts[1], seen=process.read(FIRST, 100), what="what it reads")
    process.fails("EBADF").close(LIMIT - 1)


@item("B2", points=1)
def test_growth_without_memory(guest: Guest, rng: random.Random) -> None:
    """Where no memory is left for a larger table, dup2() says ENOMEM, and the table stays as it was."""
    parent, command = guest.process(), guest.machine.channel.command
    high = rng.randrange(600, LIMIT)  # a table that grows as a whole takes frames of its own for that; one that needs none may succeed
    for failing in range(1, FAILURES):
        process = parent.fork()
        process.dup2(1, 1)  # touches the memory of its own that a call takes
        command(f"fail allocation {failing}")
        result = process.attempt().dup2(1, high)
        command("fail allocation 0")
        if result != high:
            check(expected="ENOMEM", seen=error_name(-result), what=f"the error of dup2(1, {high}) where allocation {failing} fails")
            process.fails("EBADF").fcntl(high, F_GETFD)
            check(expected=high, seen=process.dup2(1, high), what=f"the result of dup2(1, {high}) after it had failed")
        process.fcntl(high, F_GETFD)
        process.exit()
        parent.reap(process)


@item("B2", points=2)
def test_numbers_that_are_no_descriptors(process: Process, rng: random.Random) -> None:
    """Every call on a closed, negative or too large descriptor says EBADF."""
    fd = process.open("/" + draw_name(rng), CREATE)
    process.close(fd)
    numbers = [fd, fd + 1, LIMIT - 1, LIMIT, LIMIT + rng.randrange(1, 3000), 1 << 16, (1 << 31) - 1, -1, -rng.randrange(2, 5000), -(1 << 31)]
    wrong = process.fails("EBADF")
    for number in numbers:
        wrong.read(number, 1)
        wrong.write(number, b"x")
        wrong.close(number)
        wrong.lseek(number, 0)
        wrong.dup(number)
        wrong.dup2(number, 5)
        wrong.fcntl(number, F_GETFD)
        wrong.fcntl(number, F_SETFD, FD_CLOEXEC)
        wrong.call("fstat", number, ">144", shown=f"fstat({number})")
    for number in (LIMIT, LIMIT + rng.randrange(3000), -1, -rng.randrange(2, 5000)):
        wrong.dup2(0, number)
    for least in (LIMIT, LIMIT + rng.randrange(3000), -1, -rng.randrange(2, 5000)):
        process.fails("EINVAL").fcntl(0, F_DUPFD, least)
    check(expected=fd, seen=process.open("/", os.O_RDONLY), what="the next descriptor after all that")


@item("B2", points=3)
def test_dup_shares_the_open_file(process: Process, rng: random.Random) -> None:
    """Duplicates share position and O_APPEND; open() does not; each is closed on its own."""
    name, content = "/" + draw_name(rng), draw_text(rng, 100).ljust(60, b"=")
    fd = process.open(name, CREATE)
    process.write(fd, content)
    other = process.open(name, os.O_RDWR)
    twins = [fd, process.dup(fd), process.dup2(fd, rng.randrange(20, LIMIT)), process.fcntl(fd, F_DUPFD, rng.randrange(LIMIT))]
    position = len(content)
    for _ in range(14):
        one, another = rng.sample(twins, 2)
        if rng.random() < 0.5:
            position = rng.randrange(len(content))
            process.lseek(one, position)
        else:
            part = content[position : position + rng.randint(1, 20)]
            check(expected=part, seen=process.read(one, len(part)) if part else b"", what=f"read({one}) at position {position}")
            position += len(part)
        check(expected=position, seen=process.lseek(another, 0, CUR), what=f"the position of {another}, a duplicate of {one}",
              hint="dup() copies the reference to the open file; the position is the file's")
        check(expected=0, seen=process.lseek(other, 0, CUR), what="the position of another open() of the same file")
    process.fcntl(twins[0], F_SETFL, os.O_APPEND)
    check(expected=os.O_APPEND, seen=process.fcntl(twins[1], F_GETFL) & os.O_APPEND,
          what="O_APPEND at a duplicate, after F_SETFL")
    check(expected=0, seen=process.fcntl(other, F_GETFL) & os.O_APPEND,
          what="O_APPEND at another open() of the file, after F_SETFL")
    rng.shuffle(twins)
    while len(twins) > 1:
        process.close(twins.pop())
        process.lseek(twins[0], 0)
        check(expected=content[:9], seen=process.read(twins[0], 9), what=f"read({twins[0]}) after a duplicate was closed")
    process.close(twins[0])
    check(expected=content[:9], seen=process.read(other, 9), what="read() of another open() after all duplicates were closed")


@item("B2", points=3)
def test_dup2_and_dup3(process: Process, rng: random.Random) -> None:
    """dup2() closes what the number stood for, and only that; onto itself it changes nothing, and dup3() refuses it."""
    paths = ["/" + draw_name(rng) + str(i) for i in range(2)]
    texts = [draw_text(rng) for _ in paths]
    fds = [process.open(path, CREATE) for path in paths]
    for fd, text in zip(fds, texts, strict=True):
        process.write(fd, text)
    high = rng.randrange(100, LIMIT)
    check(expected=high, seen=process.dup2(fds[0], high), what="the result of dup2() onto a free number")
    check(expected=texts[0], seen=process.pread(high, 100, 0), what="the content behind it")
    check(expected=max(fds) + 1, seen=process.dup(0), what="the lowest free descriptor: those below the number are still free")
    read_end, write_end = process.pipe()
    process.fcntl(read_end, F_SETFL, os.O_NONBLOCK)
    process.dup2(fds[1], write_end)
    check(expected=b"", seen=process.read(read_end, 5), what="read() of a pipe whose writing end dup2() has replaced: its end",
          hint="dup2() closes the open file that the number referred to")
    check(expected=texts[1], seen=process.pread(write_end, 100, 0), what="the content behind the replaced descriptor")
    check(expected=texts[0], seen=process.pread(high, 100, 0),
          what="the content behind a descriptor that has nothing to do with it")
    process.fcntl(high, F_SETFD, FD_CLOEXEC)
    check(expected=high, seen=process.dup2(high, high), what="dup2() of a descriptor onto itself")
    check(expected=FD_CLOEXEC, seen=process.fcntl(high, F_GETFD), what="its close-on-exec flag after that: as before")
    process.fails("EINVAL").dup3(high, high, 0)
    process.fails("EBADF").dup2(high + 1 if high + 1 < LIMIT else 99, fds[0])
    check(expected=texts[0], seen=process.pread(fds[0], 100, 0), what="the content behind the target of a dup2() that failed")
    process.dup3(fds[0], high, os.O_CLOEXEC)
    check(expected=FD_CLOEXEC, seen=process.fcntl(high, F_GETFD), what="the close-on-exec flag after dup3() with O_CLOEXEC")
    process.dup2(fds[0], high)
    check(expected=0, seen=process.fcntl(high, F_GETFD), what="the close-on-exec flag after dup2() onto a number that had it")


@item("B2", points=2)
def test_close_on_exec_belongs_to_the_descriptor(process: Process, rng: random.Random) -> None:
    """The flag is set and cleared for one descriptor alone, is gone with it, and fork() copies it."""
    name = "/" + draw_name(rng)
    flags: dict[int, int] = {}
    process.close(process.open(name, CREATE))
    high = rng.choice((70, 130, 900))
    for _ in range(30):
        kind = rng.choice(("open", "dup", "dupfd", "set", "set", "close"))
        if kind == "open":
            wanted = rng.choice((0, os.O_CLOEXEC))
            fd = process.open(name, os.O_RDONLY | wanted)
            flags[fd] = int(wanted != 0)
        elif not flags:
            continue
        elif kind == "dup":
            flags[process.dup(rng.choice(list(flags)))] = 0
        elif kind == "dupfd":
            command = rng.choice((F_DUPFD, F_DUPFD_CLOEXEC))
            fd = process.fcntl(rng.choice(list(flags)), command, rng.choice((0, high)))
            flags[fd] = int(command == F_DUPFD_CLOEXEC)
        elif kind == "set":
            fd = rng.choice(list(flags))
            flags[fd] = rng.randrange(2)
            process.fcntl(fd, F_SETFD, flags[fd])
        else:
            fd = rng.choice(list(flags))
            process.close(fd)
            del flags[fd]
        for fd in rng.sample(sorted(flags), min(2, len(flags))):
            check(expected=flags[fd], seen=process.fcntl(fd, F_GETFD), what=f"the close-on-exec flag of {fd} after {kind}")
    for flag in (0, 1):  # one of each at least, whatever was drawn
        fd = process.open(name, os.O_RDONLY | flag * os.O_CLOEXEC)
        process.fcntl(fd, F_SETFD, flags.setdefault(fd, 1 - flag))
    child = process.fork()
    for who, whose in ((child, "in the child of fork()"), (process, "in the parent after fork()")):
        seen = {fd: who.fcntl(fd, F_GETFD) for fd in flags}
        check(expected=flags, seen=seen, what=f"the close-on-exec flags {whose}")
    fd = rng.choice(list(flags))
    child.fcntl(fd, F_SETFD, 1 - flags[fd])
    check(expected=flags[fd], seen=process.fcntl(fd, F_GETFD),
          what=f"the parent's flag of {fd} after the child changed its own")
    child.exit()
    process.reap(child)


@item("B2", points=4)
def test_fork_shares_open_files(process: Process, rng: random.Random) -> None:
    """After fork() both have the same descriptors and positions; opening and closing concern one table alone."""
    name, content = "/" + draw_name(rng), draw_text(rng, 100).ljust(80, b"#")
    fds = [process.open(name, CREATE), process.open("/", os.O_RDONLY)]
    process.write(fds[0], content)
    fds.append(process.fcntl(fds[0], F_DUPFD, rng.randrange(60, LIMIT)))
    child = process.fork()
    for _ in range(10):
        one, another = rng.sample((process, child), 2)
        at = rng.randrange(len(content) - 20)
        one.lseek(rng.choice((fds[0], fds[2])), at)
        check(expected=content[at : at + 7], seen=another.read(rng.choice((fds[0], fds[2])), 7),
              what=f"what one process reads after the other moved to {at}", hint="fork() shares open files, and so their positions")
        check(expected=at + 7, seen=one.lseek(fds[0], 0, CUR), what="the position after the other one's read()")
    mine = process.open(name)
    child.fails("EBADF").read(mine, 1)
    yours = child.open(name)
    check(expected=mine, seen=yours, what="the descriptor that the child gets, the same as the parent's: the tables are apart",
          hint=LOWEST_HINT)
    child.lseek(yours, 5)
    check(expected=0, seen=process.lseek(mine, 0, CUR), what="the position of the parent's open(), made after fork()")
    child.close(fds[0])
    child.fails("EBADF").lseek(fds[0], 0)
    process.lseek(fds[0], 3)
    check(expected=content[3:9], seen=process.read(fds[0], 6), what="what the parent reads after the child closed the descriptor")
    process.close(fds[2])
    child.lseek(fds[2], 2)
    check(expected=content[2:8], seen=child.read(fds[2], 6), what="what the child reads after the parent closed the descriptor")
    grandchild = child.fork()
    child.exit()
    grandchild.lseek(fds[2], 1)
    check(expected=content[1:5], seen=grandchild.read(fds[2], 4), what="what the grandchild reads after the child exited")
    check(expected=content[5:9], seen=process.pread(fds[0], 4, 5), what="what the parent reads after the child exited")
    grandchild.exit()
    process.reap(child)


@item("B2", points=3)
def test_the_last_close_counts(process: Process, rng: random.Random) -> None:
    """A pipe ends when its last writing descriptor is closed, in whichever process, by close(), dup2() or exit()."""
    read_end, write_end = process.pipe()
    twin = process.fcntl(write_end, F_DUPFD, rng.randrange(LIMIT))
    child = process.fork()
    text = draw_text(rng)
    child.write(twin, text)
    check(expected=text, seen=process.read(read_end, 200), what="what the parent reads of a pipe that the child wrote to")
    process.fcntl(read_end, F_SETFL, os.O_NONBLOCK)
    holders = [(process, write_end), (process, twin), (child, write_end), (child, twin)]
    rng.shuffle(holders)
    for holder, fd in holders[:-1]:
        if rng.random() < 0.5:
            holder.close(fd)
        else:
            holder.dup2(0, fd)
        process.fails("EAGAIN").read(read_end, 1)
    holder, fd = holders[-1]
    if holder is process:
        process.close(fd)
        check(expected=b"", seen=process.read(read_end, 1), what="read() of the pipe after its last writer closed it: its end")
        child.exit()
    else:
        child.exit()
        process.reap(child)
        check(expected=b"", seen=process.read(read_end, 1), what="read() of the pipe after its last writer exited: its end",
              hint="exit closes every descriptor; each drops its reference")


@item("B2", points=3)
def test_descriptors_leak_nothing(guest: Guest, rng: random.Random) -> None:
    """Tables that grew, were copied by fork() and left full give back all memory; unlinked files go with the last close."""
    name, pages = "/" + draw_name(rng), 200
    free = []
    for turn in range(4):
        process = guest.process()
        fd = process.open(name, CREATE)
        process.unlink(name)
        process.records(fd, pages, 4096, draw_seed(rng))
        child = process.fork()
        process.each(0, rng.randrange(600, 1000), ("dup", fd))
        grandchild = process.fork()
        child.each(0, rng.randrange(10, 900), ("open", "'/", 0))
        process.dup2(0, fd)
        guest.end(process, *sorted((child, grandchild), key=lambda one: rng.random()))
        free.append(guest.unused_memory())
        check_that(free[-1][0] > free[0][0] - pages, expected=f"about {free[0][0]}", seen=free[-1][0],
                   what=f"free frames after {turn + 1} processes with large tables, and a deleted file, are gone",
                   hint="each reference to an open file is dropped once: by close(), by dup2() onto it, by exit")
    check(expected=free[2], seen=free[3],
          what="frames that are free or the heap's, and bytes of the heap in use, after the fourth such family, against those after the third",
          hint="what one family used, the next can use again")
