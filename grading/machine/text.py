"""Text that came from a guest, made safe and short for reports."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[^\n\t\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]")


def decode(data: bytes) -> str:
    """Bytes of a serial line as text; carriage returns go, bytes beyond ASCII show as \\xNN."""
    return data.decode("ascii", errors="backslashreplace").replace("\r", "")


def printable(text: str) -> str:
    """`text` without anything that a terminal or an XML parser could stumble over."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text.replace("\r", ""))


def quoted(text: str) -> str:
    """What others said, each line set off from the margin, where none but a report's own begin."""
    return "\n".join(f"  {line}" for line in text.split("\n"))


def last_lines(text: str, count: int, width: int = 200) -> str:
    """The last `count` non-empty lines, each cut to `width` characters."""
    lines = [line.rstrip() for line in text.split("\n") if line.strip()]
    return "\n".join(line if len(line) <= width else line[:width] + "…" for line in lines[-count:])
