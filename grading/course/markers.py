"""Solution markers: which lines of a lab's file students write.

A run of solution lines stands between two marker lines:

    // BEGIN SOLUTION A2        (C, C++)        # BEGIN SOLUTION A5      (TOML)
    ...                                         ...
    // END SOLUTION                             # END SOLUTION

Inside a run, a line `// STARTER: code` is not solution text: the students' tree has `code` at
its place instead of the run. A bare `// STARTER:` stands for no line, so the run is removed.
A run without STARTER lines becomes `return not_implemented("A2");`. Above what stands there, a comment
tells students that the place is theirs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

COMMENT_BY_SUFFIX = {".cc": "//", ".h": "//", ".c": "//", ".toml": "#"}

_ANY_MARKER = re.compile(r"\b(BEGIN|END)\s+SOLUTION\b|\bSTARTER:")
_BEGIN = re.compile(r"(?P<indent>[ \t]*)(?P<comment>//|#) BEGIN SOLUTION (?P<item>[A-Z][0-9]+)")
_END = re.compile(r"[ \t]*(?P<comment>//|#) END SOLUTION")
_STARTER = re.compile(r"(?P<indent>[ \t]*)(?P<comment>//|#) STARTER:(?: (?P<code>.*))?")


class MarkerError(Exception):
    """A marker is misspelt or unbalanced; the message names file, line and fix."""


@dataclass(frozen=True)
class Run:
    """One run of solution lines."""

    item: str  # e.g. "A2"
    first_line: int  # line number of the BEGIN marker, from 1
    indent: str  # white space before the BEGIN marker
    solution: list[str] = field(default_factory=list)  # lines that only the solution has
    starter: list[str] | None = None  # replacement lines; None: not_implemented()


def can_hold_solutions(path: str) -> bool:
    """Says whether markers are looked for in a file of this name."""
    return PurePosixPath(path).suffix in COMMENT_BY_SUFFIX


def split(text: str, path: str) -> list[str | Run]:
    """Splits a source text into lines outside runs (str, without newline) and runs.

    Raises MarkerError where a marker isn't exactly as described above, so that a typing
    error can never carry a solution into a starter.
    """
    comment = COMMENT_BY_SUFFIX[PurePosixPath(path).suffix]
    pieces: list[str | Run] = []
    open_run: dict | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        here = f"{path}:{number}"
        marker = _ANY_MARKER.search(line)
        if not marker:
            (open_run["solution"] if open_run else pieces).append(line)
            continue
        if match := _BEGIN.fullmatch(line):
            if open_run:
                began = open_run["first_line"]
                raise MarkerError(f"{here}: BEGIN SOLUTION inside the run begun on line {began}; "
                                  "put an END SOLUTION before it")
            open_run = {"item": match["item"], "first_line": number,
                        "indent": match["indent"], "solution": [], "starter": None}
        elif match := _END.fullmatch(line):
            if not open_run:
                raise MarkerError(f"{here}: END SOLUTION without BEGIN SOLUTION; remove it")
            pieces.append(Run(**open_run))
            open_run = None
        elif match := _STARTER.fullmatch(line):
            if not open_run:
                raise MarkerError(f"{here}: STARTER outside a solution run; move it between "
                                  "BEGIN SOLUTION and END SOLUTION")
            open_run["starter"] = open_run["starter"] or []
            if match["code"] is not None:
                open_run["starter"].append(match["indent"] + match["code"])
        else:
            raise MarkerError(f"{here}: misspelt marker; write `{comment} BEGIN SOLUTION A2`, "
                              f"`{comment} STARTER: code` or `{comment} END SOLUTION` alone "
                              "on a line")
        if match["comment"] != comment:
            raise MarkerError(f"{here}: a marker in this file starts with `{comment}`")
    if open_run:
        raise MarkerError(f"{path}:{open_run['first_line']}: BEGIN SOLUTION without END SOLUTION; "
                          "add the END SOLUTION line")
    return pieces


def runs(text: str, path: str) -> list[Run]:
    """The solution runs of a source text, in order. Raises MarkerError."""
    return [piece for piece in split(text, path) if isinstance(piece, Run)]


def starter_text(text: str, path: str, done: Collection[str] = ()) -> str:
    """The text that students get: every run replaced by its stub. Raises MarkerError.

    Runs of the items in `done` keep their solution, as if a student had written it.
    """
    return _join([piece] if isinstance(piece, str)
                 else piece.solution if piece.item in done else _hole(piece, path)
                 for piece in split(text, path))


def solved_text(text: str, path: str) -> str:
    """The complete text without markers and STARTER lines. Raises MarkerError."""
    return _join(piece.solution if isinstance(piece, Run) else [piece]
                 for piece in split(text, path))


def solution_line_count(text: str, path: str) -> int:
    """How many lines students write in this file: all between markers, blank ones not counted."""
    return sum(1 for run in runs(text, path) for line in run.solution if line.strip())


def _hole(run: Run, path: str) -> list[str]:
    comment = COMMENT_BY_SUFFIX[PurePosixPath(path).suffix]
    where = f"{run.indent}{comment} {run.item}: yours to write."
    if run.starter is not None:
        return [where, *run.starter] if run.starter else []
    if comment != "//":
        raise MarkerError(f"{path}:{run.first_line}: this run needs STARTER lines that say what "
                          "stands in its place in the students' tree")
    return [where, f'{run.indent}return not_implemented("{run.item}");']


def _join(groups: Iterator[list[str]]) -> str:
    """Joins groups of lines. Where an empty group leaves two blank lines, one of them goes."""
    lines: list[str] = []
    after_gap = False
    for group in groups:
        if after_gap and group == [""] and (not lines or lines[-1] == ""):
            after_gap = False
            continue
        after_gap = not group
        lines.extend(group)
    return "\n".join(lines)
