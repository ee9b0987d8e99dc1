"""A4: fork shares memory, a write separates it. Families of puppets, looked at from outside.

While every process waits for a line, the host walks all their page tables: which frames are
shared, which entries permit writing, and what the frames hold.
"""

from __future__ import annotations

import random

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.judge.page_walk import Mapping
from grading.machine.machine import Machine
from grading.tests.a import outside
from grading.tests.a.census import Census, counters, references
from grading.tests.a.layout import COPY_HINT, SHARE_HINT, check_content
from grading.tests.a.pattern import PAGE, area_sum, page_bytes, pattern_word
from grading.tests.a.puppets import FORK, OWN_PAGES, PROCESS, Puppets
from grading.tests.a.tables import draw_word

pytestmark = stands_on(PROCESS, FORK)


@item("A4", points=4)
def test_fork_shares_everything(machine: Machine, rng: random.Random) -> None:
    """After fork both map the same frames, nobody may write to a shared one, and nothing was copied."""
    puppets = Puppets(machine)
    parent = puppets.start()
    seed, count = draw_word(rng), rng.randrange(70, 100)
    area = puppets.area(parent, count, seed)
    heap = puppets.grow_heap(parent, rng.randrange(3, 9), draw_word(rng))
    puppets.do(parent, "stack", rng.randrange(3, 9))
    before, frames_before = Census.take(machine), puppets.pages(parent)
    child = puppets.fork(parent)
    grown = Census.take(machine).user - before.user
    check_that(grown <= OWN_PAGES, expected=f"at most {OWN_PAGES}, for what both wrote since", seen=grown,
               what=f"frames of user memory that fork of a process with {len(frames_before)} pages took", hint=SHARE_HINT)
    ours, theirs = puppets.pages(parent), puppets.pages(child)
    for number in range(count):
        page = area + number * PAGE
        for who, pages in (("the parent", ours), ("the child", theirs)):
            check_that(page in pages, expected="mapped", seen="not mapped", what=f"page {page:#x} in {who} after fork", hint=SHARE_HINT)
            check(expected=frames_before[page].physical, seen=pages[page].physical, hint=SHARE_HINT,
                  what=f"the frame of page {page:#x} in {who} after fork")
            check(expected=False, seen=pages[page].writable, hint=SHARE_HINT,
                  what=f"whether the shared page {page:#x} is writable in {who}")
    with machine.stopped():
        for number in range(count):
            page = area + number * PAGE
            check_content(machine, ours[page].physical, page_bytes(pattern_word(seed, number)), f"page {page:#x} after fork")
    check(expected=set(ours), seen=set(theirs), what="the pages mapped in the child, as in the parent")
    check(expected=ours[heap].physical, seen=theirs[heap].physical, what=f"the frame of the heap's page {heap:#x} in the child")
    shared_writable = [page for page in theirs if ours[page].physical == theirs[page].physical
                       and (ours[page].writable or theirs[page].writable)]
    check(expected=[], seen=shared_writable, what="pages that share a frame and are writable in one of the two", hint=SHARE_HINT)
    read_only = [page for page, mapping in frames_before.items() if not mapping.writable]
    copied = [page for page in read_only if ours[page].physical != theirs[page].physical]
    check(expected=[], seen=copied, what="pages of program text (never writable) that aren't shared")
    check(expected=[], seen=[page for page in theirs if ours[page].executable != theirs[page].executable],
          what="pages that are executable in only one of the two")


