"""Forged submissions get nothing, and neither fail nor delay the grader.

A forgery whose machines hang costs seconds for each test of the rubric, so `make test` runs each
against a sample of the tests; --all against every one.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from grading import ROOT
from grading.course.lab import all_labs, load_lab
from grading.suite.rubric_runs import grade, only, rubric, submission

FORGERIES = [pytest.param(lab.letter, folder, id=f"{lab.letter}-{folder.name}")
             for lab in all_labs()
             for folder in sorted((ROOT / "grading" / "forgeries" / lab.letter).glob("*/"))
             if folder.is_dir()]
LEAST = {"a": 5, "b": 5, "c": 6, "d": 4}
SAMPLE = 5  # tests of the rubric
FEWER = {"hangs-the-emulator": 1}  # where each test takes all the patience there is
NOT_TO_BUILD = ("includes-host-files", "replaces-kernel-functions")
LONGEST_S = 45  # for a test of the rubric: what the limits on silence and CPU time allow, and slack


@pytest.mark.parametrize(("letter", "forgery"), FORGERIES)
def test_a_forgery_gets_nothing(letter: str, forgery: Path, built: Path, sample, seed: int, tmp_path: Path) -> None:
    tests = sample(rubric(letter), FEWER.get(forgery.name, SAMPLE))
    if (forgery / "tests").is_dir():
        tests += [test for test in rubric(letter)
                  if ("isolation_tests" in test.name or "own_tests" in test.name) and test not in tests]
    folder = submission(letter, tmp_path / "forged", forgery, solved=False)
    start = time.monotonic()
    graded = grade(letter, tmp_path / "out", "--submission", folder, "--seed", seed, *only(tests))
    seconds = time.monotonic() - start
    assert graded.status == 1, graded.output[-3000:]
    assert re.fullmatch(rf"lab {letter}: 0/[1-9][0-9.]*", graded.last_line), graded.output[-3000:]
    built_it = "No test could be run" not in graded.output
    assert built_it or forgery.name in NOT_TO_BUILD, graded.output[:3000]
    assert seconds < 60 + LONGEST_S * len(tests), "the forgery holds the grader up"


@pytest.mark.parametrize("letter", LEAST)
def test_there_are_enough_forgeries(letter: str) -> None:
    names = {parameters.values[1].name for parameters in FORGERIES if parameters.values[0] == letter}
    assert len(names) >= LEAST[letter]
    listed = (ROOT / "grading" / "forgeries" / letter / "README.md").read_text()
    assert all(f"| `{name}` |" in listed for name in names)


@pytest.mark.parametrize(("letter", "forgery"), FORGERIES)
def test_a_forgery_replaces_only_files_that_are_taken(letter: str, forgery: Path) -> None:
    lab = load_lab(letter)
    for file in forgery.rglob("*"):
        if file.is_file():
            name = file.relative_to(forgery)
            assert any(name.match(pattern) for pattern in lab.files), f"{name} isn't in lab.toml"
