"""Page tables under test: the monitor's `table` commands, and what the host draws and plants for them."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from grading.machine.channel import Reply
from grading.machine.machine import Machine
from grading.tests.a.pattern import PAGE

LARGE = 2 << 20
ENTRIES = 512
USER_END = 0x7FFF_FFFF_F000  # kUserEnd: the user half is [0, USER_END)
DRAWN_END = USER_END & -(4 << 20)  # pages are drawn below this, so that the 2 MiB around them are inside, too
PHYSICAL_BITS = 40  # what QEMU's TCG CPUs have

PRESENT, WRITABLE, USER = 1 << 0, 1 << 1, 1 << 2
ACCESSED, DIRTY, HUGE, NO_EXECUTE = 1 << 5, 1 << 6, 1 << 7, 1 << 63
FRAME_MASK = 0x000F_FFFF_FFFF_F000
# Bits that the processor ignores in every entry: a student's kernel may use them.
IGNORED = 0x7F << 52 | 0x7 << 9

# What one page may be mapped as. `rwxu` is missing: no test asks for writable and executable.
PERMISSIONS = ("r", "rw", "rx", "ru", "rwu", "rxu")


def index(address: int, level: int) -> int:
    """Which of a table's 512 entries translates `address` on `level` (4 is the root's)."""
    return address >> (12 + 9 * (level - 1)) & (ENTRIES - 1)


def span(level: int) -> int:
    """Bytes that one entry of a table on `level` covers."""
    return 1 << (12 + 9 * (level - 1))


def address_of(l4: int, l3: int, l2: int, l1: int, offset: int = 0) -> int:
    """The virtual address with these four indices."""
    return (l4 << 39) | (l3 << 30) | (l2 << 21) | (l1 << 12) | offset


def draw_page(rng: random.Random) -> int:
    """A random page of the user half; first and last indices are drawn more often than others."""
    while True:
        l4 = rng.choice([0, 1, 255, rng.randrange(256)])
        rest = [rng.choice([0, 511, *(rng.randrange(ENTRIES) for _ in range(3))]) for _ in range(3)]
        page = address_of(l4, *rest)
        if PAGE <= page < DRAWN_END:
            return page


def draw_pages(rng: random.Random, count: int) -> list[int]:
    """`count` different random pages, half of them near another one so that tables are shared."""
    pages: set[int] = set()
    while len(pages) < count:
        page = draw_page(rng)
        if pages and rng.random() < 0.5:
            near = rng.choice(sorted(pages))
            level = rng.choice([1, 1, 2, 3])
            page = near & ~(span(level + 1) - 1) | rng.randrange(ENTRIES) * span(level)
        if PAGE <= page < DRAWN_END:
            pages.add(page)
    result = sorted(pages)
    rng.shuffle(result)
    return result


def draw_large_page(rng: random.Random) -> int:
    """A random 2 MiB page of the user half."""
    return address_of(rng.randrange(255), rng.randrange(ENTRIES), rng.randrange(ENTRIES), 0)


def draw_frame(rng: random.Random, alignment: int = PAGE) -> int:
    """A random physical address: for mappings that nobody reads through."""
    return rng.randrange(1 << PHYSICAL_BITS) & ~(alignment - 1)


def draw_word(rng: random.Random) -> int:
    """A random 64-bit value other than 0."""
    return rng.randrange(1, 1 << 64)


def read_word(machine: Machine, address: int) -> int:
    """The 8 bytes at a physical address."""
    return int.from_bytes(machine.read_phys(address, 8), "little")


def write_word(machine: Machine, address: int, value: int) -> None:
    """Writes 8 bytes at a physical address, behind the guest's back."""
    machine.write_phys(address, struct.pack("<Q", value))


def permissions_of(flags: str) -> tuple[bool, bool, bool]:
    """(writable, user, executable) for a string of the letters r, w, x, u."""
    return "w" in flags, "u" in flags, "x" in flags


@dataclass
class Step:
    """One line of a walk: the entry that was looked at on a level."""

    level: int
    table: int
    index: int
    entry: int

    def __str__(self) -> str:
        return f"level {self.level}: table {self.table:#x}, index {self.index}, entry {self.entry:#x}"


