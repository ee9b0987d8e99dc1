"""What a page table should hold, compared with what the host finds by walking it from outside."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

from grading.judge import page_walk
from grading.judge.check import check, fail
from grading.machine.machine import Machine
from grading.tests.a import outside
from grading.tests.a.census import Census
from grading.tests.a.pattern import PAGE
from grading.tests.a.tables import HUGE, LARGE, permissions_of, span

SHOWN = 4  # differences that one failure lists
STRAY = 1 << 3 | 1 << 4 | 1 << 8  # write-through, cache-disable, global
SHARE_HINT = "share_copy_on_write() maps the parent's frame in the child and takes the right to write from both"
COPY_HINT = "handle_page_fault(): a write to a shared frame copies all 4096 bytes of it for the writer, nobody else"


@dataclass(frozen=True)
class Page:
    """One mapping that should be there."""

    frame: int
    flags: str  # letters of r, w, x, u
    size: int = PAGE  # bytes


Layout = dict[int, Page]


def words(writable: bool, user: bool, executable: bool) -> str:
    """Effective permissions in words."""
    return " ".join([
        "readable and writable" if writable else "read-only",
        "by user code," if user else "by the kernel only,",
        "executable" if executable else "not executable",
    ])


def difference(address: int, page: Page, seen: page_walk.Mapping | None) -> tuple[str, str, str] | None:
    """(what, expected, seen) for one page, or None if it is as it should be."""
    if seen is None:
        return f"page {address:#x}", f"mapped to {page.frame:#x}", "not mapped"
    if seen.size != page.size:
        return f"the size of the page at {address:#x}", f"{page.size // 1024} KiB", f"{seen.size // 1024} KiB"
    if seen.physical != page.frame:
        return f"the frame of page {address:#x}", f"{page.frame:#x}", f"{seen.physical:#x}"
    if stray := seen.entry & (STRAY | (HUGE if page.size == PAGE else 0)):
        return f"the entry of page {address:#x}", "no bit that nobody asked for", f"{stray:#x}: global, write-through, uncached, or size on level 1"
    expected = permissions_of(page.flags)
    found = (seen.writable, seen.user, seen.executable)
    if expected != found:
        return f"the access to page {address:#x} ({page.flags})", words(*expected), words(*found)
    return None


def check_layout(machine: Machine, root: int, layout: Layout, when: str, hint: str = "") -> None:
    """The user half below `root` maps exactly `layout`, and with no table more than that takes."""
    found = outside.user_half(machine, root)
    check(expected=[], seen=found.findings, what=f"{when}: entries that make no sense, walked from outside")
    differences = [difference(address, page, found.get(address)) for address, page in sorted(layout.items())]
    differences += [(f"page {address:#x}", "not mapped", f"mapped to {mapping.physical:#x}")
                    for address, mapping in sorted(found.items()) if address not in layout]
    wrong = [entry for entry in differences if entry is not None]
    if wrong:
        fail(f"{when}, walked from outside: {'; '.join(entry[0] for entry in wrong[:SHOWN])} ({len(wrong)} differ)",
             expected="; ".join(entry[1] for entry in wrong[:SHOWN]), seen="; ".join(entry[2] for entry in wrong[:SHOWN]),
             hint=hint or "access is what every level permits: tables permit all, the leaf decides")
    check(expected=tables_needed(layout), seen=len(found.tables),
          what=f"{when}: tables below the root", hint=hint or "a table without a present entry is freed, a needed one is there once")


def tables_needed(layout: MappingOf[int, Page]) -> int:
    """How many tables below the root a layout takes."""
    prefixes = set()
    for address, page in layout.items():
        for level in (3, 2, 1) if page.size == PAGE else (3, 2):
            prefixes.add((level, address // span(level + 1)))
    return len(prefixes)


def entry_place(machine: Machine, root: int, address: int) -> int:
    """The physical address of the leaf entry that maps `address`, found from outside."""
    mapping = outside.page_of(machine, root, address)
    if mapping is None:
        fail(f"page {address:#x}", expected="mapped", seen="not mapped")
    return mapping.levels[-1].address


def split(layout: Layout, address: int) -> Layout:
    """The layout with the 2 MiB page that holds `address` taken apart into 4 KiB pages."""
    base = address & ~(LARGE - 1)
    page = layout[base]
    pieces = {base + i: Page(page.frame + i, page.flags) for i in range(0, LARGE, PAGE)}
    return {**{a: p for a, p in layout.items() if a != base}, **pieces}


def check_census(before: Census, after: Census, when: str, hint: str = "") -> None:
    """Frames in use are as before: nothing leaked, nothing freed twice."""
    for what, old, new in (("page tables", before.tables, after.tables), ("user memory", before.user, after.user)):
        check(expected=old, seen=new, what=f"frames used for {what} {when}", hint=hint)
    check(expected=before.known, seen=after.known, what=f"frames that are free or in use for something {when}", hint=hint)


def check_content(machine: Machine, frame: int, content: bytes, whose: str, hint: str = COPY_HINT) -> None:
    """The frame holds these bytes."""
    seen = machine.read_phys(frame, PAGE)
    wrong = [at for at in range(0, PAGE, 8) if seen[at:at + 8] != content[at:at + 8]]
    if wrong:
        at = wrong[0]
        fail(f"{whose}, frame {frame:#x}, at offset {at:#x} ({len(wrong)} of 512 words differ)",
             expected=content[at:at + 8], seen=seen[at:at + 8], hint=hint)
