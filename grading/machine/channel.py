"""The harness channel on COM2: the monitor's commands, with replies that a program can read.

The host sends `N COMMAND\\n`. The kernel answers lines `N|text` and then exactly one `N=0`, or
`N=ENAME message` when the command failed. Whatever else arrives is a broken protocol: the
kernel is not trusted, so nothing is guessed and nothing is skipped.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from grading.machine.failures import BadReply, CommandError
from grading.machine.serial_port import ChannelPort
from grading.machine.text import decode, printable

HELLO = "0=0 cairn channel"
LINE_LIMIT = 4096  # bytes
COMMAND_LIMIT = 1000  # bytes
_REPLY = re.compile(r"(\d{1,10})(?:\|(.*)|=(.*))", re.DOTALL)
_END = re.compile(r"(0|E[A-Z0-9]{1,15})(?: (.*))?", re.DOTALL)
_WORD = re.compile(r"([A-Za-z_][\w.-]*)=(\S*)")

Value = int | str
T = TypeVar("T")


class Wait(Protocol):
    """Waits for the first result of `ready` that isn't None; `what` says in words what is waited for."""

    def __call__(self, ready: Callable[[], T | None], what: str) -> T:
        ...


@dataclass
class Reply:
    """What the kernel answered to one command."""

    command: str
    lines: list[str] = field(default_factory=list)
    errno: str | None = None  # such as "ENOMEM"; None for success
    message: str = ""

    def values(self) -> list[dict[str, str]]:
        """For each line its `key=value` words."""
        return [dict(_WORD.findall(line)) for line in self.lines]

    def all(self, key: str) -> list[Value]:
        """Every value of `key`, in order; hex and decimal numbers as int."""
        return [number_or_text(value) for line in self.lines for name, value in _WORD.findall(line) if name == key]

    def one(self, key: str) -> Value:
        """The value of `key`, which must occur exactly once; otherwise raises BadReply."""
        found = self.all(key)
        if len(found) != 1:
            raise BadReply(
                f"`{self.command}` should print {key}=… once, not {len(found)} times; it printed: {self.shown()}"
            )
        return found[0]

    def number(self, key: str) -> int:
        """The value of `key`, which must occur once and be a number."""
        value = self.one(key)
        if not isinstance(value, int):
            raise BadReply(f"`{self.command}` printed {key}={printable(value)}, which is not a number")
        return value

    def shown(self) -> str:
        return printable(" / ".join(self.lines[:8])) or "nothing"


def number_or_text(word: str) -> Value:
    """`0x…` and decimals of at most 64 bits become int, everything else stays text."""
    if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", word):
        return int(word, 16)
    if re.fullmatch(r"-?[0-9]{1,20}", word):
        return int(word)
    return word


class ReplyReader:
    """Puts one reply together; pure, so that it can be tested against hostile input."""

    def __init__(self, sequence: int, command: str) -> None:
        self._sequence = sequence
        self._reply = Reply(command)

    def line(self, line: str) -> Reply | None:
        """Takes one line; returns the reply when it is complete. Raises BadReply."""
        match = _REPLY.fullmatch(line)
        if not match:
            raise self._bad(line, "is not part of a reply")
        if int(match[1]) != self._sequence:
            raise self._bad(line, f"has the wrong sequence number, this command has {self._sequence}")
        if match[2] is not None:
            self._reply.lines.append(match[2])
            return None
        end = _END.fullmatch(match[3])
        if not end:
            raise self._bad(line, "ends a reply with neither 0 nor an error name")
        if end[1] != "0":
            self._reply.errno = end[1]
        self._reply.message = end[2] or ""
        return self._reply

    def _bad(self, line: str, problem: str) -> BadReply:
        shown = printable(line[:80])
        return BadReply(f"during `{self._reply.command}` the channel's line `{shown}` {problem}")


class LineSplitter:
    """Cuts a byte stream into lines of at most LINE_LIMIT bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes. Raises BadReply for an endless line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if any(len(line) > LINE_LIMIT for line in (*lines, self._rest)):
            raise BadReply(f"the channel carried a line of more than {LINE_LIMIT} bytes")
        return [decode(line) for line in lines]


class Channel:
    """Sends commands to the kernel's second monitor and reads its replies."""

    def __init__(self, port: ChannelPort, wait: Wait, started: bool = False) -> None:
        self._port = port
        self._wait = wait
        self._splitter = LineSplitter()
        self._lines: deque[str] = deque()
        self._sequence = 0
        self._started = started

    def command(self, command: str) -> Reply:
        """Runs a monitor command; raises CommandError when the kernel answers with an error."""
        reply = self.try_command(command)
        if reply.errno is not None:
            raise CommandError(command, reply.errno, printable(reply.message))
        return reply

    def try_command(self, command: str) -> Reply:
        """Runs a monitor command and returns the reply, whether or not it failed."""
        if not command.isascii() or not command.isprintable() or len(command) > COMMAND_LIMIT:
            raise ValueError(f"not a monitor command: {command!r}")
        self.start()
        if self._next_line() is not None:
            raise BadReply(f"the channel spoke without being asked, before `{command}`")
        self._sequence += 1
        what = f"the reply to `{command}`"
        self._send(f"{self._sequence} {command}\n".encode(), what)
        reader = ReplyReader(self._sequence, command)
        while True:
            reply = reader.line(self._wait(self._next_line, what))
            if reply is not None:
                return reply

    def start(self) -> None:
        """Waits for the kernel's greeting, once."""
        if self._started:
            return
        line = self._wait(self._next_line, "the channel's greeting (boot)")
        if line != HELLO:
            raise BadReply(f"the channel opened with `{printable(line[:80])}` instead of `{HELLO}`")
        self._started = True

    def _send(self, data: bytes, what: str) -> None:
        rest = data

        def sent() -> bool | None:
            nonlocal rest
            rest = self._port.send_some(rest)
            return None if rest else True

        self._wait(sent, what)

    def _next_line(self) -> str | None:
        self._lines.extend(self._splitter.feed(self._port.take()))
        return self._lines.popleft() if self._lines else None
