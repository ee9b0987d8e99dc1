"""`cairn vm`: the regions of an address space, and how much of each has been used."""

from __future__ import annotations

from collections.abc import Iterator

import gdb

from grading.gdb.command import Command
from grading.gdb.kernel import DirectMap, Trouble, enumerator, number
from grading.gdb.processes import space_of
from grading.judge import page_walk


def regions(space: gdb.Value) -> Iterator[gdb.Value]:
    """An AddressSpace's regions in order of address: its tree, left to right. Raises Trouble."""
    waiting: list[gdb.Value] = []
    seen: set[int] = set()
    at = space["regions_"]["root_"]
    while waiting or int(at):
        while int(at):
            if int(at) in seen:
                raise Trouble(f"the tree of regions is damaged: it comes to the region at {int(at):#x} twice")
            seen.add(int(at))
            waiting.append(at)
            at = at["link"]["left"]
        region = waiting.pop()
        yield region.dereference()
        at = region["link"]["right"]


class Regions(Command):
    """a process's regions in order, and how many of their pages are present"""

    name = "vm"
    arguments = "PID"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 1, 1)
        process, space = space_of(words[0])
        assert process.root is not None
        pages = page_walk.walk(DirectMap(), process.root)
        print(f"{'START':18} {'END':18} ACCESS KIND      PRESENT")
        for region in regions(space):
            print(describe(region, pages))
        print(f"program break {number(space['break_']):#x}, from {number(space['break_start_']):#x}")


def access_of(region: gdb.Value) -> str:
    """`r-x`."""
    return "".join(letter if bool(region["access"][name]) else "-" for letter, name in (("r", "read"), ("w", "write"), ("x", "execute")))


def describe(region: gdb.Value, pages: page_walk.PageMap) -> str:
    """A region's line."""
    start, end = number(region["range"]["start"]), number(region["range"]["end"])
    present = sum(page.size for page in pages.values() if start <= page.virtual < end) // page_walk.PAGE
    notes = [name.replace("_", " ") for name in ("grows_down", "huge", "shared") if bool(region[name])]
    if number(region["object"]):
        notes.append(f"of its object from {int(region['object_offset']):#x} on")
    used = f"{present} of {(end - start) // page_walk.PAGE} pages"
    return f"{start:#018x} {end:#018x} {access_of(region):6} {enumerator(region['kind']):9} {used}{'; ' if notes else ''}{', '.join(notes)}"


def register() -> None:
    Regions()
