"""lab.toml: what it says, and what is said about a wrong one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from grading.course.lab import LabError, all_labs, load_lab, make_fragment
from grading.grader.selection import choose

GOOD = """\
lab = "a"
title = "Paging"
handout = "handouts/a-paging.md"
files = ["walk.cc", "answers.toml", "tests/isolation_*.c"]
subsystems = ["exec"]
line_limit = 500
cpu_s = 60

[items.A1]
title = "Walking"
points = 60
anchor = "a1"

[items.A2]
title = "Mapping"
points = 40
anchor = "a2"
"""


def test_a_good_one(tree) -> None:
    top = tree(
        {"labs/a-paging/lab.toml": GOOD, "labs/a-paging/tests/isolation_x.c": "", "labs/a-paging/tests/other.c": ""}
    )
    lab = load_lab("a", top)
    assert (lab.letter, lab.index, lab.points, lab.line_limit) == ("a", 0, 100, 500)
    assert lab.section("A2") == "handouts/a-paging.md#a2"
    assert lab.item("a2").number == 2
    assert [str(path) for path in lab.student_files()] == ["answers.toml", "tests/isolation_x.c", "walk.cc"]
    assert make_fragment(all_labs(top)) == (
        "LABS := a\nLAB_a_DIR := labs/a-paging\nLAB_a_SOURCES := labs/a-paging/walk.cc\nLAB_a_SUBSYSTEMS := exec\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('lab = "a"', 'lab = "b"', "does not match the folder"),
        ('lab = "a"', 'lab = ""', "does not match the folder"),
        ('title = "Paging"', "", "title is missing"),
        ("line_limit = 500", 'line_limit = "many"', "line_limit is not a int"),
        ("points = 40", "points = 45", "add up to 105, not 100"),
        ("points = 40", "points = true", "points is not a int"),
        ("points = 40", "points = -40", "above 0"),
        ("[items.A2]", "[items.B2]", "items of this lab are called A1, A2"),
        ("[items.A2]", "[items.A0]", "items of this lab are called"),
        ('"walk.cc"', '"../walk.cc"', "leaves the lab's folder"),
        ('"walk.cc"', '"/etc/passwd"', "leaves the lab's folder"),
        ('"walk.cc"', "1", "strings only"),
        ("[items.A1]", "[items.A1", "lab.toml"),
        ('anchor = "a1"', "", "anchor is missing"),
    ],
)
def test_wrong_ones_are_explained_in_one_line(tree, old: str, new: str, said: str) -> None:
    top = tree({"labs/a-paging/lab.toml": GOOD.replace(old, new, 1)})
    with pytest.raises(LabError) as caught:
        load_lab("a", top)
    text = str(caught.value)
    assert said in text and "labs/a-paging/lab.toml" in text and "\n" not in text


def test_unknown_labs_and_items(tree) -> None:
    top = tree({"labs/a-paging/lab.toml": GOOD})
    with pytest.raises(LabError, match="there is no lab 'z'; labs in this tree: a"):
        load_lab("z", top)
    with pytest.raises(LabError, match="its items are A1, A2"):
        load_lab("a", top).item("A7")


def test_a_choice_of_tests(tree) -> None:
    lab = load_lab("a", tree({"labs/a-paging/lab.toml": GOOD}))
    tests = [("test_walk", "A1"), ("test_walk_far", "A1"), ("test_map[1]", "A2"), ("test_map[2]", "A2")]
    assert choose("", lab, tests) == {0, 1, 2, 3}
    assert choose("a2", lab, tests) == {2, 3}
    assert choose("test_walk", lab, tests) == {0}
    assert choose("far|map", lab, tests) == {1, 2, 3}
    assert choose("test_map[1]", lab, tests) == {2}
    assert choose("map[", lab, tests) == {2, 3}
    with pytest.raises(LabError, match="no item and no test called 'A9'; its items are A1, A2"):
        choose("A9", lab, tests)


def test_the_command(root: Path) -> None:
    done = subprocess.run(["/usr/bin/python3", root / "grading", "labs", "--make"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("LABS := a")
