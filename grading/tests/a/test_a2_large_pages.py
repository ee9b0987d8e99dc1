"""A2: pages of 2 MiB, splitting them, and long random sequences of operations on both sizes."""

from __future__ import annotations

import random

from grading.grader.rubric import item
from grading.judge.check import check, check_errno
from grading.machine.machine import Machine
from grading.tests.a.census import Census, counters
from grading.tests.a.layout import Layout, Page, check_census, check_layout, entry_place, split
from grading.tests.a.tables import (
    ACCESSED,
    DIRTY,
    ENTRIES,
    IGNORED,
    LARGE,
    PAGE,
    PERMISSIONS,
    USER_END,
    Table,
    address_of,
    draw_frame,
    draw_large_page,
    draw_page,
    read_word,
    use_kernel_table,
    write_word,
)

SPLIT_HINT = "split first: a table of 512 pages with the old frames and access takes the place of the 2 MiB page"


def map_large(table: Table, rng: random.Random, layout: Layout, flags: str = "") -> int:
    """Maps one more random 2 MiB page, with random access unless told; its address."""
    address = next(page for page in iter(lambda: draw_large_page(rng), None)
                   if page and all(page ^ other >= LARGE for other in layout))
    layout[address] = Page(draw_frame(rng, LARGE), flags or rng.choice(PERMISSIONS), LARGE)
    table.map(address, layout[address].frame, layout[address].flags, large=True)
    return address


@item("A2", points=3)
def test_large_pages(machine: Machine, rng: random.Random) -> None:
    """2 MiB pages are mapped by one entry each, protected, moved and unmapped."""
    before = Census.settled(machine)
    table = Table.new(machine)
    layout: Layout = {}
    addresses = [map_large(table, rng, layout) for _ in range(8)]
    addresses.append(addresses[0] ^ LARGE)  # a neighbour that shares all its tables
    layout[addresses[-1]] = Page(draw_frame(rng, LARGE), "rxu", LARGE)
    table.map(addresses[-1], layout[addresses[-1]].frame, "rxu", large=True)
    check_layout(machine, table.root, layout, "after mapping 2 MiB pages")
    for address in addresses[:4]:
        layout[address] = Page(layout[address].frame, rng.choice(PERMISSIONS), LARGE)
        table.protect(address, layout[address].flags, large=True)
    for address in addresses[4:6]:
        layout[address] = Page(draw_frame(rng, LARGE), rng.choice(PERMISSIONS), LARGE)
        table.remap(address, layout[address].frame, layout[address].flags, large=True)
    check_layout(machine, table.root, layout, "after remapping 2 MiB pages")
    for address in addresses:
        check(expected=True, seen=table.mapped(address + rng.randrange(LARGE)), what=f"is_mapped() inside 2 MiB page {address:#x}")
        check(expected=layout.pop(address).frame, seen=table.unmap(address, large=True), what="the memory a 2 MiB page had")
        check(expected=False, seen=table.mapped(address + rng.randrange(LARGE)), what=f"is_mapped() in {address:#x}, unmapped")
    check_layout(machine, table.root, {}, "after unmapping all 2 MiB pages")
    table.free()
    check_census(before, Census.take(machine), "after giving everything back")


