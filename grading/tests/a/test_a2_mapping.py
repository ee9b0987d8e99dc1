"""A2: map_page(), unmap_page(), remap_page(), is_mapped() on 4 KiB pages, judged by a walk from outside."""

from __future__ import annotations

import random
import struct

from grading.grader.rubric import item
from grading.judge.check import check, check_errno, check_that
from grading.machine.machine import Machine
from grading.tests.a import outside
from grading.tests.a.census import Census
from grading.tests.a.layout import Layout, Page, check_census, check_layout, entry_place
from grading.tests.a.tables import (
    IGNORED,
    LARGE,
    NO_EXECUTE,
    PAGE,
    PERMISSIONS,
    USER,
    USER_END,
    Table,
    draw_frame,
    draw_large_page,
    draw_page,
    draw_pages,
    draw_word,
    new_frame,
    read_word,
    use_kernel_table,
    write_word,
)

ACCESSED, DIRTY = 1 << 5, 1 << 6
SEEN = ACCESSED | DIRTY


def map_random(table: Table, rng: random.Random, count: int) -> Layout:
    """Maps `count` random pages to random frames with random permissions."""
    layout = {page: Page(draw_frame(rng), rng.choice(PERMISSIONS)) for page in draw_pages(rng, count)}
    for address, page in layout.items():
        table.map(address, page.frame, page.flags)
    return layout


@item("A2", points=4)
def test_map_random_pages(machine: Machine, rng: random.Random) -> None:
    """Each page gets its frame and exactly the access asked for; each table on the way is made once."""
    table = Table.new(machine)
    before = Census.take(machine)
    layout = map_random(table, rng, 160)
    layout[USER_END - PAGE] = Page(draw_frame(rng), "rwu")
    table.map(USER_END - PAGE, layout[USER_END - PAGE].frame, "rwu")
    check_layout(machine, table.root, layout, "after mapping")
    made = len(outside.user_half(machine, table.root).tables)
    check(expected=before.tables + made, seen=Census.take(machine).tables, what="frames used for page tables",
          hint="take tables from allocate_table(), one for each table that is linked")
    for address in rng.sample(sorted(layout), 12):
        check(expected=True, seen=table.mapped(address + rng.randrange(PAGE)), what=f"is_mapped() in page {address:#x}")
    for address in (draw_page(rng) for _ in range(12)):
        check(expected=address in layout, seen=table.mapped(address), what=f"is_mapped() of page {address:#x}")
    for address in (USER_END, 0xFFFF_8000_0000_0000 + draw_frame(rng)):
        check(expected=False, seen=table.mapped(address), what=f"is_mapped() of {address:#x}, outside the user half")


@item("A2", points=2)
def test_the_processor_agrees(machine: Machine, rng: random.Random) -> None:
    """Words planted in frames are read through the pages, written ones arrive; forbidden writes fault."""
    table = Table.new(machine)
    pages = {page: (new_frame(machine), flags) for page, flags in zip(draw_pages(rng, 12), PERMISSIONS * 2)}
    for page, (frame, flags) in pages.items():
        table.map(page, frame, flags)
        offset, word = rng.randrange(0, PAGE, 8), draw_word(rng)
        write_word(machine, frame + offset, word)
        check(expected=word, seen=table.peek(page + offset), what=f"a word read through page {page:#x} ({flags})")
    for page, (frame, flags) in pages.items():
        offset, word, old = rng.randrange(0, PAGE, 8), draw_word(rng), draw_word(rng)
        write_word(machine, frame + offset, old)
        check(expected="w" in flags, seen=table.poke(page + offset, word),
              what=f"whether a write to page {page:#x} ({flags}) succeeds")
        check(expected=word if "w" in flags else old, seen=read_word(machine, frame + offset),
              what=f"the word in frame {frame:#x} after a write through page {page:#x} ({flags})")
    hole = next(page for page in iter(lambda: draw_page(rng), None) if page not in pages)
    memory, page = new_frame(machine, large=True), draw_large_page(rng)
    table.map(page, memory, "rwu", large=True)
    for offset in (0, LARGE - 8, *rng.sample(range(0, LARGE, 8), 6)):
        word, other = draw_word(rng), draw_word(rng)
        write_word(machine, memory + offset, word)
        check(expected=word, seen=table.peek(page + offset), what=f"a word read at {offset:#x} of a 2 MiB page")
        table.poke(page + offset, other)
        check(expected=other, seen=read_word(machine, memory + offset), what=f"a word written at {offset:#x} of a 2 MiB page")
    check(expected=None, seen=table.peek(hole), what=f"a read from page {hole:#x}, which isn't mapped (None: a fault)")


