"""A1: walk_page_table() and get_page_table_entry(), on tables that the host planted.

Nothing here uses the student's map_page(): the entries, random in every run, are written into
guest memory from outside, and the kernel has to find them.
"""

from __future__ import annotations

import random

from grading.grader.rubric import item
from grading.judge.check import check, check_errno, check_that
from grading.machine.machine import Machine
from grading.tests.a.census import Census
from grading.tests.a.tables import (
    ENTRIES,
    HUGE,
    LARGE,
    PAGE,
    USER_END,
    PlantedTables,
    Step,
    address_of,
    draw_frame,
    span,
)

HINT = "the index of a level is 9 bits of the address: 47-39, 38-30, 29-21, 20-12 (handout, A1)"


def some_index(rng: random.Random, *taken: int) -> int:
    """A random index other than those taken; the first and the last are drawn more often."""
    return rng.choice([i for i in (0, 511, *rng.sample(range(1, 511), 6)) if i not in taken])


def check_walk(planted: PlantedTables, address: int, why: str) -> list[Step]:
    """The kernel's walk of `address` must be the one that the host planted."""
    expected = list(planted.steps(address))
    check(expected=expected, seen=planted.table.walk(address), what=f"the walk of {address:#x}, {why}", hint=HINT)
    return expected


@item("A1", points=5)
def test_walk_ends_at_leaf_or_hole(machine: Machine, rng: random.Random) -> None:
    """A walk looks at one entry a level and stops at a leaf, or at the first entry that isn't present."""
    planted = PlantedTables(machine, rng)
    l4 = rng.randrange(1, 255)
    level3 = planted.link(planted.root, l4)
    l3 = some_index(rng)
    level2 = planted.link(level3, l3)
    l2, large, hole2 = rng.sample(range(ENTRIES), 3)
    level1 = planted.link(level2, l2)
    planted.plant(level2, large, draw_frame(rng, LARGE) | planted.leaf_flags() | HUGE)
    l1, garbage, hole1 = rng.sample(range(ENTRIES), 3)
    planted.plant(level1, l1, draw_frame(rng) | planted.leaf_flags())
    planted.plant(level1, garbage, rng.getrandbits(63) & ~1)
    hole3 = some_index(rng, l3)
    offset = rng.randrange(PAGE)

    check_walk(planted, address_of(l4, l3, l2, l1, offset), "a 4 KiB page")
    check_walk(planted, address_of(l4, l3, large, rng.randrange(ENTRIES), offset), "inside a 2 MiB page")
    check_walk(planted, address_of(l4, l3, l2, hole1, offset), "where level 1 has no entry")
    check_walk(planted, address_of(l4, l3, l2, garbage, offset),
               "where level 1 has an entry whose present bit is clear, whatever its other bits are")
    check_walk(planted, address_of(l4, l3, hole2, l1, offset), "where level 2 has no entry")
    check_walk(planted, address_of(l4, hole3, l2, l1, offset), "where level 3 has no entry")
    check_walk(planted, address_of(l4 - 1, l3, l2, l1, offset), "where level 4 has no entry")


@item("A1", points=4)
def test_walk_at_the_edges_of_tables(machine: Machine, rng: random.Random) -> None:
    """The last address under one entry and the first under the next, on every level."""
    planted = PlantedTables(machine, rng)
    l4 = rng.randrange(1, 254)
    left = [planted.link(planted.root, l4)]
    right = [planted.link(planted.root, l4 + 1)]
    for _ in range(2):
        left.append(planted.link(left[-1], 511))
        right.append(planted.link(right[-1], 0))
    # Around the middle of level 3, 2 and 1 of the left tree, too.
    for table in left[2:] + right[2:]:
        for at in (0, 1, 255, 256, 510, 511):
            planted.plant(table, at, draw_frame(rng) | planted.leaf_flags())
    edge = (l4 + 1) * span(4)
    for level in (1, 2, 3, 4):
        for address in (edge - 1, edge - span(level), edge, edge + span(level) - 1, edge + span(level)):
            check_walk(planted, address, f"at an edge of level {level}")
    for at in (1, 255, 256, 510):
        for base in (edge - span(2), edge):
            page = base + at * PAGE
            for address in (page - 1, page, page + PAGE - 1, page + PAGE):
                check_walk(planted, address, "at an edge of a page")


