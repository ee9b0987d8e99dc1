"""What a lab is: its files, items and points, read from labs/<folder>/lab.toml.

Every other part of the harness, the Makefile (through `--make`) and the starter generator
learn about labs from here and from nowhere else. This file needs nothing but the standard
library, since the sandboxed build of a submission runs it too.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from grading import ROOT

FULL_SCORE = 100
GLOB_CHARACTERS = re.compile(r"[*?\[]")
SOURCE_SUFFIXES = (".cc", ".S")

T = TypeVar("T")


class LabError(Exception):
    """A lab.toml, or the name of a lab or item, is wrong; the text is one line with the remedy."""


@dataclass(frozen=True)
class Item:
    """One row of the rubric."""

    id: str
    title: str
    points: int
    anchor: str

    @property
    def number(self) -> int:
        """The 2 of A2."""
        return int(self.id[1:])


@dataclass(frozen=True)
class Lab:
    """One lab, as its lab.toml describes it."""

    letter: str
    folder: Path  # absolute
    title: str
    handout: str  # relative to the root of the repository
    files: tuple[str, ...]  # what is taken from a submission, relative to `folder`; globs allowed
    subsystems: tuple[str, ...]  # kernel subsystems that this lab brings
    line_limit: int
    cpu_s: int
    items: dict[str, Item] = field(default_factory=dict)

    @property
    def index(self) -> int:
        """0 for lab a, 1 for lab b …; part of the debug-exit code."""
        return ord(self.letter) - ord("a")

    @property
    def points(self) -> int:
        return sum(item.points for item in self.items.values())

    def item(self, name: str) -> Item:
        """The item called `name` in any case; raises LabError that lists the items."""
        found = self.items.get(name.upper())
        if found is None:
            raise LabError(f"lab {self.letter} has no item {name}; its items are {', '.join(self.items)}")
        return found

    def section(self, item_id: str) -> str:
        """Where the handout describes the item, such as `handouts/a-paging.md#a2`."""
        return f"{self.handout}#{self.items[item_id].anchor}"

    def student_files(self, root: Path | None = None) -> list[Path]:
        """The files in `files` with globs expanded, relative to the lab's folder, sorted.

        A name without glob characters is returned whether or not it exists.
        """
        folder = self.folder if root is None else root / self.folder.name
        found: set[Path] = set()
        for pattern in self.files:
            if GLOB_CHARACTERS.search(pattern):
                found.update(path.relative_to(folder) for path in folder.glob(pattern))
            else:
                found.add(Path(pattern))
        return sorted(found)


def load_lab(letter: str, root: Path = ROOT) -> Lab:
    """Reads the lab called `letter`; raises LabError when there is none or its lab.toml is wrong."""
    folders = sorted(path.parent for path in root.glob("labs/*/lab.toml"))
    for folder in folders:
        if folder.name.startswith(f"{letter}-"):
            return _read(folder, root)
    known = ", ".join(folder.name[0] for folder in folders) or "none"
    raise LabError(f"there is no lab {letter!r}; labs in this tree: {known}")


def all_labs(root: Path = ROOT) -> list[Lab]:
    """Every lab in the tree, in order."""
    return [_read(path.parent, root) for path in sorted(root.glob("labs/*/lab.toml"))]


def _read(folder: Path, root: Path) -> Lab:
    name = (folder / "lab.toml").relative_to(root)
    try:
        with open(folder / "lab.toml", "rb") as file:
            table = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LabError(f"{name}: {error}") from None
    letter = _take(table, "lab", str, name)
    if not re.fullmatch("[a-z]", letter) or not folder.name.startswith(f"{letter}-"):
        raise LabError(f"{name}: lab = {letter!r} does not match the folder's name {folder.name}")
    files = _strings(table, "files", name)
    for pattern in files:
        if pattern.startswith("/") or ".." in Path(pattern).parts:
            raise LabError(f"{name}: files: {pattern!r} leaves the lab's folder")
    lab = Lab(
        letter=letter,
        folder=folder,
        title=_take(table, "title", str, name),
        handout=_take(table, "handout", str, name),
        files=files,
        subsystems=_strings(table, "subsystems", name),
        line_limit=_take(table, "line_limit", int, name),
        cpu_s=_take(table, "cpu_s", int, name),
        items=_items(_take(table, "items", dict, name), letter, name),
    )
    if lab.points != FULL_SCORE:
        raise LabError(f"{name}: the items' points add up to {lab.points}, not {FULL_SCORE}")
    return lab


def _items(tables: dict[str, object], letter: str, name: Path) -> dict[str, Item]:
    items: dict[str, Item] = {}
    for item_id, table in tables.items():
        if not re.fullmatch(letter.upper() + "[1-9][0-9]?", item_id) or not isinstance(table, dict):
            raise LabError(
                f"{name}: [items.{item_id}]: items of this lab are called {letter.upper()}1, {letter.upper()}2 …"
            )
        where = f"{name}: [items.{item_id}]"
        item = Item(
            id=item_id,
            title=_take(table, "title", str, where),
            points=_take(table, "points", int, where),
            anchor=_take(table, "anchor", str, where),
        )
        if item.points <= 0:
            raise LabError(f"{where}: points must be above 0")
        items[item_id] = item
    return items


def _take(table: dict[str, object], key: str, kind: type[T], where: object) -> T:
    value = table.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        problem = "is missing" if value is None else f"is not a {kind.__name__}"
        raise LabError(f"{where}: {key} {problem}")
    return value


def _strings(table: dict[str, object], key: str, where: object) -> tuple[str, ...]:
    value = _take(table, key, list, where)
    if not all(isinstance(entry, str) for entry in value):
        raise LabError(f"{where}: {key} must hold strings only")
    return tuple(value)


def make_fragment(labs: list[Lab]) -> str:
    """The text that the Makefile includes: for each lab its folder, sources, programs' sources and subsystems."""
    lines = [f"LABS := {' '.join(lab.letter for lab in labs)}"]
    for lab in labs:
        folder = f"labs/{lab.folder.name}"
        sources = [f"{folder}/{path}" for path in lab.student_files() if path.suffix in SOURCE_SUFFIXES]
        lines.append(f"LAB_{lab.letter}_DIR := {folder}")
        lines.append(f"LAB_{lab.letter}_SOURCES := {' '.join(sources)}")
        lines.append(f"LAB_{lab.letter}_SUBSYSTEMS := {' '.join(lab.subsystems)}")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Lists the labs of this tree, their items and points.")
    parser.add_argument("--make", action="store_true", help="print the fragment that the Makefile includes")
    arguments = parser.parse_args()
    try:
        labs = all_labs()
    except LabError as error:
        print(f"labs: {error}", file=sys.stderr)
        return 2
    if arguments.make:
        print(make_fragment(labs), end="")
        return 0
    for lab in labs:
        print(f"lab {lab.letter}: {lab.title} ({lab.folder.relative_to(ROOT)})")
        for item in lab.items.values():
            print(f"  {item.id}  {item.points:3} points  {item.title}")
    return 0