@dataclass
class Table:
    """One page table of the monitor's."""

    machine: Machine
    number: int
    root: int

    @classmethod
    def new(cls, machine: Machine) -> Table:
        """A new table with an empty user half."""
        reply = machine.channel.command("table new")
        return cls(machine, reply.number("table"), reply.number("root"))

    # Commands that must succeed.

    def map(self, page: int, frame: int, flags: str, large: bool = False) -> None:
        """map_page()."""
        self._command("map", page, frame, flags, large=large)

    def unmap(self, page: int, large: bool = False) -> int:
        """unmap_page(); the frame it returned."""
        return self._command("unmap", page, large=large).number("frame")

    def remap(self, page: int, frame: int, flags: str, large: bool = False) -> int:
        """remap_page(); the entry it returned."""
        return self._command("remap", page, frame, flags, large=large).number("entry")

    def protect(self, page: int, flags: str, large: bool = False) -> int:
        """remap_page() to the same frame; the entry it returned."""
        return self._command("protect", page, flags, large=large).number("entry")

    def unmap_entry(self, page: int) -> int:
        """unmap_page(); the entry it returned."""
        return self._command("unmap", page).number("entry")

    def mapped(self, address: int) -> bool:
        """is_mapped()."""
        return bool(self._command("mapped", address).one("mapped"))

    def walk(self, address: int) -> list[Step]:
        """walk_page_table(): the entries looked at, from the root."""
        lines = self._command("walk", address).values()
        keys = ("level", "table", "index", "entry")
        return [Step(*(int(line[key], 0) for key in keys)) for line in lines if "level" in line]

    def entry(self, address: int) -> tuple[int, int]:
        """get_page_table_entry(): the physical address of the entry, and its value."""
        reply = self._command("entry", address)
        return reply.number("entry"), reply.number("value")

    def use(self) -> None:
        """Loads the table into CR3."""
        self._command("use")

    def peek(self, address: int) -> int | None:
        """Reads 8 bytes through the guest's MMU with this table loaded; None if that faulted."""
        reply = self._command("peek", address)
        return None if reply.all("error") else reply.number("value")

    def poke(self, address: int, value: int) -> bool:
        """Writes 8 bytes through the guest's MMU with this table loaded; False if that faulted."""
        return not self._command("poke", address, value).all("error")

    def free(self) -> None:
        """Frees the root, whose user half must be empty."""
        self._command("free")

    # Commands that may fail.

    def attempt(self, operation: str, *arguments: int | str, large: bool = False) -> Reply:
        """Any `table` command on this table, whatever becomes of it."""
        return self.machine.channel.try_command(self._line(operation, arguments, large))

    def _command(self, operation: str, *arguments: int | str, large: bool = False) -> Reply:
        return self.machine.channel.command(self._line(operation, arguments, large))

    def _line(self, operation: str, arguments: tuple[int | str, ...], large: bool) -> str:
        words = [hex(word) if isinstance(word, int) else word for word in arguments]
        return " ".join(["table", operation, str(self.number), *words, *(["2m"] if large else [])])


def use_kernel_table(machine: Machine) -> int:
    """Loads the kernel's own root into CR3; its physical address."""
    return machine.channel.command("table use 0").number("cr3") & FRAME_MASK


def new_frame(machine: Machine, large: bool = False) -> int:
    """A frame (or 2 MiB) from the frame allocator, with one reference."""
    return machine.channel.command("frame alloc 2m" if large else "frame alloc").number("frame")


class PlantedTables:
    """A tree of page tables that the host writes itself, behind the guest's back.

    The frames are those of further `table new` roots, which are never loaded: a test of walking
    needs nothing but walking. All tables but the root lose what they held.
    """

    def __init__(self, machine: Machine, rng: random.Random) -> None:
        self.machine = machine
        self.rng = rng
        self.table = Table.new(machine)
        self.root = self.table.root
        self._contents: dict[int, dict[int, int]] = {self.root: {}}

    def new_table(self) -> int:
        """A further frame that holds an empty table."""
        frame = Table.new(self.machine).root
        self.machine.write_phys(frame, bytes(PAGE))
        self._contents[frame] = {}
        return frame

    def link_flags(self) -> int:
        """Random flags of an entry that points to a table; everything below is permitted."""
        return PRESENT | WRITABLE | USER | self.rng.choice([0, ACCESSED]) | self.rng.randrange(1 << 62) & IGNORED

    def leaf_flags(self) -> int:
        """Random flags of a leaf."""
        return PRESENT | self.rng.getrandbits(64) & (WRITABLE | USER | ACCESSED | DIRTY | NO_EXECUTE | IGNORED)

    def plant(self, table: int, at: int, entry: int) -> None:
        """Writes an entry of one of the tables."""
        write_word(self.machine, table + 8 * at, entry)
        self._contents[table][at] = entry

    def link(self, table: int, at: int) -> int:
        """Makes an entry point to a new, empty table; that table."""
        frame = self.new_table()
        self.plant(table, at, frame | self.link_flags())
        return frame

    def steps(self, address: int) -> Iterator[Step]:
        """The walk as the architecture defines it, from what was planted."""
        table = self.root
        for level in (4, 3, 2, 1):
            entry = self._contents[table].get(index(address, level), 0)
            yield Step(level, table, index(address, level), entry)
            if not entry & PRESENT or level == 1 or (level == 2 and entry & HUGE):
                return
            table = entry & FRAME_MASK
