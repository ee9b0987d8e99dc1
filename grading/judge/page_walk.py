"""Walks x86-64 page tables from outside, through physical reads.

The format is that of Intel SDM 3A, "4-Level Paging and 5-Level Paging". The kernel under test
made these tables, so anything may be in them: tables that point to themselves, to other levels or
out of memory. Such entries become `findings` of the walk and end it there; each table is read once.
Tables without end, which cost the host more than the guest, end the walk altogether.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from grading.machine.failures import GuestFailure

PRESENT, WRITABLE, USER, HUGE, NO_EXECUTE = 1 << 0, 1 << 1, 1 << 2, 1 << 7, 1 << 63
ADDRESS = 0x000F_FFFF_FFFF_F000
PAGE = 4096
ENTRIES = 512
SIZES = {1: PAGE, 2: 2 << 20, 3: 1 << 30, 4: 512 << 30}  # bytes that an entry of a level maps
NAMES = {4: "PML4", 3: "PDPT", 2: "page directory", 1: "page table"}
FINDINGS_LIMIT = 100
PAGES_LIMIT = 1 << 17  # of one half: four times what the frames of a machine under test could fill
TABLES_LIMIT = 2048


class TooManyTables(GuestFailure):
    """The kernel built more tables than anybody asked for."""


class Memory(Protocol):
    """What a walk needs of a Machine. The guest stands still during each walk."""

    def stopped(self) -> AbstractContextManager[None]:
        ...

    def read_phys(self, address: int, size: int) -> bytes:
        ...

    def is_ram(self, address: int, size: int = 1) -> bool:
        ...


@dataclass(frozen=True)
class Level:
    """One step of a walk: `entry` stands at `index` of the table at physical address `table`."""

    level: int  # 4 is the root
    table: int
    index: int
    entry: int

    @property
    def address(self) -> int:
        """The entry's own physical address."""
        return self.table + 8 * self.index


@dataclass(frozen=True)
class Mapping:
    """One page, with the permissions that hold after all levels are taken together."""

    virtual: int
    physical: int
    size: int  # bytes: 4 KiB, 2 MiB or 1 GiB
    writable: bool
    user: bool
    executable: bool
    entry: int  # of the last level
    levels: tuple[Level, ...]  # from the root down

    @property
    def flags(self) -> str:
        """Such as `rwu`, as the monitor writes flags."""
        return "r" + "w" * self.writable + "x" * self.executable + "u" * self.user

    def frames(self) -> range:
        """The physical addresses of the 4 KiB frames it covers."""
        return range(self.physical, self.physical + self.size, PAGE)

    def __str__(self) -> str:
        return f"{self.virtual:#x} -> {self.physical:#x} {self.flags} ({self.size >> 10} KiB)"


class PageMap(dict[int, Mapping]):
    """All pages of one half, by virtual address. `tables`: physical address -> level of each table
    below the root; `findings`: what is wrong with the tables, one sentence each."""

    def __init__(self, root: int) -> None:
        super().__init__()
        self.root = root
        self.tables: dict[int, int] = {}
        self.findings: list[str] = []

    def found(self, text: str) -> None:
        if len(self.findings) < FINDINGS_LIMIT:
            self.findings.append(text)

    def at(self, address: int) -> Mapping | None:
        """The page that holds virtual `address`."""
        for size in (SIZES[1], SIZES[2], SIZES[3]):
            mapping = self.get(address & ~(size - 1))
            if mapping and address < mapping.virtual + mapping.size:
                return mapping
        return None

    def frames(self) -> set[int]:
        """The physical addresses of all 4 KiB frames that are mapped."""
        return {frame for mapping in self.values() for frame in mapping.frames()}


def walk(machine: Memory, root: int) -> PageMap:
    """The user half (entries 0 to 255) of the tables at `root`; the low bits of CR3 are ignored."""
    return _walk_half(machine, root, range(0, 256))


def kernel_half(machine: Memory, root: int) -> PageMap:
    """The kernel half (entries 256 to 511)."""
    return _walk_half(machine, root, range(256, 512))


def tables(machine: Memory, root: int) -> set[int]:
    """The physical addresses of the user half's tables, without the root."""
    return set(walk(machine, root).tables)


def walk_address(machine: Memory, root: int, address: int) -> Mapping | None:
    """The page that holds virtual `address`, or None."""
    steps = steps_to(machine, root, address)
    if not steps or not _is_leaf(steps[-1]):
        return None
    return _mapping(steps, address & ~(SIZES[steps[-1].level] - 1))


