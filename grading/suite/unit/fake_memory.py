"""A guest's physical memory for tests of the page walk: tables are dictionaries of entries."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

PAGE = 4096
P, W, U, HUGE, NX = 1, 2, 4, 0x80, 1 << 63


class FakeMemory:
    """`ram` bytes of memory; what isn't written is zero."""

    def __init__(self, ram: int = 64 << 20) -> None:
        self.ram = ram
        self.reads = 0
        self.standing_still = 0
        self.moved = False  # whether anything was read while the guest ran
        self._pages: dict[int, bytearray] = {}
        self._next = 0x10_0000
        self.tables_made: list[int] = []

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        self.standing_still += 1
        yield
        self.standing_still -= 1

    def table(self) -> int:
        """A new empty table's address."""
        self._next += PAGE
        self.tables_made.append(self._next)
        return self._next

    def put(self, table: int, index: int, entry: int) -> None:
        page = self._pages.setdefault(table, bytearray(PAGE))
        page[8 * index : 8 * index + 8] = entry.to_bytes(8, "little")

    def get(self, table: int, index: int) -> int:
        return int.from_bytes(self._pages.get(table, bytes(PAGE))[8 * index : 8 * index + 8], "little")

    def map(self, root: int, indices: tuple[int, ...], entry: int, above: int = P | W | U) -> None:
        """Maps at (PML4, PDPT, …) indices, making tables with flags `above` on the way."""
        table = root
        for index in indices[:-1]:
            old = self.get(table, index)
            if not old & P:
                old = self.table() | above
                self.put(table, index, old)
            table = old & 0x000F_FFFF_FFFF_F000
        self.put(table, indices[-1], entry)

    def is_ram(self, address: int, size: int = 1) -> bool:
        return 0 <= address and address + size <= self.ram

    def read_phys(self, address: int, size: int) -> bytes:
        assert self.is_ram(address, size), "the walk read outside of memory"
        self.reads += 1
        self.moved = self.moved or not self.standing_still
        page = self._pages.get(address & ~(PAGE - 1), bytes(PAGE))
        offset = address & (PAGE - 1)
        return bytes(page[offset : offset + size])
