"""A3: flush_tlb_single(), flush_tlb_all(), flush_tlb_range(), and flushing after page operations.

The host makes translations stale: it lets the processor use a page, changes the entry in memory
behind the guest's back, and sees through which frame the processor reads after a flush. Whether
more was flushed than asked for shows in QEMU's own count of full flushes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.machine.machine import Machine
from grading.tests.a.census import counters, full_flushes
from grading.tests.a.layout import entry_place
from grading.tests.a.tables import (
    FRAME_MASK,
    LARGE,
    NO_EXECUTE,
    PAGE,
    PRESENT,
    USER,
    WRITABLE,
    PlantedTables,
    Table,
    draw_page,
    draw_word,
    index,
    new_frame,
    read_word,
    use_kernel_table,
    write_word,
)

RANGE_LIMIT = 32  # kFlushRangeLimit: pages up to which a range is flushed one by one
SINGLE, ALL, RANGE = "tlb.flush_single", "tlb.flush_all", "tlb.flush_range"


@dataclass
class Pages:
    """A loaded table with consecutive pages that all show one frame, of two that there are for them.

    by_host: the host writes the entries, so that a test needs nothing of the kernel but flushes.
    """

    machine: Machine
    rng: random.Random
    count: int
    by_host: bool = True

    def __post_init__(self) -> None:
        self.start = draw_page(self.rng) & ~(LARGE - 1) | self.rng.randrange(512 - self.count) * PAGE or LARGE
        self.frames = [new_frame(self.machine) for _ in range(2)]
        self.words = [draw_word(self.rng) for _ in range(2)]
        for frame, word in zip(self.frames, self.words):
            write_word(self.machine, frame, word)
        self.table = self._planted() if self.by_host else self._mapped()
        self.table.use()

    def _planted(self) -> Table:
        planted = PlantedTables(self.machine, self.rng)
        below = planted.root
        for level in (4, 3, 2):
            below = planted.link(below, index(self.start, level))
        with self.machine.stopped():
            for address in self.addresses:
                planted.plant(below, index(address, 1), self.frames[0] | PRESENT | WRITABLE | USER | NO_EXECUTE)
        return planted.table

    def _mapped(self) -> Table:
        table = Table.new(self.machine)
        for address in self.addresses:
            table.map(address, self.frames[0], "rwu")
        return table

    @property
    def addresses(self) -> list[int]:
        """The pages, in order."""
        return [self.start + i * PAGE for i in range(self.count)]

    def make_stale(self) -> None:
        """Lets the processor use every page as it is, then redirects them all to the other frame."""
        for address in self.addresses:
            check(expected=self.words[0], seen=self.table.peek(address), what=f"a word read through page {address:#x}")
        with self.machine.stopped():
            for address in self.addresses:
                place = entry_place(self.machine, self.table.root, address)
                write_word(self.machine, place, read_word(self.machine, place) & ~FRAME_MASK | self.frames[1])
        self.frames.reverse()
        self.words.reverse()

    def fresh(self) -> set[int]:
        """The pages through which the processor reads the frame that the table says now."""
        seen = {address: self.table.peek(address) for address in self.addresses}
        for address, word in seen.items():
            check_that(word in self.words, expected=" or ".join(map(hex, self.words)), seen=word,
                       what=f"a word read through page {address:#x} (new frame or old)")
        return {address for address, word in seen.items() if word == self.words[0]}


def deltas(machine: Machine, before: dict[str, int]) -> dict[str, int]:
    """How far the three counters of flushes moved."""
    now = counters(machine, "tlb")
    return {name: now[name] - before[name] for name in (SINGLE, ALL, RANGE)}


@item("A3", points=3)
def test_single_flushes_that_page(machine: Machine, rng: random.Random) -> None:
    """flush_tlb_single() makes one stale translation new, without a full flush."""
    pages = Pages(machine, rng, 8)
    pages.make_stale()
    chosen = rng.choice(pages.addresses)
    before = full_flushes(machine)
    machine.channel.command(f"tlb single {chosen + rng.randrange(PAGE):#x}")
    after = full_flushes(machine)
    check(expected=before, seen=after, what="QEMU's counts of flushes of the whole TLB around flush_tlb_single()",
          hint="use INVLPG; writing CR3 or CR4 forgets every page's translation")
    fresh = pages.fresh()
    check_that(chosen in fresh, expected=f"{pages.words[0]:#x}, as the table says now", seen=f"{pages.words[1]:#x}, the old frame's",
               what=f"the word read through page {chosen:#x} after flush_tlb_single() of an address in it",
               hint="INVLPG takes an address as memory operand: `invlpg (%rax)`")


@item("A3", points=2)
def test_all_flushes_everything(machine: Machine, rng: random.Random) -> None:
    """flush_tlb_all() makes every stale translation new, and stays with the same table."""
    pages = Pages(machine, rng, 40)
    pages.make_stale()
    before = full_flushes(machine)
    machine.channel.command("tlb all")
    after = full_flushes(machine)
    check_that(before != after, expected="a full flush (CR3 written)", seen="none",
               what="QEMU's counts of flushes of the whole TLB around flush_tlb_all()")
    check(expected=pages.table.root, seen=machine.registers().cr3 & FRAME_MASK, what="the table in CR3 after flush_tlb_all()")
    check(expected=set(pages.addresses), seen=pages.fresh(), what="the pages whose new frame is read after flush_tlb_all()")


@item("A3", points=3)
def test_range_flushes_the_range(machine: Machine, rng: random.Random) -> None:
    """flush_tlb_range() flushes every page that overlaps the range; a small one costs no full flush."""
    pages = Pages(machine, rng, 48)
    sizes = [1, 2, rng.randrange(3, RANGE_LIMIT), RANGE_LIMIT, RANGE_LIMIT + 1, RANGE_LIMIT + rng.randrange(2, 14)]
    for size in sizes:
        pages.make_stale()
        first = rng.randrange(0, pages.count - size + 1)
        chosen = pages.addresses[first:first + size]
        start = chosen[0] + (rng.randrange(PAGE) if size > 1 else 0)
        end = chosen[-1] + rng.randrange(1, PAGE)
        before = full_flushes(machine)
        machine.channel.command(f"tlb range {start:#x} {end:#x}")
        after = full_flushes(machine)
        stale = set(chosen) - pages.fresh()
        check(expected=set(), seen=stale, hint="the range is [start, end): round start down to a page, end up",
              what=f"pages of [{start:#x}, {end:#x}) whose old frame is still read after flush_tlb_range()")
        if size <= RANGE_LIMIT:
            check(expected=before, seen=after, hint="up to kFlushRangeLimit pages go one by one, with INVLPG",
                  what=f"QEMU's counts of flushes of the whole TLB around a flush_tlb_range() of {size} pages")
        else:
            check_that(before != after, expected="a full flush (CR3 written)", seen="none", hint="beyond kFlushRangeLimit pages all go at once",
                       what=f"QEMU's counts of flushes of the whole TLB around a flush_tlb_range() of {size} pages")
        machine.channel.command("tlb all")
    pages.make_stale()
    before = full_flushes(machine)
    machine.channel.command(f"tlb range {pages.start:#x} {pages.start:#x}")
    check(expected=before, seen=full_flushes(machine), what="QEMU's counts of full flushes around an empty range")


@item("A3", points=2)
def test_flushes_are_counted_by_kind(machine: Machine, rng: random.Random) -> None:
    """Each call adds one to its own counter and nothing to the others."""
    address = draw_page(rng)
    before = counters(machine, "tlb")
    sizes = rng.sample(range(1, RANGE_LIMIT + 1), rng.randrange(2, 6)) + rng.sample(range(RANGE_LIMIT + 1, 80), rng.randrange(2, 6))
    expected = {SINGLE: rng.randrange(3, 9), ALL: rng.randrange(3, 9), RANGE: len(sizes)}
    commands = [f"single {address:#x}"] * expected[SINGLE] + ["all"] * expected[ALL]
    commands += [f"range {address:#x} {address + size * PAGE:#x}" for size in sizes]
    commands += [f"range {address:#x} {address:#x}"] * 2  # empty: no request at all
    for command in rng.sample(commands, len(commands)):
        machine.channel.command(f"tlb {command}")
    check(expected=expected, seen=deltas(machine, before), what="the counters of flushes",
          hint="flush_tlb_range() counts as one range, however it flushes")


@item("A3", points=3)
def test_operations_leave_nothing_stale(machine: Machine, rng: random.Random) -> None:
    """After unmap, remap and protect on the loaded table, the processor does as the table says."""
    pages = Pages(machine, rng, 24, by_host=False)
    table, (frame, other) = pages.table, pages.frames
    word, other_word = pages.words
    shuffled = rng.sample(pages.addresses, pages.count)
    unmapped, remapped, protected, opened = (shuffled[i::4] for i in range(4))
    for address in opened:
        table.protect(address, "ru")
    for address in pages.addresses:
        check(expected=word, seen=table.peek(address), what=f"a word read through page {address:#x}")
    for address in protected:
        check(expected=True, seen=table.poke(address, word), what=f"whether a write to page {address:#x} (rwu) succeeds")
    for address in opened:
        check(expected=False, seen=table.poke(address, word), what=f"whether a write to page {address:#x} (ru) succeeds")
    for address in shuffled:
        if address in unmapped:
            table.unmap(address)
        elif address in remapped:
            table.remap(address, other, "rwu")
        else:
            table.protect(address, "ru" if address in protected else "rwu")
    hint = "the operation tells its TlbGather the page, whose flush calls flush_tlb_single() or flush_tlb_range()"
    for address in unmapped:
        check(expected=None, seen=table.peek(address), hint=hint, what=f"a read from page {address:#x} after unmap (None: a fault)")
    for address in remapped:
        check(expected=other_word, seen=table.peek(address), hint=hint, what=f"a word read through page {address:#x} after remap")
    for address in protected:
        check(expected=False, seen=table.poke(address, draw_word(rng)), hint=hint,
              what=f"whether a write to page {address:#x} succeeds after it became read-only")
    for address in opened:
        check(expected=True, seen=table.poke(address, word), hint=hint,
              what=f"whether a write to page {address:#x} succeeds after it became writable")
    check(expected=word, seen=read_word(machine, frame), what="the word in the frame after forbidden writes")
    for address in unmapped:  # A page mapped where there was none before.
        table.map(address, other, "ru")
        check(expected=other_word, seen=table.peek(address), what=f"a word read through page {address:#x}, mapped again")


@item("A3", points=2)
def test_operations_flush_precisely(machine: Machine, rng: random.Random) -> None:
    """One page changed in the loaded table is one single flush; none for another table, none for a new page."""
    pages = Pages(machine, rng, 6, by_host=False)
    table = pages.table
    first, second, third = rng.sample(pages.addresses, 3)
    hole = pages.start ^ (1 << 38)

    def expect(what: str, expected: int) -> None:
        seen = deltas(machine, before)
        check(expected={SINGLE: expected, ALL: 0, RANGE: 0}, seen=seen, what=f"flushes counted for {what}",
              hint="tell TlbGather::add() the pages whose translation was removed or changed, once each")
        check(expected=full_before, seen=full_flushes(machine), what=f"QEMU's counts of full flushes around {what}")

    operations = [
        ("unmapping a page of the loaded table", 1, lambda: table.unmap(first)),
        ("remapping a page of the loaded table", 1, lambda: table.remap(second, pages.frames[1], "rwu")),
        ("protecting a page of the loaded table", 1, lambda: table.protect(third, "ru")),
        ("mapping a page where none was", 0, lambda: table.map(hole, pages.frames[0], "rwu")),
        ("protecting a page as it is", 0, lambda: table.protect(third, "ru")),
        ("widening what may be done with a page", 1, lambda: table.protect(third, "rwu")),
        ("unmapping the page again, and with it three tables", 1, lambda: table.unmap(hole)),
    ]
    for what, expected, operate in operations:
        before, full_before = counters(machine, "tlb"), full_flushes(machine)
        operate()
        expect(what, expected)
    use_kernel_table(machine)
    fourth, fifth = rng.sample([page for page in pages.addresses if page not in (first, second, third)], 2)
    for what, operate in (("unmapping a page of a table that isn't loaded", lambda: table.unmap(fourth)),
                          ("protecting a page of a table that isn't loaded", lambda: table.protect(fifth, "ru"))):
        before, full_before = counters(machine, "tlb"), full_flushes(machine)
        operate()
        expect(what, 0)
