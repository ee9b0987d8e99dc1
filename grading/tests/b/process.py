"""A process of the guest that makes the system calls a test asks for: `os` with Linux's ABI, from afar.

    process.open("/a", os.O_RDWR | os.O_CREAT)           # must succeed; otherwise the test fails with what was seen
    process.fails("ENOENT").open("/missing", os.O_RDONLY)  # must fail like this
    process.attempt().write(fd, b"x")                    # either: a result, or the negative errno

Small data goes with the line and comes back with the answer. Large data stays in the guest: a Buffer is filled
from a stream (grading/stream.py), and known again by its CRC.
"""

from __future__ import annotations

import errno
import os
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from grading.check import CheckFailed
from grading.puppets import Answer, Puppets
from grading.stream import MASK, stream
from grading.tests.b.structures import (
    AT_FDCWD,
    NUMBERS,
    DirEntry,
    Stat,
    StatFs,
    decode_entries,
    error_name,
    flags_text,
)

PAGE = 4096
SAFE = re.compile(rb"[A-Za-z0-9._/~+,=:@-]")
INLINE = 110  # characters of a string that may go with the line
STORE = 90  # bytes that `store` takes in a line
SMALL = 2048  # bytes that come back with an answer
TEXT_PAGES = 5  # room for long strings: two paths of 4,096 bytes and more
MOST_ENTRIES = 2000  # that list() puts up with
BUFFER = 64 * 1024  # bytes of the buffer that whole files are read through

Text = str | bytes


@dataclass(frozen=True)
class Buffer:
    """Memory of a process."""

    process: Process
    address: int
    size: int  # bytes

    def fill(self, seed: int, offset: int = 0, count: int | None = None, at: int = 0) -> None:
        """Puts bytes [offset, offset + count) of a stream there."""
        self.process.do("fill", self.address + at, self.size - at if count is None else count, seed, offset)

    def clear(self, value: int = 0) -> None:
        """Sets every byte to `value`."""
        self.process.do("set", self.address, self.size, value)

    def store(self, data: bytes, at: int = 0) -> None:
        """Puts these bytes there, STORE a line."""
        self.process.store(self.address + at, data)

    def load(self, count: int, at: int = 0) -> bytes:
        """The bytes there."""
        return self.process.load(self.address + at, count)

    def crc(self, count: int | None = None, at: int = 0) -> int:
        """zlib's CRC-32 of what is there."""
        return self.process.do("crc", self.address + at, self.size - at if count is None else count)

    def check(self, expected: bytes, what: str, at: int = 0, hint: str = "") -> None:
        """Fails unless these bytes are there; says where the first difference is. Raises CheckFailed."""
        if self.crc(len(expected), at) == zlib.crc32(expected):
            return
        low, high = 0, len(expected)  # the first difference lies in [low, high)
        while high - low > 32:
            middle = (low + high) // 2
            same = self.crc(middle - low, at + low) == zlib.crc32(expected[low:middle])
            low, high = (middle, high) if same else (low, middle)
        seen = self.load(high - low, at + low)
        first = next((i for i in range(high - low) if seen[i] != expected[low + i]), 0)
        raise CheckFailed(f"{what}, byte {low + first} of {len(expected)} and on", expected[low + first : high].hex(" "),
                          seen[first:].hex(" "), hint)