@item("A2", points=3)
def test_map_refuses(machine: Machine, rng: random.Random) -> None:
    """A page that is there already, bad alignment, addresses outside the user half: refused, unchanged."""
    table = Table.new(machine)
    layout = map_random(table, rng, 8)
    large = next(page for page in iter(lambda: draw_large_page(rng), None)
                 if page and all(page ^ other >= LARGE for other in layout))
    layout[large] = Page(draw_frame(rng, LARGE), "rwu", LARGE)
    table.map(large, layout[large].frame, "rwu", large=True)
    small = next(page for page in iter(lambda: draw_page(rng), None) if page % LARGE and page & -LARGE not in layout
                 and page not in layout and page & -LARGE != large)  # the first 4 KiB of its 2 MiB are free
    layout[small] = Page(draw_frame(rng), "ru")
    table.map(small, layout[small].frame, "ru")
    census = Census.take(machine)
    free_page = large ^ (1 << 30)
    odd = rng.randrange(1, PAGE)
    cases: list[tuple[str, int, int, bool, str]] = [
        ("a page that is mapped", small, draw_frame(rng), False, "EEXIST"),
        ("a 4 KiB page inside a mapped 2 MiB page", large + rng.randrange(0, LARGE, PAGE), draw_frame(rng), False, "EEXIST"),
        ("a 2 MiB page where a 4 KiB page is", small & ~(LARGE - 1), draw_frame(rng, LARGE), True, "EEXIST"),
        ("a 2 MiB page that is mapped", large, draw_frame(rng, LARGE), True, "EEXIST"),
        ("a page at an odd address", free_page + odd, draw_frame(rng), False, "EINVAL"),
        ("a page to an odd frame", free_page, draw_frame(rng) + odd, False, "EINVAL"),
        ("a 2 MiB page at a 4 KiB boundary", free_page + PAGE, draw_frame(rng, LARGE), True, "EINVAL"),
        ("a 2 MiB page to 4 KiB aligned memory", free_page, draw_frame(rng, LARGE) + PAGE, True, "EINVAL"),
        ("a page in the kernel half", 0xFFFF_8000_0000_0000 + draw_frame(rng), draw_frame(rng), False, "EINVAL"),
        ("a page at the top of the address space", (1 << 64) - PAGE, draw_frame(rng), False, "EINVAL"),
        ("a page at the end of the user half", USER_END, draw_frame(rng), False, "EINVAL"),
        ("a page at an address that isn't canonical", 1 << 47, draw_frame(rng), False, "EINVAL"),
        ("a 2 MiB page that reaches over the end of the user half", USER_END & ~(LARGE - 1), draw_frame(rng, LARGE), True,
         "EINVAL"),
    ]
    for what, page, frame, is_large, errno in cases:
        reply = table.attempt("map", page, frame, "rwu", large=is_large)
        check_errno(reply, errno, f"mapping {what} ({page:#x} to {frame:#x})")
    for bit in (3, 4, 5, 6, 7, 8, rng.choice([9, 10, 11]), rng.randrange(52, 59), rng.randrange(59, 63)):
        for operation, page in (("map", free_page), ("remap", small)):
            reply = table.attempt(operation, page, draw_frame(rng), NO_EXECUTE | USER | 1 << bit)
            check_errno(reply, "EINVAL", f"{operation} with bit {bit} among the flags", "flags are of kPermissionBits")
    check_layout(machine, table.root, layout, "after mappings that were refused")
    check_census(census, Census.take(machine), "after mappings that were refused")