@item("A4", points=4)
def test_a_write_separates_one_page(machine: Machine, rng: random.Random) -> None:
    """A write in the child, or in the parent, copies that page for the writer and leaves the rest shared."""
    puppets = Puppets(machine)
    parent = puppets.start()
    seed, count = draw_word(rng), 24
    area = puppets.area(parent, count, seed)
    child = puppets.fork(parent)
    original = puppets.pages(parent)
    chosen = rng.sample(range(count), 8)
    writes: dict[int, dict[int, dict[int, int]]] = {parent: {}, child: {}}
    for number in chosen:
        writer = rng.choice([parent, child]) if number not in (chosen[0], chosen[1]) else (child if number == chosen[0] else parent)
        offset, word = rng.randrange(0, PAGE, 8), draw_word(rng)
        puppets.do(writer, "poke", area + number * PAGE + offset, word)
        writes[writer][number] = {offset: word}
    pages = {pid: puppets.pages(pid) for pid in (parent, child)}
    for number in range(count):
        page, content = area + number * PAGE, pattern_word(seed, number)
        for pid, other in ((parent, child), (child, parent)):
            change, who = writes[pid].get(number), "the child" if pid == child else "the parent"
            frame = pages[pid][page].physical
            if change:
                check_that(frame != original[page].physical, expected="a new frame", seen="the shared one", hint=COPY_HINT,
                           what=f"the frame of page {page:#x} in {who}, which wrote to it")
                check(expected=True, seen=pages[pid][page].writable, what=f"whether page {page:#x} is writable in {who}, which wrote to it")
            else:
                check(expected=original[page].physical, seen=frame, hint=COPY_HINT,
                      what=f"the frame of page {page:#x} in {who}, which didn't write to it")
            check_content(machine, frame, page_bytes(content, change), f"page {page:#x} in {who}")
            shared = number not in writes[other] and not change
            check_that(not (shared and pages[pid][page].writable), expected="read-only", seen="writable",
                       what=f"page {page:#x}, still shared, in {who}")
    for pid, who in ((parent, "the parent"), (child, "the child")):
        changes = {number * PAGE + offset: word for number, change in writes[pid].items() for offset, word in change.items()}
        check(expected=area_sum(seed, count, changes), seen=puppets.do(pid, "sum", area, count),
              what=f"the sum over the whole area as {who} reads it")


@item("A4", points=2)
def test_fork_leaves_nothing_stale(machine: Machine, rng: random.Random) -> None:
    """A write right after fork finds the page read-only, though the processor had used it for writing."""
    puppets = Puppets(machine)
    parent = puppets.start()
    seed, count = draw_word(rng), 8
    area = puppets.area(parent, count, seed)
    numbers = rng.sample(range(count), 4)
    for number in numbers:
        place = area + number * PAGE + rng.randrange(0, PAGE - 16, 8)
        child = puppets.clone(parent, place)
        ours, theirs = (puppets.pages(pid)[place & -PAGE].physical + place % PAGE for pid in (parent, child))
        check(expected=child, seen=int.from_bytes(machine.read_phys(ours, 4), "little"),
              what=f"the pid that clone() stored at {place:#x} in the parent")
        check_that(int.from_bytes(machine.read_phys(theirs, 4), "little") != child, expected="what was there before",
                   seen=f"{child}, the pid stored in the parent after memory was shared", what=f"the word at {place:#x} in the child",
                   hint="tell `gather` each page whose right to write is taken: until it is flushed, the processor goes on writing")
        check_content(machine, puppets.pages(child)[area + (number + 1) % count * PAGE].physical,
                      machine.read_phys(puppets.pages(parent)[area + (number + 1) % count * PAGE].physical, PAGE), "another page of the child")
        puppets.leave(child)
        puppets.reap(parent, child)


@item("A4", points=3)
def test_the_last_sharer_writes_in_place(machine: Machine, rng: random.Random) -> None:
    """Who is left with a frame of one reference gets it writable, without a copy."""
    puppets = Puppets(machine)
    parent = puppets.start()
    seed, count = draw_word(rng), 12
    area = puppets.area(parent, count, seed)
    original = puppets.pages(parent)
    child = puppets.fork(parent)
    first, second, third = rng.sample(range(count), 3)
    puppets.do(child, "poke", area + first * PAGE, draw_word(rng))  # the child takes a copy, the parent is alone

    def write_in_place(number: int, why: str) -> None:
        page, word = area + number * PAGE, draw_word(rng)
        copied, user = counters(machine, "cow")["cow.copied"], Census.take(machine).user
        puppets.do(parent, "poke", page + 8, word)
        mapping = puppets.pages(parent)[page]
        hint = "frame_references() of 1: nobody else has the frame, so make the page writable where it is"
        check(expected=original[page].physical, seen=mapping.physical, what=f"the frame of page {page:#x} after a write, {why}", hint=hint)
        check(expected=True, seen=mapping.writable, what=f"whether page {page:#x} is writable after a write, {why}")
        check_content(machine, mapping.physical, page_bytes(pattern_word(seed, number), {8: word}), f"page {page:#x}, {why}")
        check(expected=copied, seen=counters(machine, "cow")["cow.copied"], what=f"cow.copied around that write, {why}", hint=hint)
        check(expected=user, seen=Census.take(machine).user, what=f"frames of user memory around that write, {why}", hint=hint)

    write_in_place(first, "the child having its own copy")
    puppets.leave(child)
    puppets.reap(parent, child)
    puppets.do(parent, "peek", area)  # whatever the parent's stack and data still shared is separate after this
    write_in_place(second, "the child having exited")

    child = puppets.fork(parent)
    original = puppets.pages(parent)
    grandchild = puppets.fork(child)
    puppets.leave(child)
    puppets.reap(parent, child)
    page = area + third * PAGE
    puppets.do(parent, "poke", page, draw_word(rng))
    word = draw_word(rng)
    puppets.do(grandchild, "poke", page, word)
    mapping = puppets.pages(grandchild)[page]
    check(expected=original[page].physical, seen=mapping.physical,
          what=f"the frame of page {page:#x} in the grandchild, last of three that shared it, after its write")
    check_content(machine, mapping.physical, page_bytes(pattern_word(seed, third), {0: word}), f"page {page:#x} in the grandchild")


