"""`cairn pt`: a process's page table as it lies in memory.

The walk is grading/judge/page_walk.py's, the one the grader judges by; it reads the tables through the
direct map and asks none of the lab's code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from grading.gdb.command import Command, parse_number
from grading.gdb.frames import describe_frame
from grading.gdb.kernel import DirectMap, Trouble
from grading.gdb.processes import space_of
from grading.judge import page_walk

FLAGS = dict(enumerate("present writable user write-through uncached accessed dirty huge global".split())) | {63: "no-execute"}
SOFTWARE = (9, 10, 11, *range(52, 59))  # bits that the processor ignores


def flags(entry: int) -> str:
    """The names of an entry's flags, and the bits that are the lab's own."""
    if not entry & page_walk.PRESENT:
        return "not present" if not entry else f"not present (value {entry:#x})"
    names = [name for bit, name in FLAGS.items() if entry >> bit & 1]
    return " ".join(names + [f"bit{bit}" for bit in SOFTWARE if entry >> bit & 1])


def own_bits(entry: int) -> str:
    """The set bits that are the lab's own, such as `bit9`."""
    return " ".join(f"bit{bit}" for bit in SOFTWARE if entry >> bit & 1)


@dataclass
class Run:
    """Pages of one size and with the same rights, side by side."""

    first: page_walk.Mapping
    pages: int = 1
    contiguous: bool = True  # in physical memory too

    @property
    def end(self) -> int:
        return self.first.virtual + self.pages * self.first.size

    def takes(self, page: page_walk.Mapping) -> bool:
        """Adds the page if it goes on where the run ends."""
        alike = (self.first.flags, self.first.size, own_bits(self.first.entry)) == (page.flags, page.size, own_bits(page.entry))
        if page.virtual != self.end or not alike:
            return False
        self.contiguous &= page.physical == self.first.physical + self.pages * self.first.size
        self.pages += 1
        return True


def runs(pages: Iterable[page_walk.Mapping]) -> list[Run]:
    """Pages in order of address, put together."""
    found: list[Run] = []
    for page in pages:
        if not found or not found[-1].takes(page):
            found.append(Run(page))
    return found


class PageTable(Command):
    """a process's page-table walk, level by level; all its mapped ranges without ADDRESS"""

    name = "pt"
    arguments = "PID [ADDRESS]"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 1, 2)
        process, _ = space_of(words[0])
        address = parse_number(words[1], "address") if len(words) == 2 else None
        if address is not None and (not 0 <= address < 1 << 64 or address >> 47 not in (0, 0x1FFFF)):
            raise Trouble(f"{address:#x} is not canonical: no page table can map it")
        assert process.root is not None
        print(f"pid {process.pid} ({process.name}), root {process.root:#x}")
        if address is None:
            print_runs(process.root)
        else:
            print_walk(process.root, address)


def print_walk(root: int, address: int) -> None:
    """The entries on the way to a canonical address, and what it means."""
    steps = page_walk.steps_to(DirectMap(), root, address)
    for step in steps:
        target = f" -> {step.entry & page_walk.ADDRESS:#x}" if step.entry & page_walk.PRESENT else ""
        print(f"level {step.level}  table {step.table:#010x}  index {step.index:3}  entry {step.entry:#018x}{target}  {flags(step.entry)}")
    page = page_walk.walk_address(DirectMap(), root, address)
    if page is not None:
        physical = page.physical + (address - page.virtual)
        print(f"{address:#x} -> physical {physical:#x}  {page.flags}, a page of {page.size >> 10} KiB; {describe_frame(physical)}")
    elif steps and not steps[-1].entry & page_walk.PRESENT:
        size = page_walk.SIZES[steps[-1].level]
        start = address & -size
        print(f"{address:#x} is not mapped: the entry of level {steps[-1].level} covers {start:#x} to {start + size:#x}")
    else:
        print(f"{address:#x}: damaged table: the last entry leads out of memory")


def print_runs(root: int) -> None:
    """All mapped ranges of the user half, and what is wrong with the tables."""
    pages = page_walk.walk(DirectMap(), root)
    for run in runs(pages[address] for address in sorted(pages)):
        size = f"{run.first.size >> 10} KiB" if run.first.size < 1 << 20 else f"{run.first.size >> 20} MiB"
        where = f"{run.first.physical:#x}" if run.contiguous else "scattered"
        line = f"{run.first.virtual:#018x} {run.end:#018x} {run.first.flags:5} {run.pages:5} x {size:6} {where:12}"
        print(f"{line} {own_bits(run.first.entry)}".rstrip())
    print(f"{len(pages)} pages, {len(pages.tables)} tables and the root")
    for finding in pages.findings:
        print(f"damaged: {finding}")


def register() -> None:
    PageTable()


