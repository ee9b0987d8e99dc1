"""Every mutant loses the points it deserves: a test that it names fails on its kernel.

`make test` runs some of each lab's against the tests they name, up to the first that fails. With --all
every mutant meets every test of the rubric that judges a kernel, and build/mutants/LAB/NAME gets
the list of those that failed, killed-by.txt.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import pytest

from grading import ROOT
from grading.course import mutants
from grading.course.lab import all_labs
from grading.course.mutants import Mutant
from grading.grader.results import FAILED, FAULT
from grading.suite import samples
from grading.suite.rubric_runs import node_of, run_make, run_tests

ALL = [pytest.param(lab.letter, mutant, id=f"{lab.letter}-{mutant.name}")
       for lab in all_labs() for mutant in mutants.load_mutants(lab.letter)]
LEAST = {"a": 20, "b": 25, "c": 110, "d": 28}  # mutants of a lab
LEAST_VISIBLE = {"a": 8, "b": 10, "c": 8, "d": 0}  # of them, mutants that a user program can see


@pytest.mark.sampled(samples.MUTANTS)
@pytest.mark.parametrize(("letter", "mutant"), ALL)
def test_a_named_test_kills_the_mutant(letter: str, mutant: Mutant, built: Path, seed: int,
                                       pytestconfig: pytest.Config, tmp_path: Path) -> None:
    build_reference(letter)
    kernel = mutants.kernel(mutant, letter)
    everything = pytestconfig.getoption("--all")
    tests = kernel_tests(letter) if everything else mutant.kills
    results = run_tests(letter, kernel, tests, tmp_path, seed, stop_at_first=not everything)
    faults = [result for result in results if result.status == FAULT]
    assert not faults, f"the harness failed: {faults}"
    killers = [result.name.partition("[")[0] for result in results if result.status == FAILED]  # "test_x[1024]"
    if everything:
        kernel.with_name("killed-by.txt").write_text("".join(f"{name}\n" for name in killers))
    assert set(killers) & set(mutant.kills), (
        f"{mutant.name} survives {', '.join(mutant.kills)}, killed by {killers or 'none'}: {mutant.description}")


@lru_cache
def build_reference(letter: str) -> None:
    """The kernel and the programs of the stage, which mutants differ from."""
    run_make(ROOT, "kernel", "programs", f"LAB={letter}")


def kernel_tests(letter: str) -> list[str]:
    """The rubric's tests but for those that judge a student's tests and answers."""
    names = []
    for path in sorted((ROOT / "grading" / "tests" / letter).glob("test_*.py")):
        names += re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE)
    return [name for name in names if not name.startswith(("test_isolation_tests", "test_own_tests", "test_answers"))]


@pytest.mark.parametrize(("letter", "mutant"), ALL)
def test_each_named_test_exists(letter: str, mutant: Mutant) -> None:
    for test in mutant.kills:
        node_of(letter, test)
    mutants.mutated_text(mutant)


@pytest.mark.parametrize("letter", LEAST)
def test_every_rubric_test_kills_something(letter: str) -> None:
    named = {test for mutant in mutants.load_mutants(letter) for test in mutant.kills}
    without = mutants.tests_without_mutant(letter)
    assert {test for test in kernel_tests(letter) if test not in named and test not in without} == set(), (
        f"write a mutant that each kills, or say in {letter}.toml, `without_mutant`, why there can be none")
    assert set(without) <= set(kernel_tests(letter)) - named, "these exist no more, or have a mutant by now"
    assert all(without.values())


@pytest.mark.parametrize("letter", LEAST)
def test_there_are_enough_mutants(letter: str) -> None:
    assert len(mutants.load_mutants(letter)) >= LEAST[letter]
    assert len(mutants.visible_mutants(letter)) >= LEAST_VISIBLE[letter]


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.letter)
def test_every_item_with_kernel_code_has_mutants(lab) -> None:
    items = {mutant.item for mutant in mutants.load_mutants(lab.letter)}
    assert items <= set(lab.items)
    assert items >= set(list(lab.items)[:-1]), "the last item is the students' own tests"
