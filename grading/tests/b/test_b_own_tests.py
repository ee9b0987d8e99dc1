"""The student's own tests, tests/files_*.c: they pass on a correct kernel and notice kernels with mistakes."""

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


def hidden(item_id: str) -> pytest.MarkDecorator:
    """A test for each kernel with a mistake in that item; in a student's tree, which has none, one in all."""
    chosen = [mutant for mutant in visible_mutants("b") if mutant.item == item_id]
    return pytest.mark.parametrize("mutant", chosen or [None], ids=hidden_names(chosen))


@item("B2", points=2)
def test_own_tests_accept_a_correct_kernel(cairn_run: Run, boot: Boot) -> None:
    """Your tests in tests/files_*.c exit with 0 on a correct kernel, three times, and not on every kernel."""
    check(expected=[], seen=complaints(cairn_run, boot, "B2"), what=f"your tests that fail on {correct_in_words(cairn_run)}",
          hint="a test exits with 0 when files behave as they should, otherwise with 1")
    check_that(not visible_mutants("b") or notice_anything(cairn_run, boot), expected="a failure on at least one",
               seen="success on all", what="your tests on the hidden kernels, each of which has a mistake")


@hidden("B1")
@item("B1", points=1)
def test_own_tests_catch_mistakes_of_b1(mutant: Mutant | None, cairn_run: Run, boot: Boot) -> None:
    """Your tests fail on a kernel whose open, read, write or seek has a known mistake."""
    judge(mutant, cairn_run, boot, "B1")


@hidden("B2")
@item("B2", points=1)
def test_own_tests_catch_mistakes_of_b2(mutant: Mutant | None, cairn_run: Run, boot: Boot) -> None:
    """Your tests fail on a kernel whose descriptors have a known mistake."""
    judge(mutant, cairn_run, boot, "B2")


@hidden("B3")
@item("B3", points=1)
def test_own_tests_catch_mistakes_of_b3(mutant: Mutant | None, cairn_run: Run, boot: Boot) -> None:
    """Your tests fail on a kernel whose directories have a known mistake."""
    judge(mutant, cairn_run, boot, "B3")


def judge(mutant: Mutant | None, run: Run, boot: Boot, item_id: str) -> None:
    check(expected=[], seen=complaints(run, boot, item_id), what=f"your tests that fail on {correct_in_words(run)}, where they must pass")
    if mutant is None:
        return  # the hidden kernels are the instructor's; there your tests meet them
    check_that(catch(run, boot, mutant) and notice_anything(run, boot), expected="at least one test exits with 1",
               seen="all exit with 0", what="your tests on this hidden kernel")
