"""A failure as plain text."""

from __future__ import annotations

from grading.grader.results import Failure
from grading.machine.text import quoted


def failure_text(failure: Failure) -> str:
    """All that is known of a failure, one part a line or block, quoted."""
    lines = [failure.summary]
    parts = {"expected": failure.expected, "seen": failure.seen, "hint": failure.hint}
    if not failure.brief:
        parts |= {"handout": failure.handout, "console": failure.console, "logs": failure.log}
        parts |= {"again": failure.reproduce, "in GDB": failure.debug}
    for label, text in parts.items():
        if text:
            lines.append(f"{label + ':':<10}{_indented(text)}")
    return quoted("\n".join(lines))


def _indented(text: str) -> str:
    return text.replace("\n", "\n" + " " * 10)