@item("A2", points=4)
def test_unmap_gives_back(machine: Machine, rng: random.Random) -> None:
    """unmap_page() returns the frame, removes that page only, and frees tables that became empty."""
    before = Census.settled(machine)
    table = Table.new(machine)
    layout = map_random(table, rng, 120)
    order = rng.sample(sorted(layout), len(layout))
    for count, address in enumerate(order):
        check(expected=layout.pop(address).frame, seen=table.unmap(address), what=f"the frame that page {address:#x} had")
        if count % 24 == 0:
            check_errno(table.attempt("unmap", address), "ENOENT", f"unmapping page {address:#x} again")
            check(expected=False, seen=table.mapped(address), what=f"is_mapped() of page {address:#x}, unmapped")
            check_layout(machine, table.root, layout, f"after unmapping {count + 1} of {len(order)} pages")
    check_layout(machine, table.root, {}, "after unmapping all pages")
    for address in order[:3]:  # A table's count of entries must have come back to zero, too.
        table.map(address, draw_frame(rng), "ru")
        table.unmap(address)
    table.free()
    check_census(before, Census.take(machine), "after unmapping all pages and freeing the root",
                 hint="hand each table that becomes empty to TlbGather::free_table(), level by level")


@item("A2", points=2)
def test_unmap_and_remap_refuse(machine: Machine, rng: random.Random) -> None:
    """Pages that aren't there are ENOENT, bad addresses EINVAL; nothing changes."""
    table = Table.new(machine)
    layout = map_random(table, rng, 12)
    page = rng.choice(sorted(layout))
    first = page & ~(LARGE - 1)  # the first of the 2 MiB: what refuses them mustn't take it for the whole
    if first >= PAGE and first not in layout:
        layout[first] = Page(draw_frame(rng), "ru")
        table.map(first, layout[first].frame, layout[first].flags)
    census = Census.take(machine)
    holes = [hole for hole in (page ^ PAGE, page ^ LARGE, page ^ 1 << 30, page ^ 1 << 39) if hole not in layout]
    cases = [(f"page {hole:#x}, which isn't mapped", hole, False, "ENOENT") for hole in holes if PAGE <= hole < USER_END]
    cases += [
        (f"the 2 MiB around page {page:#x}, of which only parts are mapped", first, True, "ENOENT"),
        ("an odd address", page + rng.randrange(1, PAGE), False, "EINVAL"),
        ("2 MiB at a 4 KiB boundary", first + PAGE, True, "EINVAL"),
        ("the kernel half", 0xFFFF_8000_0000_0000, False, "EINVAL"),
        ("an address that isn't canonical", 1 << 47, False, "EINVAL"),
    ]
    for what, address, large, errno in cases:
        check_errno(table.attempt("unmap", address, large=large), errno, f"unmapping {what}")
        check_errno(table.attempt("remap", address, draw_frame(rng, LARGE), "ru", large=large), errno, f"remapping {what}")
    check_errno(table.attempt("remap", page, draw_frame(rng) + 8, "ru"), "EINVAL", "remapping a page to an odd frame")
    check_layout(machine, table.root, layout, "after operations that were refused")
    check_census(census, Census.take(machine), "after operations that were refused")


@item("A2", points=3)
def test_remap_changes_what_is_asked(machine: Machine, rng: random.Random) -> None:
    """remap_page() changes frame, access or both, of that page only; the software's own bits stay."""
    table = Table.new(machine)
    layout = map_random(table, rng, 40)
    own_bits: dict[int, int] = {}
    with machine.stopped():
        for address in layout:
            place = entry_place(machine, table.root, address)
            own_bits[address] = rng.getrandbits(64) & IGNORED
            write_word(machine, place, read_word(machine, place) & ~IGNORED | own_bits[address])
    for count, address in enumerate(rng.sample(sorted(layout), 30)):
        page = layout[address]
        kind = rng.choice(["frame", "access", "both"])
        frame = page.frame if kind == "access" else draw_frame(rng)
        flags = page.flags if kind == "frame" else rng.choice([flags for flags in PERMISSIONS if flags != page.flags])
        if kind == "access":
            table.protect(address, flags)
        else:
            table.remap(address, frame, flags)
        layout[address] = Page(frame, flags)
        if count % 10 == 9:
            check_layout(machine, table.root, layout, "after remapping pages")
    with machine.stopped():
        entries = {address: read_word(machine, entry_place(machine, table.root, address)) for address in own_bits}
    for address, bits in own_bits.items():
        entry = entries[address]
        check(expected=bits, seen=entry & IGNORED, what=f"bits 9-11 and 52-58 of the entry of page {address:#x}",
              hint="these bits are the kernel's own (a copy-on-write mark, say): remap_page() leaves them as they were")


