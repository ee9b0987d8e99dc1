"""B1: opening and closing files, and what the monitor's own commands do with them."""

from __future__ import annotations

import os
import random
import stat
import string

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check
from grading.tests.b.guest import PROCESS, Guest
from grading.tests.b.process import Process
from grading.tests.b.structures import flags_text

pytestmark = stands_on(PROCESS)

RDONLY, WRONLY, RDWR = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
NEITHER = 3  # an access mode that opens for neither
NOBODY_DRIVES = 233, 77  # a device's numbers
CREAT, EXCL, TRUNC, APPEND = os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND
DIRECTORY, NOFOLLOW, PATH = os.O_DIRECTORY, os.O_NOFOLLOW, os.O_PATH


def draw_name(rng: random.Random, longest: int = 20) -> str:
    """A random file name."""
    return "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(4, longest)))


def draw_text(rng: random.Random, longest: int = 60) -> bytes:
    """Random printable bytes, at least one."""
    return "".join(rng.choices(string.ascii_letters + string.digits + " .,", k=rng.randint(1, longest))).encode()


@stands_on()
@item("B1", points=2)
def test_monitor_writes_and_reads_files(guest: Guest, rng: random.Random) -> None:
    """The monitor's `write` and `cat`, which call vfs_open(), vfs_write() and vfs_read() alone, give back random words."""
    command = guest.machine.channel.command
    files: dict[str, str] = {}
    for _ in range(12):
        name = rng.choice([draw_name(rng), *files])
        words = " ".join(draw_name(rng, 25) for _ in range(rng.randint(1, 5)))
        append = rng.random() < 0.5
        command(f"write {'-a ' if append else ''}/{name} {words}")
        files[name] = (files.get(name, "") if append else "") + words + "\n"
    for name, text in files.items():
        check(expected=text.splitlines(), seen=command(f"cat /{name}").lines, what=f"what `cat /{name}` prints",
              hint="open with O_TRUNC empties a file, O_APPEND writes at its end")
    missing = draw_name(rng)
    check(expected="ENOENT", seen=guest.machine.channel.try_command(f"cat /{missing}").errno, what=f"`cat /{missing}`")


@item("B1", points=3)
def test_open_makes_files(process: Process, rng: random.Random) -> None:
    """O_CREAT makes a file with the mode that the umask leaves, O_EXCL only a new one, O_TRUNC empties."""
    name, text = "/" + draw_name(rng), draw_text(rng)
    process.fails("ENOENT").open(name, RDWR)
    mode = rng.randrange(0o1000)
    fd = process.open(name, WRONLY | CREAT | rng.choice((0, EXCL)), mode)
    process.write(fd, text)
    process.close(fd)
    seen = process.stat(name)
    check(expected=("file", mode & ~0o22, len(text), 1), seen=(seen.kind, seen.mode & 0o7777, seen.size, seen.links),
          what=f"kind, mode (umask 022), size and links of a new file opened with mode {mode:#o}")
    process.fails("EEXIST").open(name, RDWR | CREAT | EXCL)
    fd = process.open(name, RDONLY | CREAT, 0o777)
    check(expected=text, seen=process.read(fd, 100), what="the content after an open() with O_CREAT of a file that exists",
          hint="O_CREAT without O_TRUNC leaves an existing file alone")
    check(expected=seen.mode, seen=process.fstat(fd).mode, what="the mode after an open() with O_CREAT of a file that exists")
    other = process.open(name, WRONLY | TRUNC)
    check(expected=0, seen=process.fstat(fd).size, what="the size that an older descriptor sees after open() with O_TRUNC")
    check(expected=seen.inode, seen=process.fstat(other).inode, what="the inode after open() with O_TRUNC: the same file")
    check(expected=b"", seen=process.pread(fd, 100, 0), what="what an older descriptor reads after open() with O_TRUNC")


@item("B1", points=3)
def test_open_of_links_and_directories(process: Process, rng: random.Random) -> None:
    """open() follows a symbolic link, makes a dangling one's target, but not with O_EXCL; directories are only read."""
    target, link, dangling, folder = ("/" + draw_name(rng) + suffix for suffix in ".ldf")
    text = draw_text(rng)
    process.mkdir(folder)
    process.symlink(target.lstrip("/"), link)
    process.fails("ENOENT").open(link, RDWR)
    process.fails("EEXIST").open(link, RDWR | CREAT | EXCL)
    process.fails("ELOOP").open(link, WRONLY | CREAT | NOFOLLOW)
    process.write(process.open(link, WRONLY | CREAT), text)
    check(expected=text, seen=process.read(process.open(target, RDONLY), 100),
          what="the content of the file that open() with O_CREAT made at the target of a dangling link")
    process.fails("EEXIST").open(link, RDWR | CREAT | EXCL)
    process.fails("ELOOP").open(link, RDONLY | NOFOLLOW)
    fd = process.open(link, PATH | NOFOLLOW)
    check(expected="symlink", seen=process.fstat(fd).kind, what="what O_PATH with O_NOFOLLOW opens at a symbolic link")
    process.symlink(f"{folder}/{draw_name(rng)}/{draw_name(rng)}", dangling)
    process.fails("ENOENT").open(dangling, WRONLY | CREAT)
    process.fails("ENOTDIR").open(target, RDONLY | DIRECTORY)
    process.fails("ENOTDIR").open(target + "/", RDONLY)
    process.fails("ENOTDIR").open(f"{target}/{draw_name(rng)}", RDWR | CREAT)
    for flags in (WRONLY, RDWR, RDWR | TRUNC, RDONLY | CREAT):
        process.fails("EISDIR").open(folder, flags)
    process.fails("EISDIR").open(f"/{draw_name(rng)}/", WRONLY | CREAT)
    process.fails("ENOENT").open("", RDONLY)
    process.fails("ENAMETOOLONG").open("/" + "n" * 256, RDWR | CREAT)
    process.mknod(device := f"{folder}/device", stat.S_IFCHR | 0o600, os.makedev(*NOBODY_DRIVES))
    process.fails("ENXIO").open(device, RDWR)
    fd = process.open(folder, RDONLY | rng.choice((0, DIRECTORY)))
    check(expected="directory", seen=process.fstat(fd).kind, what="what open() of a directory gives")
    process.fails("EISDIR").read(fd, 10)
    process.fails("EISDIR").pread(fd, 10, 0)
    process.fails("EBADF").write(fd, b"x")


