"""B3: reading directories."""

from __future__ import annotations

import os
import random
import stat

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.tests.b.guest import PROCESS
from grading.tests.b.process import Process
from grading.tests.b.structures import DirEntry
from grading.tests.b.test_b1_data import CREATE
from grading.tests.b.test_b1_opening import draw_name

pytestmark = stands_on(PROCESS)

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
LEAST_BUFFER = 280  # bytes: holds a record with the longest name
ONCE = "each entry is given once: the position after an entry is next_position, whatever the buffer's size"


def draw_entries(process: Process, rng: random.Random, folder: str, count: int) -> dict[bytes, str]:
    """Makes entries of all kinds with names of all lengths and bytes; name -> kind."""
    made: dict[bytes, str] = {}
    for number in range(count):
        length = rng.choice((1, 2, 3, 4, 5, 255, rng.randint(6, 254)))
        name = bytes(rng.choice((*range(1, 47), *range(48, 256))) for _ in range(length - 1)) + b"%c" % (48 + number % 75)
        if name in made or name in (b".", b".."):
            continue
        path, kind = os.fsencode(folder) + b"/" + name, rng.choice(("file", "file", "directory", "symlink", "fifo"))
        if kind == "file":
            process.close(process.open(path, CREATE))
        elif kind == "directory":
            process.mkdir(path)
        elif kind == "symlink":
            process.symlink(draw_name(rng), path)
        else:
            process.mknod(path, stat.S_IFIFO | 0o644)
        made[name] = kind
    return made


def check_listing(expected: dict[bytes, str], seen: list[DirEntry], what: str, hint: str = ONCE) -> None:
    """Fails unless exactly these entries were given, with "." and "..", each once. Raises CheckFailed."""
    wanted = {**expected, b".": "directory", b"..": "directory"}
    names = [entry.name for entry in seen]
    twice = sorted({name for name in names if names.count(name) > 1})
    check(expected=[], seen=twice, what=f"entries given more than once by {what}", hint=hint)
    check(expected=[], seen=sorted(set(wanted) - set(names)), what=f"entries missing from {what}", hint=hint)
    check(expected=[], seen=sorted(set(names) - set(wanted)), what=f"entries given by {what} that aren't there", hint=hint)
    wrong = {entry.name: entry.kind for entry in seen if entry.kind != wanted[entry.name]}
    check(expected={name: wanted[name] for name in wrong}, seen=wrong, what=f"types (d_type) of entries from {what}")


@item("B3", points=3)
def test_every_entry_is_given(process: Process, rng: random.Random) -> None:
    """getdents64() gives every entry once, with its type and inode, in buffers of any size."""
    folder = "/" + draw_name(rng)
    process.mkdir(folder)
    for size in (LEAST_BUFFER, 2048):
        check_listing({}, process.list(folder, size), "an empty directory")
    made = draw_entries(process, rng, folder, 50)
    for size in (LEAST_BUFFER, rng.randint(LEAST_BUFFER, 2047), 2048):
        check_listing(made, process.list(folder, size), f"getdents64() into {size} bytes")
    entries = {entry.name: entry for entry in process.list(folder)}
    for name in rng.sample(sorted(made), 8):
        check(expected=process.lstat(os.fsencode(folder) + b"/" + name).inode, seen=entries[name].inode,
              what=f"the inode of {name!r} as getdents64() gives it, against lstat()")
    check(expected=(process.stat(folder).inode, process.stat("/").inode), seen=(entries[b"."].inode, entries[b".."].inode),
          what='the inodes of "." and ".."')


