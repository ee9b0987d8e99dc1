"""Checks for rubric tests: what was expected, what was seen, in words a student can use."""

from __future__ import annotations

from typing import Any


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


def show(value: Any, depth: int = 0) -> str:
    """A value as a failure report prints it: large integers (addresses) in hex, long ones cut."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return f"{value:#x}" if abs(value) >= 4096 else str(value)
    if isinstance(value, bytes):
        return value[:64].hex(" ") + (f" … ({len(value)} bytes)" if len(value) > 64 else "")
    if isinstance(value, dict) and depth < 2:
        shown = [f"{show(key, depth + 1)}: {show(entry, depth + 1)}" for key, entry in list(value.items())[:16]]
        return "{" + ", ".join(shown) + (f", … {len(value)} in all" if len(value) > 16 else "") + "}"
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)
    if isinstance(value, (list, tuple)) and depth < 2:
        shown = [show(entry, depth + 1) for entry in value[:16]]
        return "[" + ", ".join(shown) + (f", … {len(value)} in all" if len(value) > 16 else "") + "]"
    text = str(value)
    return text if len(text) <= 400 else text[:400] + " …"
