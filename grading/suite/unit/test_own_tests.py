"""The student's own tests: which kernel they meet, and in which words they are told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from grading import ROOT
from grading.course import mutants
from grading.grader import own_tests
from grading.grader.run import Run


def test_in_a_students_tree_the_correct_kernel_is_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kernel = ROOT / "build" / "a" / "kernel.elf"
    monkeypatch.setattr(own_tests, "ROOT", tmp_path)
    run = Run("a", 7, tmp_path / "build" / "a-reference", Path("programs.cpio"), Path("labs/a-paging"), Path("logs"))
    (tmp_path / kernel.relative_to(ROOT)).parent.mkdir(parents=True)
    (tmp_path / kernel.relative_to(ROOT)).touch()
    monkeypatch.setattr(mutants, "load_mutants", lambda letter: ["a mistake"])
    assert own_tests.correct_in_words(run) == "a correct kernel"
    monkeypatch.setattr(mutants, "load_mutants", lambda letter: [])
    assert own_tests.correct_in_words(run) == "your own kernel"
