"""The walk of page tables from outside, over made-up memory."""

from __future__ import annotations

import random

import pytest

from grading.judge import page_walk
from grading.suite.unit.fake_memory import HUGE, NX, P, PAGE, U, W, FakeMemory


@pytest.fixture
def memory() -> FakeMemory:
    return FakeMemory()


def address(*indices: int) -> int:
    return sum(index << shift for index, shift in zip(indices, (39, 30, 21, 12)))


def test_pages_of_all_sizes(memory: FakeMemory) -> None:
    root = memory.table()
    memory.map(root, (0, 1, 2, 3), 0x5000 | P | W | U)
    memory.map(root, (0, 1, 7), 0x40_0000 | P | U | HUGE)
    memory.map(root, (255, 511), 0x4000_0000 | P | W | U | HUGE | NX)
    found = page_walk.walk(memory, root)
    assert {(m.virtual, m.physical, m.size, m.flags) for m in found.values()} == {
        (address(0, 1, 2, 3), 0x5000, 4096, "rwxu"),
        (address(0, 1, 7), 0x40_0000, 2 << 20, "rxu"),
        (address(255, 511), 0x4000_0000, 1 << 30, "rwu"),
    }
    assert found.findings == []
    assert sorted(found.tables.values()) == [1, 2, 3, 3]
    assert page_walk.tables(memory, root) == set(found.tables)


def test_permissions_hold_on_all_levels(memory: FakeMemory) -> None:
    root = memory.table()
    memory.map(root, (1, 0, 0, 0), 0x5000 | P | W | U, above=P | W)
    memory.map(root, (2, 0, 0, 0), 0x6000 | P | W | U, above=P | U)
    memory.map(root, (3, 0, 0, 0), 0x7000 | P | W | U, above=P | W | U | NX)
    flags = [mapping.flags for mapping in page_walk.walk(memory, root).values()]
    assert flags == ["rwx", "rxu", "rwu"]


def test_the_low_bits_of_cr3_do_not_matter(memory: FakeMemory) -> None:
    root = memory.table()
    memory.map(root, (0, 0, 0, 0), 0x5000 | P)
    assert page_walk.walk(memory, root | 0x18).keys() == {0}


def test_entries_that_are_not_present_are_holes(memory: FakeMemory) -> None:
    root = memory.table()
    memory.map(root, (0, 0, 0, 0), 0xDEAD_B000 | W | U)
    memory.put(root, 5, 0xFFFF_FFFF_FFFF_FFFE)
    found = page_walk.walk(memory, root)
    assert not found and not found.findings


def test_halves(memory: FakeMemory) -> None:
    root = memory.table()
    memory.map(root, (255, 511, 511, 511), 0x5000 | P)
    memory.map(root, (256, 0, 0, 0), 0x6000 | P)
    assert list(page_walk.walk(memory, root)) == [0x7FFF_FFFF_F000]
    assert list(page_walk.kernel_half(memory, root)) == [0xFFFF_8000_0000_0000]


@pytest.mark.parametrize("to_root", [True, False])
def test_cycles_are_findings(memory: FakeMemory, to_root: bool) -> None:
    root = memory.table()
    memory.map(root, (0, 0, 0, 0), 0x5000 | P | U)
    page_directory_pointers = memory.get(root, 0) & ~0xFFF
    memory.put(page_directory_pointers, 9, (root if to_root else page_directory_pointers) | P | W | U)
    found = page_walk.walk(memory, root)
    assert len(found) == 1
    assert len(found.findings) == 1 and "in use elsewhere" in found.findings[0]


def test_shared_tables_are_findings_and_read_once(memory: FakeMemory) -> None:
    root, shared = memory.table(), memory.table()
    for index in range(512):
        memory.put(shared, index, shared | P | W | U)
    for index in range(256):
        memory.put(root, index, shared | P | W | U)
    found = page_walk.walk(memory, root)
    assert not found
    assert len(found.findings) == page_walk.FINDINGS_LIMIT
    assert memory.reads == 2


def test_tables_outside_of_memory_are_findings(memory: FakeMemory) -> None:
    root = memory.table()
    memory.put(root, 0, memory.ram | P)
    memory.put(root, 1, 0x000F_FFFF_FFFF_F000 | P)
    found = page_walk.walk(memory, root)
    assert not found and len(found.findings) == 2
    assert "outside of memory" in page_walk.walk(memory, 1 << 40).findings[0]


