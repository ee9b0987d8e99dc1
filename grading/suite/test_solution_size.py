"""What students write is bounded: each lab's solution fits the limit in its lab.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from grading.course import markers
from grading.course.lab import Lab, all_labs


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.letter)
def test_the_solution_fits_its_limit(lab: Lab) -> None:
    lines = {}
    for path in lab.student_files():
        lines[path.as_posix()] = markers.solution_line_count((lab.folder / path).read_text(), path.name)
    assert 0 < sum(lines.values()) <= lab.line_limit, f"lines between markers: {lines}"


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.letter)
def test_every_item_has_something_to_write(lab: Lab) -> None:
    items = {run.item for path in lab.student_files()
             for run in markers.runs((lab.folder / path).read_text(), path.name)}
    assert items == set(lab.items)


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.letter)
def test_only_listed_files_hold_solutions(lab: Lab) -> None:
    listed = {lab.folder / path for path in lab.student_files()}
    holding = {path for path in sorted(lab.folder.rglob("*"))
               if path.is_file() and markers.can_hold_solutions(path.name)
               and markers.runs(path.read_text(), path.name)}
    assert holding <= listed, "lab.toml lists what is taken from a submission"


def test_no_solution_stands_outside_the_labs(root: Path) -> None:
    for path in sorted((root / "kernel").rglob("*")) + sorted((root / "user").rglob("*")):
        if path.suffix in {".cc", ".h", ".c"}:
            assert not markers.runs(path.read_text(), path.name), f"{path}: markers only in labs/"
