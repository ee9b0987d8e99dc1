"""What students must not find: the lines that only a solution has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from grading.course import markers, starter

TRIVIAL = 24  # characters of a line that may stand in both by chance


def of_labs(root: Path, given: Mapping[str, starter.Entry]) -> tuple[set[str], set[str]]:
    """The solutions' lines for the labs in a students' tree: those that nothing given has outside of the
    labs, and those that stand in what is given, too."""
    secret: set[str] = set()
    for path in given:
        if path.startswith("labs/") and markers.can_hold_solutions(path):
            for run in markers.runs((root / path).read_text(), path):
                secret |= {line.strip() for line in run.solution} - {line.strip() for line in run.starter or []}
    public = {line.strip() for path, entry in given.items()
              if not path.startswith("labs/") for line in entry.data.decode(errors="replace").splitlines()}
    secret = {line for line in secret if len(line) >= TRIVIAL}
    return secret - public, secret & public