@item("A2", points=4)
def test_split(machine: Machine, rng: random.Random) -> None:
    """A 4 KiB page inside a 2 MiB page is protected, moved, unmapped: the 511 others stay as they were."""
    table = Table.new(machine)
    layout: Layout = {}
    before = rng.sample(["rwu", "rxu", rng.choice(PERMISSIONS)], 3)
    for operation, access in zip(("protect", "unmap", "remap"), before):
        large = map_large(table, rng, layout, access)
        neighbour = map_large(table, rng, layout)
        page = large + rng.choice([0, 511, rng.randrange(ENTRIES)]) * PAGE
        flags = rng.choice([flags for flags in PERMISSIONS if flags != layout[large].flags])
        layout = split(layout, large)
        if operation == "unmap":
            check(expected=layout.pop(page).frame, seen=table.unmap(page), hint=SPLIT_HINT,
                  what=f"the frame that unmapping {page:#x}, inside the 2 MiB page at {large:#x}, returns")
        elif operation == "protect":
            table.protect(page, flags)
            layout[page] = Page(layout[page].frame, flags)
        else:
            layout[page] = Page(draw_frame(rng), flags)
            table.remap(page, layout[page].frame, flags)
        check_layout(machine, table.root, layout, f"after {operation} of one page of a 2 MiB page", SPLIT_HINT)
        if operation == "unmap":
            check_errno(table.attempt("unmap", large, large=True), "ENOENT", "unmapping 2 MiB of which one page is missing")
        table.unmap(neighbour, large=True)
        del layout[neighbour]
    # A split table empties like any other: unmap what is left of one, page by page.
    base = min(layout) & ~(LARGE - 1)
    for address in [address for address in layout if address & ~(LARGE - 1) == base]:
        check(expected=layout.pop(address).frame, seen=table.unmap(address), what=f"the frame of page {address:#x}")
    check_layout(machine, table.root, layout, "after unmapping all pages of a 2 MiB page that was split")


@item("A2", points=1)
def test_split_without_memory(machine: Machine, rng: random.Random) -> None:
    """When a split finds no frame for its table, it is ENOMEM and the 2 MiB page stays."""
    table = Table.new(machine)
    layout: Layout = {}
    large = map_large(table, rng, layout)
    before = Census.take(machine)
    page = large + rng.randrange(ENTRIES) * PAGE
    other = rng.choice([flags for flags in PERMISSIONS if flags != layout[large].flags])  # else there may be nothing to split for
    attempts = {"unmap": [page], "protect": [page, other], "remap": [page, draw_frame(rng), "ru"]}
    for operation, arguments in attempts.items():
        machine.channel.command("fail allocation 1")
        check_errno(table.attempt(operation, *arguments), "ENOMEM", f"{operation} of 4 KiB inside a 2 MiB page, no frame free")
        machine.channel.command("fail allocation 0")
        check_layout(machine, table.root, layout, f"after {operation} failed", "split into a new table before changing anything")
        check_census(before, Census.take(machine), f"after {operation} failed")


@item("A3", points=1)  # it counts flushes
def test_split_by_itself(machine: Machine, rng: random.Random) -> None:
    """split_page() takes a 2 MiB page apart at any address in it, tells of it, and refuses what it can't split."""
    table = Table.new(machine)
    layout: Layout = {}
    large = map_large(table, rng, layout, "rwu")
    neighbour = map_large(table, rng, layout)
    census = Census.take(machine)
    hole = next(page for page in iter(lambda: draw_page(rng), None) if page & -LARGE not in layout)
    for what, address, errno in (("a hole", hole, "ENOENT"), ("the end of the user half", USER_END, "EINVAL"),
                                 ("the kernel half", 0xFFFF_8000_0000_0000, "EINVAL")):
        check_errno(table.attempt("split", address), errno, f"splitting {what} ({address:#x})")
    machine.channel.command("fail allocation 1")
    check_errno(table.attempt("split", large), "ENOMEM", "a split with no frame free")
    machine.channel.command("fail allocation 0")
    check_layout(machine, table.root, layout, "after splits that were refused")
    check_census(census, Census.take(machine), "after splits that were refused")
    place, marks = entry_place(machine, table.root, large), rng.getrandbits(64) & IGNORED | ACCESSED | rng.choice([0, DIRTY])
    write_word(machine, place, read_word(machine, place) & ~(IGNORED | ACCESSED | DIRTY) | marks)
    table.use()
    before = counters(machine, "tlb")
    check_errno(table.attempt("split", large + rng.randrange(PAGE, LARGE)), None, "splitting a 2 MiB page")
    flushed = {name: count - before[name] for name, count in counters(machine, "tlb").items() if count != before[name]}
    check(expected=1, seen=sum(flushed.values()), what="flushes counted for splitting a page of the loaded table",
          hint="the old translation is told to the TlbGather, once")
    use_kernel_table(machine)
    layout = split(layout, large)
    check_layout(machine, table.root, layout, "after splitting a 2 MiB page", SPLIT_HINT)
    for page in (large, large + LARGE - PAGE, large + rng.randrange(0, LARGE, PAGE)):
        seen = read_word(machine, entry_place(machine, table.root, page)) & (IGNORED | ACCESSED | DIRTY)
        check(expected=marks, seen=seen, what=f"bits 9-11 and 52-58, accessed and dirty of page {page:#x} after the split")
    pieces = Census.take(machine)
    check_errno(table.attempt("split", large + PAGE), None, "splitting a 4 KiB page: nothing to do")
    check_layout(machine, table.root, layout, "after splitting a 4 KiB page")
    check_census(pieces, Census.take(machine), "after splitting a 4 KiB page")
    check(expected=layout.pop(neighbour).frame, seen=table.unmap(neighbour, large=True), what="the memory that another 2 MiB page had")