def steps_to(machine: Memory, root: int, address: int) -> tuple[Level, ...]:
    """The entries that lead to `address`, down to the page or to the first that leads nowhere."""
    steps: list[Level] = []
    table = root & ADDRESS
    with machine.stopped():
        for level in (4, 3, 2, 1):
            if not machine.is_ram(table, PAGE):
                break
            index = address >> (12 + 9 * (level - 1)) & (ENTRIES - 1)
            entry = int.from_bytes(machine.read_phys(table + 8 * index, 8), "little")
            steps.append(Level(level, table, index, entry))
            if not entry & PRESENT or _is_leaf(steps[-1]):
                break
            table = entry & ADDRESS
    return tuple(steps)


def _walk_half(machine: Memory, root: int, indices: range) -> PageMap:
    found = PageMap(root & ADDRESS)
    if not machine.is_ram(found.root, PAGE):
        found.found(f"the root {found.root:#x} lies outside of memory")
        return found
    with machine.stopped():
        for mapping in _walk_table(machine, found, found.root, 4, (), 0, indices):
            found[mapping.virtual] = mapping
            if len(found) > PAGES_LIMIT:
                raise TooManyTables(f"the tables at {found.root:#x} map more than {PAGES_LIMIT} pages, where no test asks for so many")
    return found


def _walk_table(
    machine: Memory, found: PageMap, table: int, level: int, above: tuple[Level, ...], base: int, indices: range
) -> Iterator[Mapping]:
    entries = struct.unpack("<512Q", machine.read_phys(table, PAGE))
    for index in indices:
        entry = entries[index]
        if not entry & PRESENT:
            continue
        virtual = base + index * SIZES[level]
        steps = (*above, Level(level, table, index, entry))
        if _is_leaf(steps[-1]):
            yield _leaf(found, steps, virtual)
        elif _may_descend(machine, found, steps[-1], virtual):
            yield from _walk_table(machine, found, entry & ADDRESS, level - 1, steps, virtual, range(ENTRIES))


def _leaf(found: PageMap, steps: tuple[Level, ...], virtual: int) -> Mapping:
    mapping = _mapping(steps, virtual)
    if steps[-1].entry & ADDRESS & (mapping.size - 1) & ~PAGE:  # bit 12 of a huge entry is PAT
        which = f"the {mapping.size >> 20} MiB page at {mapping.virtual:#x}"
        found.found(f"{which} has reserved address bits set: {mapping.entry:#x}")
    return mapping


def _may_descend(machine: Memory, found: PageMap, step: Level, virtual: int) -> bool:
    below = step.entry & ADDRESS
    where = f"entry {step.index} of the {NAMES[step.level]} at {step.table:#x} (virtual {_canonical(virtual):#x})"
    if step.level == 4 and step.entry & HUGE:
        found.found(f"{where} has the reserved page-size bit set: {step.entry:#x}")
        return False
    if not machine.is_ram(below, PAGE):
        found.found(f"{where} points to a table outside of memory: {below:#x}")
        return False
    if below in found.tables or below == found.root:
        found.found(f"{where} points to {below:#x}, which is a table in use elsewhere in this tree")
        return False
    found.tables[below] = step.level - 1
    if len(found.tables) > TABLES_LIMIT:
        raise TooManyTables(f"the tables at {found.root:#x} are more than {TABLES_LIMIT}, where no test asks for so many")
    return True


def _is_leaf(step: Level) -> bool:
    present = bool(step.entry & PRESENT)
    return present and (step.level == 1 or step.level < 4 and bool(step.entry & HUGE))


def _mapping(steps: tuple[Level, ...], virtual: int) -> Mapping:
    last = steps[-1]
    return Mapping(
        virtual=_canonical(virtual),
        physical=last.entry & ADDRESS & ~(SIZES[last.level] - 1),
        size=SIZES[last.level],
        writable=all(step.entry & WRITABLE for step in steps),
        user=all(step.entry & USER for step in steps),
        executable=not any(step.entry & NO_EXECUTE for step in steps),
        entry=last.entry,
        levels=steps,
    )


def _canonical(address: int) -> int:
    address &= (1 << 48) - 1
    return address | 0xFFFF << 48 if address >> 47 else address
