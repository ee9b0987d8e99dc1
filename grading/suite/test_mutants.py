"""Every mutant loses the points it deserves: a test that it names fails on its kernel.

`make test` runs each mutant against the tests it names, up to the first that fails. With --all
every mutant runs against every test of its lab's items.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from grading import mutants
from grading.lab import all_labs
from grading.mutants import Mutant
from grading.results import FAILED, FAULT
from grading.suite.rubric_runs import node_of, run_tests

ALL = [pytest.param(lab.letter, mutant, id=f"{lab.letter}-{mutant.name}")
       for lab in all_labs() for mutant in mutants.load_mutants(lab.letter)]
LEAST = {"a": 20}  # mutants of a lab
LEAST_ISOLATION = {"a": 8}  # of them, mutants that a user program can see


@pytest.mark.parametrize(("letter", "mutant"), ALL)
def test_a_named_test_kills_the_mutant(letter: str, mutant: Mutant, built: Path, seed: int,
                                       tmp_path: Path) -> None:
    kernel = mutants.kernel(mutant, letter)
    results = run_tests(letter, kernel, mutant.kills, tmp_path, seed, stop_at_first=True)
    faults = [result for result in results if result.status == FAULT]
    assert not faults, f"the harness failed: {faults}"
    killers = [result.name for result in results if result.status == FAILED]
    assert killers, f"{mutant.name} survives {', '.join(mutant.kills)}: {mutant.description}"


@pytest.mark.parametrize(("letter", "mutant"), ALL)
def test_each_named_test_exists(letter: str, mutant: Mutant) -> None:
    for test in mutant.kills:
        node_of(letter, test)
    mutants.mutated_text(mutant)


@pytest.mark.parametrize("letter", LEAST)
def test_there_are_enough_mutants(letter: str) -> None:
    assert len(mutants.load_mutants(letter)) >= LEAST[letter]
    assert len(mutants.isolation_mutants(letter)) >= LEAST_ISOLATION[letter]


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.letter)
def test_every_item_with_kernel_code_has_mutants(lab) -> None:
    items = {mutant.item for mutant in mutants.load_mutants(lab.letter)}
    assert items <= set(lab.items)
    assert items >= set(list(lab.items)[:-1]), "the last item is the students' own tests"
