"""What a process of the guest is asked and how its answers are judged: the ground that process.py stands on."""

from __future__ import annotations

import errno
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from grading.judge.check import CheckFailed
from grading.machine.puppets import Answer, Puppets
from grading.tests.b.structures import NUMBERS, error_name

PAGE = 4096
SAFE = re.compile(rb"[A-Za-z0-9._/~+,=:@-]")
INLINE = 110  # characters of a string that may go with the line
STORE = 90  # bytes that `store` takes in a line
SMALL = 2048  # bytes that come back with an answer
BATCH = 1000  # rounds of calls that are asked for at once
TEXT_PAGES = 5  # room for long strings: two paths of 4,096 bytes and more

Text = str | bytes


@dataclass(frozen=True)
class Buffer:
    """Memory of a process."""

    process: Caller
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


class Caller:
    """One os_puppet (user/tests/os_puppet.c), whose calls must succeed, or fail in a certain way."""

    def __init__(self, puppets: Puppets, pid: int, expected: int | None = 0, shared: dict[str, int] | None = None) -> None:
        self.puppets = puppets
        self.pid = pid
        self._expected = expected  # errno that calls must give; 0: they must succeed; None: whatever
        self._memory: dict[str, int] = {} if shared is None else shared
        self._text_used = 0

    @classmethod
    def start(cls, puppets: Puppets) -> Self:
        """Starts one."""
        return cls(puppets, puppets.start())

    def fails(self, error: str) -> Self:
        """This process, for calls that must fail with that error ("ENOENT")."""
        return type(self)(self.puppets, self.pid, getattr(errno, error), self._memory)

    def attempt(self) -> Self:
        """This process, for calls that may fail: they give the negative errno then."""
        return type(self)(self.puppets, self.pid, None, self._memory)

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
        shown = shown or f"{count} times " + ", ".join(str(call[0]) for call in calls)
        done = 0
        for start, rounds in _batches(first, count, step):
            answer = self.puppets.ask(self.pid, "each", start, rounds, step, *_words(calls))
            done += answer.number("done")
            if answer.errno:
                break
        self._judge(answer, f"{shown} (the number {first + step * done} at last)")
        return done

    def tally(self, first: int, count: int, *calls: tuple[int | str, ...], step: int = 1) -> tuple[int, int]:
        """As each(), going on after errors: how many rounds had none, and the last errno."""
        good = error = 0
        for start, rounds in _batches(first, count, step):
            answer = self.puppets.ask(self.pid, "try", start, rounds, step, *_words(calls))
            good += answer.result or 0
            error = answer.number("error") or error
        return good, error

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


def _batches(first: int, count: int, step: int) -> Iterator[tuple[int, int]]:
    """The first number and how many, of parts so small that a kernel which works hard isn't taken for a silent one."""
    for done in range(0, max(count, 1), BATCH):
        yield first + step * done, min(BATCH, count - done)


def _words(calls: Iterable[tuple[int | str, ...]]) -> list[int | str]:
    """Calls as os_puppet takes them after `each` and `try`: by number, with "/" between them."""
    words: list[int | str] = []
    for name, *arguments in calls:
        words += ["/"] if words else []
        words += [NUMBERS[str(name)], *arguments]
    return words


def shown_text(text: Text) -> str:
    """A string as a C program would write it, shortened."""
    data = os.fsencode(text)
    cut = data if len(data) <= 80 else data[:60] + b"..."
    return '"' + cut.decode(errors="backslashreplace") + '"' + (f" ({len(data)} bytes)" if cut != data else "")