def test_reserved_bits_are_findings(memory: FakeMemory) -> None:
    root = memory.table()
    memory.map(root, (0, 0, 1), 0x40_2000 | P | HUGE)
    memory.put(root, 3, 0x8000 | P | HUGE)
    found = page_walk.walk(memory, root)
    assert [mapping.physical for mapping in found.values()] == [0x40_0000]
    assert len(found.findings) == 2


def test_the_pat_bit_of_a_huge_page_is_no_address(memory: FakeMemory) -> None:
    root = memory.table()
    memory.map(root, (0, 0, 1), 0x40_1000 | P | HUGE)
    found = page_walk.walk(memory, root)
    assert found[2 << 20].physical == 0x40_0000 and not found.findings


def test_walk_address_agrees_with_walk(memory: FakeMemory) -> None:
    rng = random.Random(7)
    root = memory.table()
    for _ in range(60):
        indices = (rng.randrange(4), rng.randrange(4), rng.randrange(0, 8, 2), rng.randrange(512))
        memory.map(root, indices, rng.randrange(1 << 28) << 12 | P | rng.getrandbits(2) << 1 | rng.getrandbits(1) << 63)
        memory.map(root, (indices[0], indices[1], rng.randrange(1, 8, 2)), rng.randrange(1 << 19) << 21 | P | HUGE)
    found = page_walk.walk(memory, root)
    for mapping in found.values():
        inside = mapping.virtual + rng.randrange(mapping.size)
        assert page_walk.walk_address(memory, root, inside) == mapping == found.at(inside)
    assert page_walk.walk_address(memory, root, address(200)) is None
    assert found.at(address(200)) is None
    assert page_walk.steps_to(memory, root, address(200))[-1].level == 4


def test_a_walk_that_leaves_memory_stops(memory: FakeMemory) -> None:
    root = memory.table()
    memory.put(root, 0, memory.ram | P)
    assert [step.level for step in page_walk.steps_to(memory, root, 0)] == [4]
    assert page_walk.walk_address(memory, root, 0) is None


def test_the_guest_stands_still_during_a_walk(memory: FakeMemory) -> None:
    root = memory.table()
    memory.map(root, (0, 0, 0, 0), 0x5000 | P)
    page_walk.walk(memory, root)
    page_walk.walk_address(memory, root, 0)
    assert memory.reads and not memory.moved and memory.standing_still == 0


@pytest.mark.parametrize("leaves", [0, 512])
def test_tables_without_end_are_not_walked_to_their_end(leaves: int) -> None:
    """8,000 tables, each from its own place; the walk stops long before, and says so."""
    memory = FakeMemory(ram=128 << 20)
    root = memory.table()
    for number in range(8000):
        memory.map(root, (0, number // 512, number % 512, 0), 0x5000 | P | W | U)
        if leaves:
            table = memory.tables_made[-1]
            for index in range(1, leaves):
                memory.put(table, index, 0x6000 | P | W | U)
    with pytest.raises(page_walk.TooManyTables, match="no test asks for so many"):
        page_walk.walk(memory, root)
    assert memory.reads <= page_walk.TABLES_LIMIT + 1


@pytest.mark.parametrize("number", range(60))
def test_random_tables_are_walked_within_bounds(number: int, seed: int) -> None:
    """Whatever entries hold: the walk ends, reads each table once and nothing outside of memory."""
    rng = random.Random(f"{seed} {number}")
    memory = FakeMemory()
    tables = [memory.table() for _ in range(rng.choice((2, 20, 300)))]
    for table in tables:
        for index in {rng.randrange(512) for _ in range(rng.choice((1, 5, 100)))}:
            entry = rng.choice((rng.choice(tables), rng.getrandbits(64), rng.randrange(0, 1 << 30, PAGE), memory.ram))
            memory.put(table, index, entry | rng.choice((P | W | U, P, 0, P | HUGE, NX | P)))
    try:
        found = page_walk.walk(memory, tables[0])
        page_walk.kernel_half(memory, tables[0])
    except page_walk.TooManyTables:
        return
    assert len(found.tables) <= len(set(found.tables)) and len(found.findings) <= page_walk.FINDINGS_LIMIT
    for mapping in found.values():
        assert page_walk.walk_address(memory, tables[0], mapping.virtual) == mapping


def test_frames(memory: FakeMemory) -> None:
    root = memory.table()
    memory.map(root, (0, 0, 1), 0x40_0000 | P | HUGE)
    memory.map(root, (0, 0, 0, 0), 0x5000 | P)
    assert page_walk.walk(memory, root).frames() == {0x5000, *range(0x40_0000, 0x60_0000, PAGE)}