class Process:
    """One os_puppet (user/tests/os_puppet.c)."""

    def __init__(self, puppets: Puppets, pid: int, expected: int | None = 0, shared: dict[str, int] | None = None) -> None:
        self.puppets = puppets
        self.pid = pid
        self._expected = expected  # errno that calls must give; 0: they must succeed; None: whatever
        self._memory: dict[str, int] = {} if shared is None else shared
        self._text_used = 0

    @classmethod
    def start(cls, puppets: Puppets) -> Process:
        """Starts one."""
        return cls(puppets, puppets.start())

    def fails(self, error: str) -> Process:
        """This process, for calls that must fail with that error ("ENOENT")."""
        return Process(self.puppets, self.pid, getattr(errno, error), self._memory)

    def attempt(self) -> Process:
        """This process, for calls that may fail: they give the negative errno then."""
        return Process(self.puppets, self.pid, None, self._memory)

    # -- the puppet's own operations ---------------------------------------------------------------

    def do(self, operation: str, *arguments: int | str) -> int:
        """An operation that can't fail; its result."""
        return self.puppets.do(self.pid, operation, *arguments)

    def store(self, address: int, data: bytes) -> None:
        """Writes to the process's memory."""
        for start in range(0, len(data), STORE):
            self.do("store", address + start, data[start : start + STORE].hex())

    def load(self, address: int, count: int) -> bytes:
        """Reads the process's memory."""
        parts = []
        for start in range(0, count, SMALL):
            answer = self.puppets.ask(self.pid, "load", address + start, min(SMALL, count - start))
            parts.append(bytes.fromhex(answer.words.get("out0", "")))
        return b"".join(parts)

    def buffer(self, size: int) -> Buffer:
        """New memory, zeros."""
        pages = -(-size // PAGE)
        return Buffer(self, self.do("mmap", pages, 3), pages * PAGE)

    def call(self, name: str, *arguments: int | str, shown: str = "") -> int:
        """Any system call of NUMBERS; arguments are numbers or words of os_puppet's."""
        return self._call(shown or f"{name}({', '.join(map(str, arguments))})", NUMBERS[name], *arguments)[0]

    def each(self, first: int, count: int, *calls: tuple[int | str, ...], step: int = 1, shown: str = "") -> int:
        """`calls`, one after the other, for each number from `first`: the arguments are os_puppet's words.

        Returns how many rounds were completed; an error ends the test unless it is expected.
        """
        words: list[int | str] = []
        for name, *arguments in calls:
            words += ["/"] if words else []
            words += [NUMBERS[str(name)], *arguments]
        shown = shown or f"{count} times " + ", ".join(str(call[0]) for call in calls)
        answer = self.puppets.ask(self.pid, "each", first, count, step, *words)
        self._judge(answer, f"{shown} (the number {first + step * answer.number('done')} at last)")
        return answer.number("done")

    def tally(self, first: int, count: int, *calls: tuple[int | str, ...], step: int = 1) -> tuple[int, int]:
        """As each(), going on after errors: how many rounds had none, and the last errno."""
        words: list[int | str] = []
        for name, *arguments in calls:
            words += ["/"] if words else []
            words += [NUMBERS[str(name)], *arguments]
        answer = self.puppets.ask(self.pid, "try", first, count, step, *words)
        return answer.result or 0, answer.number("error")

    def _call(self, shown: str, number: int, *arguments: int | str) -> tuple[int, list[bytes]]:
        answer = self.puppets.ask(self.pid, "call", number, *arguments)
        self._text_used = 0
        result = self._judge(answer, shown)
        outs = [bytes.fromhex(answer.words[f"out{i}"]) for i in range(3) if f"out{i}" in answer.words]
        return result, outs

    def _judge(self, answer: Answer, shown: str) -> int:
        """The result, or the negative errno. Raises CheckFailed if that isn't what was expected."""
        failed = answer.errno or 0
        if self._expected is not None and failed != self._expected:
            expected = error_name(self._expected) if self._expected else "success"
            seen = error_name(failed) if failed else f"success, the result {answer.result}"
            raise CheckFailed(shown, expected, seen)
        if failed or answer.result is None:
            return -failed
        return answer.result - (1 << 64) if answer.result >> 63 else answer.result

    def _text(self, value: Text) -> int | str:
        """A string as an argument: with the line if it is short, else stored in memory before."""
        data = os.fsencode(value)
        word = "'" + b"".join(byte if SAFE.fullmatch(byte) else b"%%%02X" % byte[0]
                              for byte in (data[i : i + 1] for i in range(len(data)))).decode()
        if len(word) <= INLINE:
            return word
        if "text" not in self._memory:
            self._memory["text"] = self.do("mmap", TEXT_PAGES, 3)
        address = self._memory["text"] + self._text_used
        self._text_used += len(data) + 1
        self.store(address, data + b"\0")
        return address

    # -- descriptors -------------------------------------------------------------------------------

    def open(self, path: Text, flags: int = os.O_RDONLY, mode: int = 0o644) -> int:
        """open(2)."""
        shown = f"open({_shown(path)}, {flags_text(flags)}" + (f", {mode:#o})" if flags & os.O_CREAT else ")")
        return self._call(shown, NUMBERS["open"], self._text(path), flags, mode)[0]

    def openat(self, folder: int, path: Text, flags: int = os.O_RDONLY, mode: int = 0o644) -> int:
        """openat(2)."""
        return self._call(f"openat({folder}, {_shown(path)}, {flags_text(flags)})", NUMBERS["openat"], folder,
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

    # -- large data --------------------------------------------------------------------------------

    def read_into(self, fd: int, buffer: Buffer, count: int, offset: int | None = None, at: int = 0) -> int:
        """read(2), or with an offset pread(2), into a buffer."""
        if offset is None:
            return self._call(f"read({fd}, {count})", NUMBERS["read"], fd, buffer.address + at, count)[0]
        return self._call(f"pread({fd}, {count}, {offset})", NUMBERS["pread64"], fd, buffer.address + at, count, offset)[0]

    def write_from(self, fd: int, buffer: Buffer, count: int, offset: int | None = None, at: int = 0) -> int:
        """write(2), or with an offset pwrite(2), out of a buffer."""
        if offset is None:
            return self._call(f"write({fd}, {count} bytes)", NUMBERS["write"], fd, buffer.address + at, count)[0]
        return self._call(f"pwrite({fd}, {count} bytes, {offset})", NUMBERS["pwrite64"], fd, buffer.address + at, count,
                          offset)[0]

    def scribble(self, fd: int, start: int, span: int, steps: int, seed: int, longest: int) -> None:
        """Many random writes, each read back at once; grading.stream.scribble() does the same to bytes. Raises CheckFailed."""
        wrong = self.do("scribble", fd, start, span, steps, seed, longest)
        if wrong:
            raise CheckFailed(f"bytes that pread() gave back after pwrite(), {steps} times", "those just written",
                              f"{wrong} others", "overlapping and unaligned writes, across the borders of blocks and pages")

    def records(self, fd: int, count: int, size: int, seed: int) -> None:
        """Writes the first `count` * `size` bytes of a stream, `size` at a time. Raises CheckFailed."""
        whole = self.do("records", fd, count, size, seed)
        if whole != count:
            raise CheckFailed(f"write() calls of {size} bytes that wrote all of them", str(count), str(whole))

    # -- paths -------------------------------------------------------------------------------------

    def stat(self, path: Text) -> Stat:
        """stat(2)."""
        return self._structure(f"stat({_shown(path)})", Stat.decode, NUMBERS["stat"], self._text(path), ">144")

    def lstat(self, path: Text) -> Stat:
        """lstat(2)."""
        return self._structure(f"lstat({_shown(path)})", Stat.decode, NUMBERS["lstat"], self._text(path), ">144")

    def statfs(self, path: Text) -> StatFs:
        """statfs(2)."""
        return self._structure(f"statfs({_shown(path)})", StatFs.decode, NUMBERS["statfs"], self._text(path), ">120")

    def _structure(self, shown: str, decode: Callable[[bytes], object], *words: int | str):  # type: ignore[no-untyped-def]
        result, outs = self._call(shown, *words)
        return decode(outs[0]) if result >= 0 else result

    def exists(self, path: Text) -> bool:
        """Whether stat() finds it; any error but ENOENT fails the test."""
        seen = self.attempt().stat(path)
        if isinstance(seen, int) and -seen != errno.ENOENT:
            raise CheckFailed(f"stat({_shown(path)})", "success or ENOENT", error_name(-seen))
        return not isinstance(seen, int)

    def _path(self, name: str, path: Text, *arguments: int, shown: str = "") -> int:
        text = ", ".join([_shown(path), *(f"{word:#o}" for word in arguments)])
        return self._call(shown or f"{name}({text})", NUMBERS[name], self._text(path), *arguments)[0]

    def _paths(self, name: str, one: Text, other: Text) -> int:
        return self._call(f"{name}({_shown(one)}, {_shown(other)})", NUMBERS[name], self._text(one), self._text(other))[0]

    def mkdir(self, path: Text, mode: int = 0o755) -> int:
        """mkdir(2)."""
        return self._path("mkdir", path, mode)

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
        return self._path("chmod", path, mode)

    def mknod(self, path: Text, mode: int, device: int = 0) -> int:
        """mknod(2)."""
        return self._path("mknod", path, mode, device)

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
        return self._bytes(f"readlink({_shown(path)})", NUMBERS["readlink"], self._text(path), f"}}{size}", size)

    def getcwd(self) -> bytes:
        """getcwd(2), without the NUL."""
        return self._bytes("getcwd()", NUMBERS["getcwd"], f"}}{SMALL}", SMALL).rstrip(b"\0")

    def mount(self, source: Text, target: Text, kind: Text = "ext2", flags: int = 0) -> int:
        """mount(2)."""
        return self._call(f"mount({_shown(source)}, {_shown(target)}, {_shown(kind)}, {flags})", NUMBERS["mount"],
                          self._text(source), self._text(target), self._text(kind), flags, 0)[0]

    def umount(self, target: Text, flags: int = 0) -> int:
        """umount2(2)."""
        return self._path("umount2", target, flags, shown=f"umount({_shown(target)})")

    def sync(self) -> int:
        """sync(2)."""
        return self._call("sync()", NUMBERS["sync"])[0]

    def utimensat(self, path: Text, buffer: Buffer) -> int:
        """utimensat(2) with the two times in the buffer."""
        return self._call(f"utimensat({_shown(path)})", NUMBERS["utimensat"], AT_FDCWD, self._text(path), buffer.address, 0)[0]

    # -- whole files and directories -----------------------------------------------------------------

    def write_file(self, path: Text, seed: int, count: int, mode: int = 0o644) -> None:
        """Makes a file of the first `count` bytes of a stream."""
        fd = self.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        buffer = self._file_buffer()
        for done in range(0, count, buffer.size):
            part = min(buffer.size, count - done)
            buffer.fill(seed, done, part)
            written = self.write_from(fd, buffer, part)
            if written != part:
                raise CheckFailed(f"the result of write() of {part} bytes to {_shown(path)}", str(part), str(written))
        self.close(fd)

    def sum_file(self, path: Text) -> Answer:
        """Opens, reads and closes a file: the CRC-32 of its content as the result, size=, or errno."""
        answer = self.puppets.ask(self.pid, "sumfile", self._text(path), BUFFER)
        self._text_used = 0
        return answer

    def overwrite(self, path: Text, seed: int, offset: int, count: int) -> None:
        """Puts the first `count` bytes of a stream (at most BUFFER) at an offset of a file."""
        fd, buffer = self.open(path, os.O_WRONLY), self._file_buffer()
        buffer.fill(seed, 0, count)
        written = self.write_from(fd, buffer, count, offset)
        if written != count:
            raise CheckFailed(f"the result of pwrite() of {count} bytes to {_shown(path)}", str(count), str(written))
        self.close(fd)

    def check_file(self, path: Text, expected: bytes, piece: int = BUFFER, what: str = "", hint: str = "") -> None:
        """Fails unless a file holds these bytes, read `piece` bytes at a time. Raises CheckFailed."""
        fd = self.open(path)
        self.check_fd(fd, expected, piece, what or f"the content of {_shown(path)}", hint)
        self.close(fd)

    def check_fd(self, fd: int, expected: bytes, piece: int = BUFFER, what: str = "", hint: str = "") -> None:
        """Fails unless the rest of an open file, from its position, is these bytes. Raises CheckFailed."""
        what = what or f"the content of the file open as {fd}"
        answer = self.puppets.ask(self.pid, "crcfile", fd, piece)
        if answer.result is None:
            raise CheckFailed(f"reading {what}, {piece} bytes at a time", "success", error_name(answer.errno or 0), hint)
        size = answer.number("size")
        if size == len(expected) and answer.result == zlib.crc32(expected):
            return
        position = self.attempt().lseek(fd, 0, os.SEEK_CUR) - size  # where it began; meaningless for streams
        buffer = self._file_buffer()
        for start in range(0, min(size, len(expected)), buffer.size):
            part = expected[start : start + min(buffer.size, size - start)]
            got = self.attempt().read_into(fd, buffer, len(part), position + start)
            if got == len(part):
                buffer.check(part, f"{what}, the part from byte {start}", hint=hint)
        raise CheckFailed(f"the bytes that read() gave of {what}", f"{len(expected)} bytes",
                          f"{size} bytes" if size != len(expected) else "as many, but others when read in pieces", hint)

    def check_stream(self, path: Text, seed: int, count: int, offset: int = 0, hint: str = "") -> None:
        """Fails unless the file holds these bytes of a stream. Raises CheckFailed."""
        self.check_file(path, stream(seed & MASK, offset, count), hint=hint)

    def list(self, path: Text, size: int = SMALL) -> list[DirEntry]:
        """Every entry of a directory, read with getdents64() into `size` bytes."""
        fd = self.open(path, os.O_RDONLY | os.O_DIRECTORY)
        entries: list[DirEntry] = []
        while part := self.getdents(fd, size):
            entries += part
            if len(entries) > MOST_ENTRIES:
                raise CheckFailed(f"entries of {_shown(path)}", f"fewer than {MOST_ENTRIES}", f"{len(entries)}, and no end")
        self.close(fd)
        return entries

    def names(self, path: Text) -> list[str]:
        """The names in a directory, sorted, without "." and ".."."""
        return sorted(os.fsdecode(entry.name) for entry in self.list(path) if entry.name not in (b".", b".."))

    def _file_buffer(self) -> Buffer:
        if "file" not in self._memory:
            self._memory["file"] = self.do("mmap", BUFFER // PAGE, 3)
        return Buffer(self, self._memory["file"], BUFFER)

    # -- processes ---------------------------------------------------------------------------------

    def fork(self) -> Process:
        """A child with the same memory and files; both wait for their next lines."""
        return Process(self.puppets, self.puppets.fork(self.pid), 0, dict(self._memory))

    def exit(self, status: int = 0) -> None:
        """Ends the process."""
        self.puppets.leave(self.pid, status)

    def reap(self, child: Process) -> int:
        """Waits for a child that has exited; its wait status."""
        return self.puppets.reap(self.pid, child.pid)


def _shown(text: Text) -> str:
    data = os.fsencode(text)
    cut = data if len(data) <= 80 else data[:60] + b"..."
    return '"' + cut.decode(errors="backslashreplace") + '"' + (f" ({len(data)} bytes)" if cut != data else "")