@item("B3", points=3)
def test_reading_goes_on_where_it_stopped(process: Process, rng: random.Random) -> None:
    """A directory's position belongs to the open file; d_off leads back to it, and 0 to the beginning."""
    folder = "/" + draw_name(rng)
    process.mkdir(folder)
    made = draw_entries(process, rng, folder, 24)
    fd, other = (process.open(folder, DIRECTORY) for _ in range(2))
    order = process.getdents(fd, LEAST_BUFFER)
    while (part := process.getdents(fd, rng.randint(LEAST_BUFFER, 900))) and len(order) < 100:
        order += part
    check_listing(made, order, "getdents64()")
    check(expected=[], seen=process.getdents(fd), what="getdents64() at the end of a directory")
    names = [entry.name for entry in order]
    for _ in range(6):
        index = rng.randrange(len(order))
        process.lseek(fd, order[index].next)
        seen = process.getdents(fd, LEAST_BUFFER)
        check(expected=names[index + 1 : index + 1 + len(seen)], seen=[entry.name for entry in seen],
              what=f"the entries after lseek() to the d_off of entry {index}")
        check_that(seen or index + 1 == len(order), expected="at least one entry", seen="none", what="entries after that lseek()")
    check(expected=names[:1], seen=[entry.name for entry in process.getdents(other, LEAST_BUFFER)][:1],
          what="the first entry through another open() of the directory", hint="each open() has a position of its own")
    process.lseek(fd, 0)
    child, turns = process.fork(), []
    while (part := (reader := rng.choice((child, process))).getdents(fd, LEAST_BUFFER)) and len(turns) < 100:
        turns += [(reader.pid, entry) for entry in part]
    check_listing(made, [entry for _, entry in turns], "parent and child, which read one open file in turns")
    child.exit()
    process.reap(child)
    process.close(process.open(f"{folder}/new-{draw_name(rng)}", CREATE))
    process.lseek(fd, 0)
    process.getdents(fd, LEAST_BUFFER)
    process.lseek(fd, 0)
    again: list[DirEntry] = []
    while (part := process.getdents(fd)) and len(again) < 100:
        again += part
    check(expected=len(names) + 1, seen=len(again), what="entries after lseek() to 0, with one more there")


@item("B3", points=3)
def test_changes_while_reading(process: Process, rng: random.Random) -> None:
    """Entries that stay are given once, however many others are removed and made while the directory is read."""
    folder, prefix = "/" + draw_name(rng), draw_name(rng, 30)
    process.mkdir(folder)
    count = 300
    process.each(0, count, ("mknod", f"'{folder}/{prefix}#", stat.S_IFREG | 0o644))
    fd = process.open(folder, DIRECTORY)
    gone: set[bytes] = set()
    fresh: set[bytes] = set()
    seen: list[bytes] = []
    while (part := process.getdents(fd, rng.randint(LEAST_BUFFER, 2048))) and len(seen) < 1000:
        seen += [entry.name for entry in part]
        for _ in range(rng.randrange(3)):
            name = f"{prefix}{rng.randrange(count)}"
            read = [one for one in seen if one.startswith(prefix.encode()) and one not in gone]
            if read and rng.random() < 0.5:
                name = os.fsdecode(rng.choice(read))
            if name.encode() not in gone:
                process.unlink(f"{folder}/{name}")
                gone.add(name.encode())
        if rng.random() < 0.2:
            name = draw_name(rng) + "-new"
            process.close(process.open(f"{folder}/{name}", CREATE))
            fresh.add(name.encode())
    stay = {b"%s%d" % (prefix.encode(), i) for i in range(count)} - gone
    twice = sorted({name for name in seen if seen.count(name) > 1})
    check(expected=[], seen=twice, what="entries given more than once")
    check(expected=[], seen=sorted(stay - set(seen)), what="entries that were there all the time and weren't given",
          hint="a position stays valid while other entries come and go")
    check(expected=[], seen=sorted(set(seen) - stay - gone - fresh - {b".", b".."}), what="entries that never were there")
    check(expected=sorted(os.fsdecode(name) for name in stay | fresh), seen=process.names(folder), what="the names at the end")


@item("B3", points=2)
def test_errors_of_reading_directories(process: Process, rng: random.Random) -> None:
    """What isn't a directory, was removed, has no room or no memory for an entry gets its error."""
    folder = "/" + draw_name(rng)
    process.mkdir(folder)
    file = process.open("/" + draw_name(rng), CREATE)
    process.fails("ENOTDIR").getdents(file)
    process.fails("ENOTDIR").getdents(process.pipe()[0])
    process.close(process.open("/file", CREATE))
    walked = process.puppets.machine.channel.command("walk /file")
    check(expected=(0, 1), seen=(walked.number("directories"), walked.number("errors")), what="directories that `walk` opens at a file, and errors",
          hint="opendir() opens directories alone")
    fd = process.open(folder, DIRECTORY)
    process.fails("EINVAL").getdents(fd, rng.randint(0, 20))
    process.fails("EFAULT").call("getdents64", fd, 16, 2048)
    process.fails("EBADF").getdents(process.open(folder, os.O_PATH))
    process.fails("EBADF").getdents(fd + 100)
    check_listing({}, process.getdents(fd), "getdents64() after calls that failed", "an entry that didn't fit is given by the next call")
    process.rmdir(folder)
    process.lseek(fd, 0)
    process.fails("ENOENT").getdents(fd)
    process.fails("ENOENT").open(folder)