@item("B1", points=3)
def test_access_modes(process: Process, rng: random.Random) -> None:
    """A descriptor reads and writes only as it was opened for, whatever the file's other descriptors may do."""
    name, text = "/" + draw_name(rng), draw_text(rng, 40)
    both = process.open(name, RDWR | CREAT)
    process.write(both, text)
    for flags, readable, writable in ((RDONLY, 1, 0), (WRONLY, 0, 1), (RDWR, 1, 1), (WRONLY | APPEND, 0, 1), (NEITHER, 0, 0),
                                      (PATH, 0, 0)):
        fd = process.open(name, flags)
        shown = f"after open() with {flags_text(flags)}"
        if readable:
            check(expected=text, seen=process.pread(fd, 100, 0), what=f"pread() {shown}")
            check(expected=text, seen=process.read(fd, 100), what=f"read() {shown}")
        else:
            process.fails("EBADF").read(fd, 1)
            process.fails("EBADF").pread(fd, 1, 0)
        if writable:
            more = draw_text(rng, 10)
            if not flags & APPEND:
                process.lseek(fd, len(text))
            check(expected=len(more), seen=process.write(fd, more), what=f"write() {shown}")
            text += more
        else:
            process.fails("EBADF").write(fd, b"!")
            process.fails("EBADF").pwrite(fd, b"!", 0)
        check(expected=text, seen=process.pread(both, 1000, 0), what=f"the file's content at the end, {shown}")
        process.close(fd)
        process.fails("EBADF").read(fd, 1)
    fd = process.open(name, PATH)
    process.fails("EBADF").lseek(fd, 0)
    process.fails("EBADF").ftruncate(fd, 0)


@item("B1", points=2)
def test_open_in_the_name_of_others(process: Process, rng: random.Random) -> None:
    """Who isn't root opens what its permissions let others open, makes files where others may, and those are theirs."""
    folder, closed, text = "/" + draw_name(rng) + "1", "/" + draw_name(rng) + "2", draw_text(rng)
    group, user = rng.sample(range(100, 60_000), 2)
    for path, mode in ((folder, 0o777), (closed, 0o755)):
        process.mkdir(path)
        process.chmod(path, mode)
    other = process.fork()
    other.call("setgid", group)
    other.call("setuid", user)
    refused = f"{closed}/{draw_name(rng)}"
    other.fails("EACCES").open(refused, RDWR | CREAT)
    process.fails("ENOENT").stat(refused)
    fd = other.open(f"{folder}/own", RDWR | CREAT, 0)
    other.write(fd, text)
    check(expected=text, seen=other.pread(fd, 100, 0), what="what its maker reads of a new file without any permissions")
    seen = process.stat(f"{folder}/own")
    check(expected=(user, group, 0), seen=(seen.owner, seen.group, seen.mode & 0o7777), what="user, group and mode of that file")
    other.fails("EACCES").open(f"{folder}/own", RDONLY | CREAT)
    for rights in range(0, 8, 2):
        path = f"{folder}/{rights}"
        process.write(process.open(path, WRONLY | CREAT), text)
        process.chmod(path, 0o600 | rights)
        needs = {RDONLY: 4, WRONLY: 2, RDWR: 6, NEITHER: 6, RDONLY | TRUNC: 6}
        for flags in sorted(needs):  # O_TRUNC comes last
            (other if needs[flags] & rights == needs[flags] else other.fails("EACCES")).open(path, flags)
        check(expected=0 if rights == 6 else len(text), seen=process.stat(path).size,
              what=f"the size of a file of mode {0o600 | rights:#o} that others opened, or couldn't, with O_TRUNC at last")


@item("B1", points=2)
def test_an_open_file_outlives_its_name(process: Process, rng: random.Random) -> None:
    """A descriptor goes on reading and writing its file after that was renamed, replaced or unlinked."""
    old, new = "/" + draw_name(rng) + "1", "/" + draw_name(rng) + "2"
    one, two, three = (draw_text(rng) for _ in range(3))
    fd = process.open(old, RDWR | CREAT)
    process.write(fd, one)
    inode = process.fstat(fd).inode
    process.rename(old, new)
    process.fails("ENOENT").open(old)
    check(expected=one, seen=process.read(process.open(new), 100), what="the content under the new name")
    process.unlink(new)
    process.fails("ENOENT").open(new)
    process.write(process.open(new, WRONLY | CREAT | EXCL), two)
    process.write(fd, three)
    check(expected=one + three, seen=process.pread(fd, 200, 0), what="an unlinked file's content through its descriptor")
    check(expected=(inode, 0), seen=(process.fstat(fd).inode, process.fstat(fd).links),
          what="inode and links of the unlinked file")
    check(expected=two, seen=process.read(process.open(new), 100), what="the content of the new file of the same name")
    process.close(fd)
    fd = process.open("/" + draw_name(rng), WRONLY | CREAT)
    process.close(fd)
    process.fails("EBADF").write(fd, b"x")
    process.fails("EBADF").close(fd)
