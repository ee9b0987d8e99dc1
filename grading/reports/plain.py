"""A failure as plain text."""

from __future__ import annotations

from grading.results import Failure


def failure_text(failure: Failure) -> str:
    """All that is known of a failure, one part a line or block."""
    lines = [failure.summary]
    for label, text in (("expected", failure.expected), ("seen", failure.seen), ("hint", failure.hint)):
        if text:
            lines.append(f"{label + ':':<10}{_indented(text)}")
    if failure.console and not failure.not_implemented:
        lines.append(f"{'console:':<10}{_indented(failure.console)}")
    if not failure.not_implemented:
        if failure.log:
            lines.append(f"{'logs:':<10}{failure.log}")
        lines.append(f"{'again:':<10}{failure.reproduce}")
        lines.append(f"{'in GDB:':<10}{failure.reproduce} GDB=1")
    return "\n".join(lines)


def _indented(text: str) -> str:
    return text.replace("\n", "\n" + " " * 10)
