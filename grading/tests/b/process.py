"""A process of the guest that makes the system calls a test asks for: `os` with Linux's ABI, from afar.

    process.open("/a", os.O_RDWR | os.O_CREAT)           # must succeed; otherwise the test fails with what was seen
    process.fails("ENOENT").open("/missing", os.O_RDONLY)  # must fail like this
    process.attempt().write(fd, b"x")                    # either: a result, or the negative errno

Small data goes with the line and comes back with the answer. Large data stays in the guest: a Buffer is filled
from a stream (grading/machine/stream.py), and known again by its CRC.
"""

from __future__ import annotations

import os
import zlib

from grading.judge.check import CheckFailed
from grading.machine.puppets import Answer
from grading.machine.stream import MASK, stream
from grading.tests.b.caller import PAGE, SMALL, Buffer, Text, shown_text
from grading.tests.b.file_calls import FileCalls
from grading.tests.b.structures import NUMBERS, DirEntry, error_name

__all__ = ["PAGE", "Buffer", "Process"]

MOST_ENTRIES = 2000  # that list() puts up with
BUFFER = 64 * 1024  # bytes of the buffer that whole files are read through


class Process(FileCalls):
    """A process, and what it does with large data, whole files and children."""

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
        """Many random writes, each read back at once; grading.machine.stream.scribble() does the same to bytes. Raises CheckFailed."""
        wrong = self.do("scribble", fd, start, span, steps, seed, longest)
        if wrong:
            raise CheckFailed(f"bytes that pread() gave back after pwrite(), {steps} times", "those just written",
                              f"{wrong} others", "overlapping and unaligned writes, across the borders of blocks and pages")

    def records(self, fd: int, count: int, size: int, seed: int) -> None:
        """Writes the first `count` * `size` bytes of a stream, `size` at a time. Raises CheckFailed."""
        whole = self.do("records", fd, count, size, seed)
        if whole != count:
            raise CheckFailed(f"write() calls of {size} bytes that wrote all of them", str(count), str(whole))

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
                raise CheckFailed(f"the result of write() of {part} bytes to {shown_text(path)}", str(part), str(written))
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
            raise CheckFailed(f"the result of pwrite() of {count} bytes to {shown_text(path)}", str(count), str(written))
        self.close(fd)

    def check_file(self, path: Text, expected: bytes, piece: int = BUFFER, what: str = "", hint: str = "") -> None:
        """Fails unless a file holds these bytes, read `piece` bytes at a time. Raises CheckFailed."""
        fd = self.open(path)
        self.check_fd(fd, expected, piece, what or f"the content of {shown_text(path)}", hint)
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
                raise CheckFailed(f"entries of {shown_text(path)}", f"fewer than {MOST_ENTRIES}", f"{len(entries)}, and no end")
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
