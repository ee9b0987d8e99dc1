"""The file calls that a test can ask of a process, one function each, named as in `os`."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from grading.judge.check import CheckFailed
from grading.tests.b.caller import SMALL, Buffer, Caller, Text, shown_text
from grading.tests.b.structures import AT_FDCWD, NUMBERS, DirEntry, Stat, StatFs, decode_entries, error_name, flags_text


class FileCalls(Caller):
    """A process, and the calls that it can make."""

    # -- descriptors -------------------------------------------------------------------------------

    def open(self, path: Text, flags: int = os.O_RDONLY, mode: int = 0o644) -> int:
        """open(2)."""
        shown = f"open({shown_text(path)}, {flags_text(flags)}" + (f", {mode:#o})" if flags & os.O_CREAT else ")")
        return self._call(shown, NUMBERS["open"], self._text(path), flags, mode)[0]

    def openat(self, folder: int, path: Text, flags: int = os.O_RDONLY, mode: int = 0o644) -> int:
        """openat(2)."""
        return self._call(f"openat({folder}, {shown_text(path)}, {flags_text(flags)})", NUMBERS["openat"], folder,
                          self._text(path), flags, mode)[0]

    def close(self, fd: int) -> int:
        """close(2)."""
        return self._call(f"close({fd})", NUMBERS["close"], fd)[0]

    def read(self, fd: int, count: int) -> bytes:
        """read(2) of at most SMALL bytes."""
        return self._bytes(f"read({fd}, {count})", NUMBERS["read"], fd, f"}}{count}", count)

    def pread(self, fd: int, count: int, offset: int) -> bytes:
        """pread(2) of at most SMALL bytes."""
        return self._bytes(f"pread({fd}, {count}, {offset})", NUMBERS["pread64"], fd, f"}}{count}", count, offset)

    def _bytes(self, shown: str, *words: int | str) -> bytes:
        result, outs = self._call(shown, *words)
        if result >= 0 and (not outs or len(outs[0]) != result):
            raise CheckFailed(f"the result of {shown}", "at most the bytes asked for", str(result))
        return outs[0] if outs else b""

    def write(self, fd: int, data: Text) -> int:
        """write(2) of few bytes."""
        data = os.fsencode(data)
        return self._call(f"write({fd}, {len(data)} bytes)", NUMBERS["write"], fd, self._text(data), len(data))[0]

    def pwrite(self, fd: int, data: Text, offset: int) -> int:
        """pwrite(2) of few bytes."""
        data = os.fsencode(data)
        return self._call(f"pwrite({fd}, {len(data)} bytes, {offset})", NUMBERS["pwrite64"], fd, self._text(data), len(data),
                          offset)[0]

    def lseek(self, fd: int, offset: int, whence: int = os.SEEK_SET) -> int:
        """lseek(2)."""
        name = {0: "SEEK_SET", 1: "SEEK_CUR", 2: "SEEK_END"}.get(whence, str(whence))
        return self._call(f"lseek({fd}, {offset}, {name})", NUMBERS["lseek"], fd, offset, whence)[0]

    def dup(self, fd: int) -> int:
        """dup(2)."""
        return self._call(f"dup({fd})", NUMBERS["dup"], fd)[0]

    def dup2(self, fd: int, new: int) -> int:
        """dup2(2)."""
        return self._call(f"dup2({fd}, {new})", NUMBERS["dup2"], fd, new)[0]

    def dup3(self, fd: int, new: int, flags: int) -> int:
        """dup3(2)."""
        return self._call(f"dup3({fd}, {new}, {flags:#o})", NUMBERS["dup3"], fd, new, flags)[0]

    def fcntl(self, fd: int, command: int, argument: int = 0) -> int:
        """fcntl(2)."""
        names = {0: "F_DUPFD", 1: "F_GETFD", 2: "F_SETFD", 3: "F_GETFL", 4: "F_SETFL", 1030: "F_DUPFD_CLOEXEC"}
        return self._call(f"fcntl({fd}, {names[command]}, {argument})", NUMBERS["fcntl"], fd, command, argument)[0]

    def fsync(self, fd: int) -> int:
        """fsync(2)."""
        return self._call(f"fsync({fd})", NUMBERS["fsync"], fd)[0]

    def ftruncate(self, fd: int, size: int) -> int:
        """ftruncate(2)."""
        return self._call(f"ftruncate({fd}, {size})", NUMBERS["ftruncate"], fd, size)[0]

    def fstat(self, fd: int) -> Stat:
        """fstat(2)."""
        return self._structure(f"fstat({fd})", Stat.decode, NUMBERS["fstat"], fd, ">144")

    def getdents(self, fd: int, size: int = SMALL) -> list[DirEntry]:
        """One getdents64(2)."""
        return decode_entries(self._bytes(f"getdents64({fd}, {size})", NUMBERS["getdents64"], fd, f"}}{size}", size))

    def pipe(self) -> tuple[int, int]:
        """pipe(2): the end to read from and the end to write to."""
        _, outs = self._call("pipe()", NUMBERS["pipe"], ">8")
        return int.from_bytes(outs[0][:4], "little"), int.from_bytes(outs[0][4:], "little")

    # -- paths -------------------------------------------------------------------------------------

    def stat(self, path: Text) -> Stat:
        """stat(2)."""
        return self._structure(f"stat({shown_text(path)})", Stat.decode, NUMBERS["stat"], self._text(path), ">144")

    def lstat(self, path: Text) -> Stat:
        """lstat(2)."""
        return self._structure(f"lstat({shown_text(path)})", Stat.decode, NUMBERS["lstat"], self._text(path), ">144")

    def statfs(self, path: Text) -> StatFs:
        """statfs(2)."""
        return self._structure(f"statfs({shown_text(path)})", StatFs.decode, NUMBERS["statfs"], self._text(path), ">120")

    def _structure(self, shown: str, decode: Callable[[bytes], object], *words: int | str):  # type: ignore[no-untyped-def]
        result, outs = self._call(shown, *words)
        return decode(outs[0]) if result >= 0 else result

    def exists(self, path: Text) -> bool:
        """Whether stat() finds it; any error but ENOENT fails the test."""
        seen = self.attempt().stat(path)
        if isinstance(seen, int) and -seen != errno.ENOENT:
            raise CheckFailed(f"stat({shown_text(path)})", "success or ENOENT", error_name(-seen))
        return not isinstance(seen, int)

    def _path(self, name: str, path: Text, *arguments: int, mode: int | None = None, shown: str = "") -> int:
        """A call with a path, then a mode if it has one, then other numbers."""
        modes = [] if mode is None else [mode]
        text = ", ".join([shown_text(path), *(f"{word:#o}" for word in modes), *map(str, arguments)])
        return self._call(shown or f"{name}({text})", NUMBERS[name], self._text(path), *modes, *arguments)[0]

    def _paths(self, name: str, one: Text, other: Text) -> int:
        return self._call(f"{name}({shown_text(one)}, {shown_text(other)})", NUMBERS[name], self._text(one), self._text(other))[0]

    def mkdir(self, path: Text, mode: int = 0o755) -> int:
        """mkdir(2)."""
        return self._path("mkdir", path, mode=mode)

    def rmdir(self, path: Text) -> int:
        """rmdir(2)."""
        return self._path("rmdir", path)

    def unlink(self, path: Text) -> int:
        """unlink(2)."""
        return self._path("unlink", path)

    def truncate(self, path: Text, size: int) -> int:
        """truncate(2)."""
        return self._path("truncate", path, size)

    def chdir(self, path: Text) -> int:
        """chdir(2)."""
        return self._path("chdir", path)

    def chmod(self, path: Text, mode: int) -> int:
        """chmod(2)."""
        return self._path("chmod", path, mode=mode)

    def mknod(self, path: Text, mode: int, device: int = 0) -> int:
        """mknod(2)."""
        return self._path("mknod", path, device, mode=mode)

    def rename(self, old: Text, new: Text) -> int:
        """rename(2)."""
        return self._paths("rename", old, new)

    def link(self, old: Text, new: Text) -> int:
        """link(2)."""
        return self._paths("link", old, new)

    def symlink(self, target: Text, path: Text) -> int:
        """symlink(2)."""
        return self._paths("symlink", target, path)

    def readlink(self, path: Text, size: int = SMALL) -> bytes:
        """readlink(2)."""
        return self._bytes(f"readlink({shown_text(path)})", NUMBERS["readlink"], self._text(path), f"}}{size}", size)

    def getcwd(self) -> bytes:
        """getcwd(2), without the NUL."""
        return self._bytes("getcwd()", NUMBERS["getcwd"], f"}}{SMALL}", SMALL).rstrip(b"\0")

    def mount(self, source: Text, target: Text, kind: Text = "ext2", flags: int = 0) -> int:
        """mount(2)."""
        return self._call(f"mount({shown_text(source)}, {shown_text(target)}, {shown_text(kind)}, {flags})", NUMBERS["mount"],
                          self._text(source), self._text(target), self._text(kind), flags, 0)[0]

    def umount(self, target: Text, flags: int = 0) -> int:
        """umount2(2)."""
        return self._path("umount2", target, flags, shown=f"umount({shown_text(target)})")

    def sync(self) -> int:
        """sync(2)."""
        return self._call("sync()", NUMBERS["sync"])[0]

    def utimensat(self, path: Text, buffer: Buffer) -> int:
        """utimensat(2) with the two times in the buffer."""
        return self._call(f"utimensat({shown_text(path)})", NUMBERS["utimensat"], AT_FDCWD, self._text(path), buffer.address, 0)[0]