@item("A2", points=2)
def test_old_entries_are_handed_back(machine: Machine, rng: random.Random) -> None:
    """unmap_page() and remap_page() return the entry as it was, accessed and dirty included; a new one starts without."""
    table = Table.new(machine)
    layout = map_random(table, rng, 24)
    old: dict[int, int] = {}
    with machine.stopped():
        for address in layout:  # What a processor sets when it uses the page.
            place = entry_place(machine, table.root, address)
            old[address] = read_word(machine, place) & ~SEEN | rng.choice([0, ACCESSED, SEEN]) | rng.getrandbits(64) & IGNORED
            write_word(machine, place, old[address])
    pages = rng.sample(sorted(layout), len(layout))
    for address in pages[:8]:
        check(expected=hex(old[address]), seen=hex(table.unmap_entry(address)), what=f"the entry that unmapping page {address:#x} returned",
              hint="take the entry out by one exchange, and return what that gave you")
    for address in pages[8:]:
        if rng.random() < 0.5:
            flags = rng.choice([flags for flags in PERMISSIONS if flags != layout[address].flags])
            seen = table.protect(address, flags)
        else:
            seen = table.remap(address, layout[address].frame ^ PAGE, layout[address].flags)
        check(expected=hex(old[address]), seen=hex(seen), what=f"the entry that remapping page {address:#x} returned",
              hint="replace the entry by one exchange, and return what that gave you")
        check(expected=hex(0), seen=hex(table.entry(address)[1] & SEEN), what=f"accessed and dirty of page {address:#x}, remapped")


@item("A2", points=2)
def test_out_of_memory_leaves_no_trace(machine: Machine, rng: random.Random) -> None:
    """A table that can't be allocated: ENOMEM, and tables made on the way are freed again."""
    table = Table.new(machine)
    page = draw_page(rng)
    frame = draw_frame(rng)
    for existing, needed in (("nothing else mapped", 3), ("a page in the same 1 GiB", 1)):
        layout = {} if needed == 3 else {page ^ LARGE: Page(draw_frame(rng), "ru")}
        for address, other in layout.items():
            table.map(address, other.frame, other.flags)
        before = Census.take(machine)
        for failing in range(1, needed + 1):
            machine.channel.command(f"fail allocation {failing}")
            check_errno(table.attempt("map", page, frame, "rwu"), "ENOMEM",
                        f"mapping a page, allocation {failing} failing, {existing}")
            machine.channel.command("fail allocation 0")
            check_layout(machine, table.root, layout, f"after allocation {failing} failed, {existing}",
                         hint="free the tables made on the way with free_table(), and unlink them")
            check_census(before, Census.take(machine), f"after allocation {failing} failed, {existing}")
        table.map(page, frame, "rwu")
        check_layout(machine, table.root, {**layout, page: Page(frame, "rwu")}, "after mapping the page at last")
        for address in [page, *layout]:
            table.unmap(address)
    check_layout(machine, table.root, {}, "after unmapping everything")


@item("A2", points=1)
def test_kernel_half_stays(machine: Machine, rng: random.Random) -> None:
    """The kernel's half is the same in every table, whatever is mapped below, and closed to user code."""
    def half(root: int) -> tuple[int, ...]:
        return struct.unpack("<256Q", machine.read_phys(root + PAGE // 2, PAGE // 2))

    kernel = half(use_kernel_table(machine))
    check_that(any(kernel), expected="entries of the kernel", seen="none", what="entries 256 to 511 of the kernel's own root")
    for _ in range(3):
        table = Table.new(machine)
        layout = map_random(table, rng, 16)
        check_layout(machine, table.root, layout, "after mapping")
        check(expected=kernel, seen=half(table.root), what="entries 256 to 511 of a root, as in the kernel's own")
        for address in layout:
            table.unmap(address)
        check(expected=kernel, seen=half(table.root), what="entries 256 to 511 of a root after unmapping everything")
    exposed = [str(mapping) for mapping in outside.kernel_half(machine, table.root).values() if mapping.user]
    check(expected=[], seen=exposed, what="kernel pages that user code can reach")
