"""C5: the student's own tests, tests/exec_*.c: they pass on a correct kernel and notice kernels with mistakes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from grading.course.mutants import Mutant, visible_mutants
from grading.grader.own_tests import catch, complaints, correct_in_words, notice_anything
from grading.grader.rubric import hidden_names, item
from grading.grader.run import Run
from grading.judge.check import check, check_that
from grading.machine.machine import Machine

Boot = Callable[..., Machine]
HIDDEN = visible_mutants("c")


@item("C5", points=5)
def test_own_tests_accept_a_correct_kernel(cairn_run: Run, boot: Boot) -> None:
    """Your tests in tests/exec_*.c exit with 0 on a correct kernel, three times, and not on every kernel."""
    check(expected=[], seen=complaints(cairn_run, boot, "C5"), what=f"your tests that fail on {correct_in_words(cairn_run)}",
          hint="a test exits with 0 when exec behaves as it should, otherwise with 1")
    check_that(not HIDDEN or notice_anything(cairn_run, boot), expected="a failure on at least one",
               seen="success on all", what="your tests on the hidden kernels, each of which has a mistake")


@pytest.mark.parametrize("mutant", HIDDEN or [None], ids=hidden_names(HIDDEN))
@item("C5", points=2)
def test_own_tests_catch_mistakes(mutant: Mutant | None, cairn_run: Run, boot: Boot) -> None:
    """Your tests fail on a kernel whose exec has a known mistake."""
    check(expected=[], seen=complaints(cairn_run, boot, "C5"), what=f"your tests that fail on {correct_in_words(cairn_run)}, where they must pass")
    if mutant is None:
        return  # the hidden kernels are the instructor's; there your tests meet them
    check_that(catch(cairn_run, boot, mutant) and notice_anything(cairn_run, boot), expected="at least one test exits with 1",
               seen="all exit with 0", what="your tests on this hidden kernel")
