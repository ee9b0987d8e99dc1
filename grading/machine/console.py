"""The guest's console on COM1, read and typed at as a person would."""

from __future__ import annotations

import re
import threading

from grading.machine.channel import Wait
from grading.machine.serial_port import ConsolePort
from grading.machine.text import last_lines, printable

PANIC_LINES = 40


class Console:
    """What the guest printed, and a keyboard."""

    def __init__(self, port: ConsolePort, lock: threading.Condition, wait: Wait) -> None:
        self._port = port
        self._lock = lock
        self._wait = wait
        self._position = 0

    def wait_for(self, pattern: str, flags: int = re.MULTILINE) -> re.Match[str]:
        """Waits until `pattern` appears after the previous match; raises GuestFailure if it can't any more."""
        return self._find(pattern, flags)[1]

    def read_to(self, pattern: str) -> str:
        """As wait_for(); what stands between the previous match and the end of this one (256 KiB at most)."""
        before, match = self._find(pattern, re.MULTILINE)
        return before + match[0]

    def _find(self, pattern: str, flags: int) -> tuple[str, re.Match[str]]:
        """The next match, and the text before it."""
        compiled = re.compile(pattern, flags)

        def found() -> tuple[str, re.Match[str]] | None:
            start, text = self._port.since(self._position)
            match = compiled.search(text)
            if match is None:
                return None
            self._position = start + match.end()
            return text[: match.start()], match

        return self._wait(found, f"{printable(pattern)!r} on the console")

    def send(self, text: str) -> None:
        """Types `text`."""
        rest = text.encode()

        def sent() -> bool | None:
            nonlocal rest
            rest = self._port.send_some(rest)
            return None if rest else True

        self._wait(sent, "the console taking input")

    @property
    def text(self) -> str:
        """What the guest printed so far (the last 256 KiB of it)."""
        with self._lock:
            return self._port.text

    def tail(self, lines: int = 12) -> str:
        """The last lines, safe to print."""
        return last_lines(printable(self.text), lines)

    def panic(self) -> str | None:
        """What the kernel printed from its panic message on, if it panicked."""
        match = re.search(r"^[^\n]*\bpanic\b(?s:.*)", printable(self.text), re.IGNORECASE | re.MULTILINE)
        return last_lines("\n".join(match.group().split("\n")[:PANIC_LINES]), PANIC_LINES) if match else None
