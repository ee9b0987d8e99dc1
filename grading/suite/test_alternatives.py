"""Correct solutions of another design get full marks: the rubric asks for contracts, not for code."""

from __future__ import annotations

from pathlib import Path

import pytest

from grading import ROOT
from grading.course import markers, starter
from grading.course.lab import all_labs, load_lab
from grading.suite.rubric_runs import grade, submission

ALTERNATIVES = [pytest.param(lab.letter, folder, id=f"{lab.letter}-{folder.name}")
                for lab in all_labs()
                for folder in sorted((ROOT / "grading" / "alternatives" / lab.letter).glob("*/"))
                if folder.is_dir()]
LEAST = {"a": 2, "b": 2, "c": 2, "d": 2}


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("letter", "alternative"), ALTERNATIVES)
def test_an_alternative_gets_full_marks(letter: str, alternative: Path, built: Path, seed: int,
                                        tmp_path: Path) -> None:
    folder = submission(letter, tmp_path / "alternative", alternative, solved=True)
    graded = grade(letter, tmp_path / "out", "--submission", folder, "--seed", seed)
    assert graded.last_line == f"lab {letter}: 100/100", f"{graded.lost}\n{graded.output[-6000:]}"
    assert graded.status == 0


@pytest.mark.parametrize(("letter", "alternative"), ALTERNATIVES)
def test_an_alternative_shares_no_code_with_the_reference(letter: str, alternative: Path) -> None:
    lab = load_lab(letter)
    for file in sorted(alternative.glob("*.cc")):
        reference = (lab.folder / file.name).read_text()
        given = starter.manifest(letter)[f"labs/{lab.folder.name}/{file.name}"].data.decode()
        solution = _long_lines(markers.solved_text(reference, file.name)) - _long_lines(given)
        shared = solution & _long_lines(file.read_text())
        assert len(shared) <= max(4, len(solution) // 5), f"{file}: {sorted(shared)}"


def _long_lines(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines()
            if len(line.strip()) >= 30 and not line.strip().startswith("//")}


@pytest.mark.parametrize("letter", LEAST)
def test_there_are_enough_alternatives(letter: str) -> None:
    assert sum(parameters.values[0] == letter for parameters in ALTERNATIVES) >= LEAST[letter]