class Family:
    """Puppets and, for each, what every page of one area should hold and who shares it."""

    def __init__(self, machine: Machine, rng: random.Random, pages: int) -> None:
        self.machine, self.rng, self.count = machine, rng, pages
        self.puppets = Puppets(machine)
        first = self.puppets.start()
        self.seed = draw_word(rng)
        self.area = self.puppets.area(first, pages, self.seed)
        self.parents: dict[int, int] = {first: 0}
        # For each process and page: the group of processes that should share the frame, and the words poked.
        self.groups: dict[int, list[int]] = {first: list(range(pages))}
        self.changes: dict[int, list[dict[int, int]]] = {first: [{} for _ in range(pages)]}
        self.next_group = pages

    def fork(self, pid: int) -> int:
        child = self.puppets.fork(pid)
        self.parents[child] = pid
        self.groups[child] = list(self.groups[pid])
        self.changes[child] = [dict(change) for change in self.changes[pid]]
        return child

    def poke(self, pid: int) -> None:
        number, offset, word = self.rng.randrange(self.count), self.rng.randrange(0, PAGE, 8), draw_word(self.rng)
        self.puppets.do(pid, "poke", self.area + number * PAGE + offset, word)
        self.changes[pid][number][offset] = word
        if sum(groups[number] == self.groups[pid][number] for groups in self.groups.values()) > 1:
            self.groups[pid][number] = self.next_group
            self.next_group += 1

    def leave(self, pid: int) -> None:
        """A process without children exits and is reaped."""
        self.puppets.leave(pid)
        self.puppets.reap(self.parents.pop(pid), pid)
        del self.groups[pid], self.changes[pid]

    def leaves(self) -> list[int]:
        """Processes without children, but for the first."""
        return [pid for pid, parent in self.parents.items() if parent and pid not in self.parents.values()]

    def check(self, when: str) -> None:
        """Frames are shared exactly within groups, and hold what their group's processes wrote."""
        pages = {pid: self.puppets.pages(pid) for pid in self.groups}
        with self.machine.stopped():
            sharers = self._check_frames(pages, when)
        for frame, count in sharers.items():
            check(expected=count, seen=references(self.machine, frame), what=f"{when}: references of frame {frame:#x}, mapped by {count} processes",
                  hint="each entry that maps a frame holds one reference: frame_get() when fork shares, frame_put() when a copy replaces")

    def _check_frames(self, mapped: dict[int, dict[int, Mapping]], when: str) -> dict[int, int]:
        """Compares frames and contents; for each frame of the area how many processes share it."""
        owners: dict[int, int] = {}  # frame -> group
        frames: dict[int, int] = {}  # group -> frame
        counts: dict[int, int] = {}
        for pid, pages in mapped.items():
            for number, group in enumerate(self.groups[pid]):
                page = self.area + number * PAGE
                check_that(page in pages, expected="mapped", seen="not mapped", what=f"{when}: page {page:#x} of process {pid}")
                frame = pages[page].physical
                check(expected=frames.setdefault(group, frame), seen=frame, hint=COPY_HINT,
                      what=f"{when}: the frame of page {page:#x} in process {pid}, shared with a relative since nobody wrote")
                check(expected=group, seen=owners.setdefault(frame, group), hint=COPY_HINT,
                      what=f"{when}: the sharers of frame {frame:#x}, page {page:#x} of process {pid} (numbers of groups)")
                counts[frame] = sum(groups[number] == group for groups in self.groups.values())
                check_that(counts[frame] == 1 or not pages[page].writable, expected="read-only", seen="writable", hint=SHARE_HINT,
                           what=f"{when}: page {page:#x} of process {pid}, whose frame {counts[frame]} processes share")
                content = page_bytes(pattern_word(self.seed, number), self.changes[pid][number])
                check_content(self.machine, frame, content, f"{when}: page {page:#x} of process {pid}")
        return counts


