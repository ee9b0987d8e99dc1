"""Every sentence of a contract that students are held to has a test that a violation fails: grading/contracts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading import ROOT
from grading.course import mutants
from grading.suite.rubric_runs import node_of

FOLDER = ROOT / "grading" / "contracts"
LETTERS = sorted(path.stem for path in FOLDER.glob("*.toml"))
SECTION = re.compile(r"\s*// ---- (?:LAB (\w\d)\b)?")
COMMENT = re.compile(r"\s*///? ?(.*)")
END = re.compile(r"(?<=[.;])\s+(?=[A-Z`])|(?<=;)\s+")
KEYS = ({"tests", "mutants"}, {"caller"}, {"waits"})


def sentences(header: Path) -> Iterator[tuple[str, str]]:
    """(item, sentence) of the comments in a header's sections of labs."""
    item, words = "", []
    for line in [*header.read_text().splitlines(), ""]:
        if section := SECTION.match(line):
            item, words = section[1] or "", []
        elif item and (comment := COMMENT.match(line)):
            words.append(comment[1].strip())
        elif words:
            yield from ((item, sentence) for sentence in END.split(" ".join(words)))
            words = []


def table(letter: str) -> dict[str, dict[str, dict[str, dict]]]:
    return tomllib.loads((FOLDER / f"{letter}.toml").read_text())


@pytest.mark.parametrize("letter", LETTERS)
def test_every_sentence_is_in_the_table(letter: str) -> None:
    for header, items in table(letter).items():
        found = list(sentences(ROOT / header))
        for item, sentence in found:
            if item in items:
                assert [key for key in items[item] if sentence.startswith(key)], f"{header}, {item}, has no row: {sentence}"
        for item, rows in items.items():
            for key in rows:
                assert any(key_item == item and sentence.startswith(key) for key_item, sentence in found), f"{header}, {item}, says no more: {key}"
    missing = {item for item in mutants_items(letter)} - {item for items in table(letter).values() for item in items}
    assert missing <= set(), f"no contract of these items is in grading/contracts/{letter}.toml"


def mutants_items(letter: str) -> set[str]:
    return {mutant.item for mutant in mutants.load_mutants(letter)}


@pytest.mark.parametrize("letter", LETTERS)
def test_every_row_names_what_holds_students_to_it(letter: str) -> None:
    known = {mutant.name: mutant for mutant in mutants.load_mutants(letter)}
    for header, items in table(letter).items():
        for item, rows in items.items():
            for key, row in rows.items():
                assert set(row) in KEYS and all(row.values()), f"{header}, {item}: {key}: tests and mutants, or caller, or waits"
                for test in row.get("tests", ()):
                    node_of(letter, test)
                for name in row.get("mutants", ()):
                    assert name in known, f"{header}, {item}: {key}: there is no mutant {name}"
                    assert set(known[name].kills) & set(row["tests"]), f"{key}: {name} is killed by {known[name].kills}, not by {row['tests']}"
