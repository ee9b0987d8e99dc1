"""The table of system calls: which of Linux's are done, done in part, or absent: `python3 grading calls`.

Nothing of it is written twice. kernel/syscalls/table.h says which calls there are, missing.h what they lack,
needed.tsv which ones programs use. handouts/system-calls.md is this table (`--write`); the suite compares it with
these files and, by a program on Cairn, with what programs see.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grading import ROOT

SOURCES = Path("kernel/syscalls")
PAGE = Path("handouts/system-calls.md")
CALL = re.compile(r'^  X\((\d+), (\w+), ', re.MULTILINE)
MISSING = re.compile(r'^  X\((\w+), "([^"]+)", (E\w+),', re.MULTILINE)
ENTRY = re.compile(r"^  X\(", re.MULTILINE)
TIERS = {"T1": "static with musl", "T1g": "static with glibc", "T2": "busybox", "T3m": "dynamic with musl",
         "T3g": "dynamic with glibc", "T4": "stress tests"}
HEAD = """# System calls

<!-- Made by `python3 grading calls --write` from kernel/syscalls/: table.h, missing.h, needed.tsv. -->

Numbers, arguments, structures and errors are Linux's. *done*: all that Linux's call has. *partial*: what is missing,
and the error that a program gets who asks for it. *absent*: ENOSYS, as for every number that isn't here.

*for* is the first kind of programs that was seen to use a call: {tiers}.

| number | call | for | state | missing |
|---|---|---|---|---|
"""


class TableError(Exception):
    """One of the files can't be understood; the text is one line with the remedy."""


@dataclass(frozen=True)
class Call:
    """One system call of Linux."""

    number: int
    name: str
    tier: str  # "" where no measured program used it
    present: bool
    missing: tuple[tuple[str, str], ...]  # what, and the error it gives

    @property
    def state(self) -> str:
        """One word."""
        return "absent" if not self.present else "partial" if self.missing else "done"

    def row(self) -> str:
        """Its line of the table in Markdown."""
        missing = "; ".join(f"{what}: {error}" for what, error in self.missing)
        return f"| {self.number} | {self.name} | {self.tier} | {self.state} | {missing} |"


def read_missing(text: str) -> dict[str, list[tuple[str, str]]]:
    """What missing.h says, by call. Raises TableError where a line of it has another shape."""
    found: dict[str, list[tuple[str, str]]] = {}
    entries = MISSING.findall(text)
    if len(entries) != len(ENTRY.findall(text)):
        raise TableError(f'{SOURCES}/missing.h: each entry begins with: X(call, "what", ERROR,')
    for call, what, error in entries:
        found.setdefault(call, []).append((what, error))
    return found


def read_needed(text: str) -> Iterator[tuple[int, str, str]]:
    """Number, name and tier of the calls that programs use."""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        number, name, tier = line.split("\t")
        if tier not in TIERS:
            raise TableError(f"{SOURCES}/needed.tsv: {name}: no tier {tier}; there are {' '.join(TIERS)}")
        yield int(number), name, tier


def read_calls(root: Path = ROOT) -> list[Call]:
    """All calls that are there or needed, by number. Raises TableError."""
    folder = root / SOURCES
    names = {int(number): name for number, name in CALL.findall((folder / "table.h").read_text())}
    needed = {number: (name, tier) for number, name, tier in read_needed((folder / "needed.tsv").read_text())}
    missing = read_missing((folder / "missing.h").read_text())
    for number in sorted(names.keys() & needed.keys()):
        if names[number] != needed[number][0]:
            raise TableError(f"{SOURCES}: {number} is {names[number]} in table.h, {needed[number][0]} in needed.tsv")
    for name in missing.keys() - set(names.values()):
        raise TableError(f"{SOURCES}/missing.h: {name} isn't in table.h: nothing of it is there")
    return [Call(number, names.get(number) or needed[number][0], needed.get(number, ("", ""))[1], number in names,
                 tuple(missing.get(names.get(number, ""), ())))
            for number in sorted(names.keys() | needed.keys())]


def page(calls: list[Call]) -> str:
    """The handout's text."""
    tiers = ", ".join(f"{tier} {what}" for tier, what in TIERS.items())
    counts = ", ".join(f"{sum(call.state == state for call in calls)} {state}" for state in ("done", "partial", "absent"))
    return HEAD.format(tiers=tiers) + "".join(f"{call.row()}\n" for call in calls) + f"\n{len(calls)} calls: {counts}.\n"


def main() -> int:
    """Prints the table, or writes the handout's page."""
    parser = argparse.ArgumentParser(description="prints the table of system calls")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE}")
    try:
        text = page(read_calls())
    except TableError as error:
        print(error, file=sys.stderr)
        return 1
    if parser.parse_args().write:
        part = ROOT / f"{PAGE}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(ROOT / PAGE)
    else:
        print(text, end="")
    return 0
