"""Mutants' descriptions: read, applied, and refused with a line that names the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from grading.course import mutants

SOURCE = "int walk() {\n  return level - 1;\n}\n"
ENTRY = """\
[[mutant]]
name = "{name}"
item = "A1"
description = "Goes up instead of down."
file = "labs/a-paging/walk.cc"
find = "level - 1"
replace = "level + 1"
kills = ["test_walk"]
"""


def made_up(tree, *entries: str) -> Path:
    return tree({"grading/mutants/a.toml": "".join(entries), "labs/a-paging/walk.cc": SOURCE})


def test_a_mutant_changes_one_place(tree) -> None:
    top = made_up(tree, ENTRY.format(name="up"))
    [mutant] = mutants.load_mutants("a", top)
    assert mutants.mutated_text(mutant, top) == "int walk() {\n  return level + 1;\n}\n"


TWO_PLACES = ENTRY.replace('"level - 1"', '["walk", "level - 1"]').replace('"level + 1"', '["climb", "level + 1"]')


def test_a_mutant_may_change_several_places(tree) -> None:
    top = made_up(tree, TWO_PLACES.format(name="up"))
    [mutant] = mutants.load_mutants("a", top)
    assert mutants.mutated_text(mutant, top) == "int climb() {\n  return level + 1;\n}\n"
    (top / "labs/a-paging/walk.cc").write_text(SOURCE.replace("level - 1", "level-1"))
    with pytest.raises(mutants.MutantError, match=r"stands 0 times in labs/a-paging/walk\.cc, not once: level - 1;"):
        mutants.mutated_text(mutant, top)


def test_tests_without_a_mutant_have_a_reason(tree) -> None:
    top = made_up(tree, ENTRY.format(name="up"), '[without_mutant]\ntest_sync = "It is given."\n')
    assert mutants.tests_without_mutant("a", top) == {"test_sync": "It is given."}
    assert mutants.tests_without_mutant("b", top) == {}


def test_students_have_no_mutants(tree) -> None:
    top = tree({"labs/a-paging/walk.cc": SOURCE})
    assert mutants.load_mutants("a", top) == []
    assert mutants.visible_mutants("a", top) == []


def test_visible_mutants_are_those_marked(tree) -> None:
    top = made_up(tree, ENTRY.format(name="up"), ENTRY.format(name="seen") + "visible = true\n")
    assert [mutant.name for mutant in mutants.visible_mutants("a", top)] == ["seen"]


@pytest.mark.parametrize(("old", "new", "message"), [
    ('find = "level - 1"', 'find = "level"\nfound = 1', "unknown key `found`"),
    ('item = "A1"\n', "", "no key `item`"),
    ('["test_walk"]', "[]", "names no test"),
    ('"level - 1"', '["level - 1", "walk"]', "2 texts in `find` and 1 in `replace`"),
    ('find = "level - 1"\nreplace = "level + 1"', "find = []\nreplace = []", "0 texts in `find`"),
    ("[[mutant]]", "[[mutant]", "a.toml"),
])
def test_a_wrong_description_is_refused(tree, old: str, new: str, message: str) -> None:
    top = made_up(tree, ENTRY.format(name="up").replace(old, new))
    with pytest.raises(mutants.MutantError, match=message):
        mutants.load_mutants("a", top)


def test_two_mutants_of_one_name_are_refused(tree) -> None:
    top = made_up(tree, ENTRY.format(name="up"), ENTRY.format(name="up"))
    with pytest.raises(mutants.MutantError, match="two mutants are called up"):
        mutants.load_mutants("a", top)


@pytest.mark.parametrize("text", ["nothing", "level - 1; level - 1"])
def test_a_mutant_must_apply_exactly_once(tree, text: str) -> None:
    top = made_up(tree, ENTRY.format(name="up"))
    (top / "labs/a-paging/walk.cc").write_text(text)
    [mutant] = mutants.load_mutants("a", top)
    with pytest.raises(mutants.MutantError, match=r"stands [02] times in labs/a-paging/walk\.cc"):
        mutants.mutated_text(mutant, top)


def test_an_unbuilt_reference_names_the_command(tree) -> None:
    top = made_up(tree, ENTRY.format(name="up"))
    [mutant] = mutants.load_mutants("a", top)
    with pytest.raises(mutants.MutantError, match="make kernel LAB=a"):
        mutants.kernel(mutant, "a", top)