@item("A1", points=4)
def test_entry_of_a_page(machine: Machine, rng: random.Random) -> None:
    """get_page_table_entry() gives the very entry in memory that maps the address, of either size."""
    planted = PlantedTables(machine, rng)
    mapped: list[int] = []
    for l4 in rng.sample(range(1, 255), 2):
        level3 = planted.link(planted.root, l4)
        l3 = some_index(rng)
        level2 = planted.link(level3, l3)
        l2, large = rng.sample(range(ENTRIES), 2)
        level1 = planted.link(level2, l2)
        planted.plant(level2, large, draw_frame(rng, LARGE) | planted.leaf_flags() | HUGE)
        mapped.append(address_of(l4, l3, large, rng.randrange(ENTRIES)))
        for l1 in {0, 511, *rng.sample(range(ENTRIES), 4)}:
            planted.plant(level1, l1, draw_frame(rng) | planted.leaf_flags())
            mapped.append(address_of(l4, l3, l2, l1))
    for address in mapped:
        address += rng.randrange(PAGE)
        last = list(planted.steps(address))[-1]
        place, value = planted.table.entry(address)
        check(expected=last.table + 8 * last.index, seen=place, hint=HINT,
              what=f"the physical address of the entry that maps {address:#x}")
        check(expected=last.entry, seen=value, what=f"the entry that maps {address:#x}")

    neighbour = mapped[-1] ^ span(4)  # nothing below this index of level 4
    check_errno(planted.table.attempt("entry", neighbour), "ENOENT",
                "get_page_table_entry() where nothing is mapped")
    hole = next(mapped[-1] & ~(span(2) - 1) | i * PAGE for i in range(ENTRIES)
                if not list(planted.steps(mapped[-1] & ~(span(2) - 1) | i * PAGE))[-1].entry & 1)
    check_errno(planted.table.attempt("entry", hole), "ENOENT",
                "get_page_table_entry() where the level 1 entry isn't present")


@item("A1", points=2)
def test_walking_changes_nothing(machine: Machine, rng: random.Random) -> None:
    """Addresses outside the user half are refused; no walk allocates a frame or writes to a table."""
    planted = PlantedTables(machine, rng)
    l4 = rng.randrange(1, 255)
    level3 = planted.link(planted.root, l4)
    level2 = planted.link(level3, some_index(rng))
    root_before = machine.read_phys(planted.root, PAGE)
    tables_before = [machine.read_phys(table, PAGE) for table in (level3, level2)]
    census = Census.take(machine)

    for _ in range(24):
        address = address_of(rng.choice([l4, rng.randrange(256)]), *(rng.randrange(ENTRIES) for _ in range(3)))
        if address < USER_END:
            check_walk(planted, address, "at a random place")
            planted.table.attempt("entry", address)
    outside = {
        "the first address of the kernel half": 0xFFFF_8000_0000_0000,
        "an address of the kernel's image": 0xFFFF_FFFF_8000_0000 + rng.randrange(1 << 20),
        "an address that isn't canonical": 0x0000_8000_0000_0000 + rng.randrange(1 << 46),
        "the end of the user half": USER_END,
    }
    for what, address in outside.items():
        check_errno(planted.table.attempt("entry", address), "EINVAL", f"get_page_table_entry() of {what}, {address:#x}")
        walk = planted.table.attempt("walk", address)
        check_that(walk.errno == "EINVAL" or not walk.values(), expected="EINVAL, or no entry",
                   seen=walk.errno or walk.lines, what=f"walk_page_table() of {what}, {address:#x}",
                   hint="`level` is 0 for an address outside the user half")

    check(expected=census.free, seen=Census.take(machine).free, what="free frames after walking as before",
          hint="walk_page_table() allocates nothing, not even where a table is missing")
    same = root_before == machine.read_phys(planted.root, PAGE)
    same = same and tables_before == [machine.read_phys(table, PAGE) for table in (level3, level2)]
    check(expected=True, seen=same, what="all tables hold the same bytes as before the walks")