@item("A2", points=3)
def test_random_operations(machine: Machine, rng: random.Random) -> None:
    """Hundreds of random operations on one table; the host keeps the same table and compares."""
    before = Census.settled(machine)
    table = Table.new(machine)
    layout: Layout = {}
    # Few tables, so that pages often meet: two places on each level.
    bases = [address_of(rng.randrange(1, 255), rng.randrange(ENTRIES), 0, 0) for _ in range(2)]
    slots = [base + (rng.randrange(2) << 29) + rng.randrange(4) * LARGE for base in bases for _ in range(3)]

    def large_at(address: int) -> int | None:
        base = address & ~(LARGE - 1)
        return base if base in layout and layout[base].size == LARGE else None

    for step in range(240):
        slot = rng.choice(slots)
        page = slot + rng.choice([0, 1, 2, 510, 511]) * PAGE
        flags, kind = rng.choice(PERMISSIONS), rng.choice(["map", "map", "map large", "unmap", "remap", "unmap large"])
        inside = [address for address in layout if address & ~(LARGE - 1) == slot & ~(LARGE - 1)]
        if kind == "map":
            expected = "EEXIST" if page in layout or large_at(page) is not None else None
            frame = draw_frame(rng)
            check_errno(table.attempt("map", page, frame, flags), expected, f"step {step}: mapping {page:#x}")
            if expected is None:
                layout[page] = Page(frame, flags)
        elif kind == "map large":
            frame = draw_frame(rng, LARGE)
            reply = table.attempt("map", slot, frame, flags, large=True)
            check_errno(reply, "EEXIST" if inside else None, f"step {step}: mapping 2 MiB at {slot:#x}")
            if not inside:
                layout[slot] = Page(frame, flags, LARGE)
        elif kind == "unmap large" and large_at(slot) is not None:
            check(expected=layout.pop(slot).frame, seen=table.unmap(slot, large=True), what=f"step {step}: memory at {slot:#x}")
        elif kind in ("unmap", "remap"):
            mapped = page in layout or large_at(page) is not None
            frame = draw_frame(rng)
            arguments: list[int | str] = [page] if kind == "unmap" else [page, frame, flags]
            reply = table.attempt(kind, *arguments)
            check_errno(reply, None if mapped else "ENOENT", f"step {step}: {kind} of {page:#x}")
            if not mapped:
                continue
            if large_at(page) is not None:
                layout = split(layout, page)
            if kind == "remap":
                layout[page] = Page(frame, flags)
            else:
                check(expected=layout.pop(page).frame, seen=reply.number("frame"), what=f"step {step}: frame of {page:#x}")
        if step % 40 == 39:
            check_layout(machine, table.root, layout, f"after {step + 1} random operations")
    for address in rng.sample(sorted(layout), len(layout)):
        page = layout.pop(address)
        check(expected=page.frame, seen=table.unmap(address, large=page.size == LARGE), what=f"the memory that {address:#x} had")
    check_layout(machine, table.root, {}, "after unmapping everything")
    table.free()
    check_census(before, Census.take(machine), "after random operations and freeing the root")