@item("A4", points=3)
def test_three_generations(machine: Machine, rng: random.Random) -> None:
    """fork in the child of a child, then a fan: sharing, separation and references all along."""
    family = Family(machine, rng, 6)
    first = next(iter(family.parents))
    child = family.fork(first)
    family.poke(child)
    grandchild = family.fork(child)
    family.check("after a chain of forks")
    for pid in (grandchild, first, child):
        family.poke(pid)
        family.poke(pid)
    family.check("after writes in all three generations")
    for _ in range(2):
        family.fork(first)
    family.check("after a fan of forks")
    for pid in list(family.parents):
        family.poke(pid)
    family.check("after a write in each of five processes")
    while leaves := family.leaves():
        family.leave(rng.choice(leaves))
    family.check("after all descendants exited")


@item("A4", points=4)
def test_random_families(machine: Machine, rng: random.Random) -> None:
    """A random history of forks, writes and exits; the host knows who must share what."""
    family = Family(machine, rng, 5)
    for step in range(48):
        pid = rng.choice(list(family.parents))
        action = rng.choice(["poke"] * 5 + ["fork"] * 2 + ["leave"] * 2)
        if action == "fork" and len(family.parents) < 7:
            family.fork(pid)
        elif action == "leave" and family.leaves():
            family.leave(rng.choice(family.leaves()))
        else:
            family.poke(pid)
        if step % 16 == 15:
            family.check(f"after {step + 1} random steps with {len(family.parents)} processes alive")
    for pid in family.parents:
        changes = {number * PAGE + offset: word for number, change in enumerate(family.changes[pid]) for offset, word in change.items()}
        check(expected=area_sum(family.seed, family.count, changes), seen=family.puppets.do(pid, "sum", family.area, family.count),
              what=f"the sum over the area as process {pid} reads it")


@item("A4", points=1)
def test_pages_are_counted_by_kind(machine: Machine, rng: random.Random) -> None:
    """The counters of copy_on_write.h tell what became of pages: shared, copied, used in place, zeros filled and mapped."""
    puppets = Puppets(machine)
    parent = puppets.start()
    for _ in range(2):  # so that the puppet's own pages are there, and fork's have been separated
        puppets.leave(child := puppets.fork(parent))
        puppets.reap(parent, child)
    count = rng.randrange(12, 24)
    read, area = puppets.area(parent, count), puppets.area(parent, count)
    puppets.do(parent, "peek", read)
    puppets.do(parent, "poke", area, 1)

    def counted(*operations: tuple[int, str, int]) -> dict[str, int]:
        """How far the counters move; what the puppet itself does is done before."""
        before = {**counters(machine, "cow"), **counters(machine, "faults.zero")}
        for operation in operations:
            puppets.do(*operation, *([1] if operation[1] == "poke" else []))
        now = {**counters(machine, "cow"), **counters(machine, "faults.zero")}
        return {name: now[name] - before[name] for name in now}

    pages = [area + number * PAGE for number in range(1, count)]
    expected = dict.fromkeys(("cow.shared", "cow.copied", "cow.reused", "faults.zero_filled", "faults.zero_mapped"), 0)
    check(expected={**expected, "faults.zero_mapped": count - 1}, seen=counted(*((parent, "peek", page - area + read) for page in pages)),
          what=f"the counters around reads of {count - 1} untouched pages")
    check(expected={**expected, "faults.zero_filled": count - 1}, seen=counted(*((parent, "poke", page) for page in pages)),
          what=f"the counters around writes to {count - 1} untouched pages")
    writable = sum(page.writable for page in puppets.pages(parent).values())
    before = counters(machine, "cow")["cow.shared"]
    child = puppets.fork(parent)
    shared = counters(machine, "cow")["cow.shared"] - before
    check_that(count - 1 <= shared <= writable + OWN_PAGES, expected=f"about {writable}, the writable pages before", seen=shared,
               what="cow.shared around fork")
    puppets.wait_meanwhile(parent, child)
    puppets.do(child, "poke", area, 1)
    check(expected={**expected, "cow.copied": count - 1}, seen=counted(*((child, "poke", page) for page in pages)),
          what=f"the counters around writes of the child's to {count - 1} shared pages")
    grandchild = puppets.fork(child)
    puppets.leave(grandchild)
    puppets.reap(child, grandchild)
    puppets.do(child, "poke", area, 1)
    check(expected={**expected, "cow.reused": count - 1}, seen=counted(*((child, "poke", page) for page in pages)),
          what=f"the counters around writes to {count - 1} pages whose other sharer is gone")
