"""REFERENCE=a: an earlier lab linked from precompiled objects, in the tree that students have."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from grading.course import starter
from grading.course.lab import all_labs
from grading.machine.machine import Machine
from grading.suite.rubric_runs import PROGRAMS

EARLIER = {lab.letter: [other.letter for other in all_labs() if other.letter < lab.letter] for lab in all_labs()}
PAIRS = [(letter, ",".join(labs)) for letter, labs in EARLIER.items() if labs]
pytestmark = pytest.mark.skipif(not PAIRS, reason="there is one lab only")


@pytest.fixture(scope="module")
def students_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter of the last lab: it holds the objects of all labs before."""
    tree = tmp_path_factory.mktemp("students") / "tree"
    starter.write(starter.manifest(all_labs()[-1].letter), tree)
    return tree


def make(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=tree, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("letter", "earlier"), PAIRS)
def test_an_earlier_lab_from_its_objects(students_tree: Path, built: Path, letter: str, earlier: str) -> None:
    done = make(students_tree, "kernel", f"LAB={letter}", f"REFERENCE={earlier}")
    assert done.returncode == 0, done.stderr[-2000:]
    kernel = students_tree / "build" / f"{letter}-reference-{earlier.replace(',', '')}" / "kernel.elf"
    with Machine(kernel, initrd=PROGRAMS, options="channel") as machine:
        # The starter alone can't run a program: without lab A's page tables nothing is mapped.
        machine.console.send("run hello\n")
        machine.console.wait_for("Hello")


def test_objects_of_another_tree_are_refused(students_tree: Path, tmp_path: Path) -> None:
    letter, earlier = PAIRS[0]
    header = students_tree / "kernel" / "memory" / "page_table.h"
    text = header.read_text()
    try:
        header.write_text(text + "// changed\n")
        done = make(students_tree, "kernel", f"LAB={letter}", f"REFERENCE={earlier}")
    finally:
        header.write_text(text)
    assert done.returncode != 0 and "git checkout kernel" in done.stderr and "Traceback" not in done.stderr


def test_no_later_lab_and_no_lab_of_ones_own(students_tree: Path) -> None:
    letter, _ = PAIRS[0]
    done = make(students_tree, "kernel", f"LAB={PAIRS[0][1]}", f"REFERENCE={letter}")
    assert done.returncode != 0 and "labs of this stage" in done.stderr
