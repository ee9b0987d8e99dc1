"""Checks for rubric tests: what was expected, what was seen, in words a student can use."""

from __future__ import annotations

import itertools
from typing import Any

TEXT_LIMIT = 1000  # characters
SHOWN = 16  # entries of a list
FIRST_HEX = 4096  # integers from here on are shown in hex


class CheckFailed(AssertionError):
    """A test found a wrong value; costs the test's points."""

    def __init__(self, what: str, expected: str, seen: str, hint: str = "") -> None:
        super().__init__(f"{what}: expected {expected}, seen {seen}")
        self.what = what
        self.expected = expected
        self.seen = seen
        self.hint = hint


def check(*, expected: Any, seen: Any, what: str, hint: str = "") -> None:
    """Fails unless `seen == expected`. `what` names the value, `hint` may say where to look."""
    if seen != expected:
        raise CheckFailed(what, show(expected), show(seen), hint)


def check_that(condition: object, *, expected: str, seen: Any, what: str, hint: str = "") -> None:
    """Fails unless `condition` holds; `expected` is the condition in words."""
    if not condition:
        raise CheckFailed(what, expected, show(seen), hint)


def check_errno(reply: Any, expected: str | None, what: str = "", hint: str = "") -> None:
    """Fails unless `reply` (from `try_command`) ended with that error; None asks for success."""
    if reply.errno != expected:
        seen = f"{reply.errno} {reply.message}".rstrip() if reply.errno else "success"
        raise CheckFailed(what or f"the result of `{reply.command}`", expected or "success", seen, hint)


def fail(what: str, *, expected: Any, seen: Any, hint: str = "") -> None:
    """Fails at once."""
    raise CheckFailed(what, show(expected), show(seen), hint)


def show(value: Any) -> str:
    """A value as a failure report prints it: large integers (addresses) in hex, long ones cut."""
    text = _show(value, 0)
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + " …"


def _show(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:#x}" if abs(value) >= FIRST_HEX else str(value)
    if isinstance(value, bytes):
        return value[:64].hex(" ") + (f" … ({len(value)} bytes)" if len(value) > 64 else "")
    if isinstance(value, dict) and depth < 2:
        pairs = [
            f"{_show(key, depth + 1)}: {_show(entry, depth + 1)}"
            for key, entry in itertools.islice(value.items(), SHOWN)
        ]
        return "{" + _cut(pairs, len(value)) + "}"
    if isinstance(value, (set, frozenset)):
        value = sorted(
            value,
            key=lambda entry: (isinstance(entry, str), entry) if isinstance(entry, (int, str)) else (True, repr(entry)),
        )
    if isinstance(value, (list, tuple)) and depth < 2:
        return "[" + _cut([_show(entry, depth + 1) for entry in value[:SHOWN]], len(value)) + "]"
    return str(value)[:TEXT_LIMIT]


def _cut(shown: list[str], count: int) -> str:
    return ", ".join(shown) + (f", … {count} in all" if count > len(shown) else "")
