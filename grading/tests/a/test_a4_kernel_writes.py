"""A4: the kernel writes to user memory (system calls' results): copy-on-write holds there, too."""

from __future__ import annotations

import random

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.machine.machine import Machine
from grading.tests.a.census import Census, references
from grading.tests.a.layout import check_content
from grading.tests.a.pattern import PAGE, page_bytes, pattern_word
from grading.tests.a.puppets import FORK, PROCESS, PROT_RW, Puppets
from grading.tests.a.tables import draw_word

pytestmark = stands_on(PROCESS, FORK)

HINT = "the kernel writes with CR0.WP set, so its write faults like the program's; handle_page_fault() treats both alike"
# System calls that write to memory, and how many bytes at least.
CALLS = {"clock": 16, "sigmask": 8, "getfs": 8, "uname": 65 * 6, "waitinto": 4, "readin": 8}


class Pair:
    """A parent and a child that share an area; what each page of it should hold in both."""

    def __init__(self, machine: Machine, rng: random.Random, count: int) -> None:
        self.machine, self.rng, self.count = machine, rng, count
        self.puppets = Puppets(machine)
        self.parent = self.puppets.start()
        self.seed = draw_word(rng)
        self.area = self.puppets.area(self.parent, count, self.seed)
        self.child = self.puppets.fork(self.parent)
        self.original = self.puppets.pages(self.parent)

    def call(self, name: str, writer: int, address: int) -> None:
        """Makes the kernel write at `address` on behalf of `writer`."""
        if name == "readin":
            text = f"text {draw_word(self.rng):x}"
            line = self.puppets.read_line(writer, address, text)
            seen = self.machine.read_phys(self.puppets.pages(writer)[address & -PAGE].physical + address % PAGE, len(line))
            check(expected=line, seen=seen, what=f"the line that read() put at {address:#x}")
            return
        if name == "waitinto":
            status = self.rng.randrange(1, 256)
            grandchild = self.puppets.do(writer, "vfork", status)
            check(expected=grandchild, seen=self.puppets.do(writer, "waitinto", address), what="the pid that wait4() returned")
            seen = self.machine.read_phys(self.puppets.pages(writer)[address & -PAGE].physical + address % PAGE, 4)
            check(expected=status << 8, seen=int.from_bytes(seen, "little"), what=f"the status that wait4() put at {address:#x}")
            return
        self.puppets.do(writer, name, address)

    def check_separated(self, name: str, writer: int, address: int, touched: list[int]) -> None:
        """The pages touched have a frame of their own in the writer; elsewhere nothing changed."""
        mine, theirs = self.puppets.pages(writer), self.puppets.pages(self.other(writer))
        for number in touched:
            page, content = self.area + number * PAGE, page_bytes(pattern_word(self.seed, number))
            what = f"page {page:#x} after {name} wrote to it in the other process"
            check(expected=self.original[page].physical, seen=theirs[page].physical, what=f"the frame of {what}", hint=HINT)
            check_content(self.machine, theirs[page].physical, content, what, HINT)
            what = f"page {page:#x} in the process for which {name} wrote to {address:#x}"
            check_that(mine[page].physical != theirs[page].physical, expected="a frame of its own", seen="the shared one", what=what, hint=HINT)
            seen = self.machine.read_phys(mine[page].physical, PAGE)
            check_that(seen != content, expected="something written", seen="the old content", what=what)
            start, end = max(address, page) - page, min(address + max(CALLS[name], 64), page + PAGE) - page
            check(expected=(content[:start], content[end:]), seen=(seen[:start], seen[end:]), hint="the copy takes the whole page",
                  what=f"the bytes before {start:#x} and from {end:#x} on of {what}")

    def other(self, pid: int) -> int:
        return self.child if pid == self.parent else self.parent


@item("A4", points=4)
def test_system_calls_separate_pages(machine: Machine, rng: random.Random) -> None:
    """read, clock_gettime, uname, wait4 and others write into shared pages: only the caller sees it."""
    pair = Pair(machine, rng, 3 * len(CALLS))
    slots = rng.sample(range(len(CALLS)), len(CALLS))
    writers = rng.sample([pair.parent, pair.child] * len(CALLS), len(CALLS) - 2) + rng.sample([pair.parent, pair.child], 2)
    for slot, name, writer in zip(slots, rng.sample(list(CALLS), len(CALLS)), writers):
        number = 3 * slot + 1
        address = pair.area + number * PAGE + rng.randrange(0, PAGE - 512, 8)
        pair.call(name, writer, address)
        pair.check_separated(name, writer, address, [number])


@item("A4", points=2)
def test_system_calls_across_pages(machine: Machine, rng: random.Random) -> None:
    """A result that straddles two shared pages separates both; bad addresses are EFAULT, nothing else."""
    pair = Pair(machine, rng, 8)
    for number, writer in ((1, pair.parent), (5, pair.child)):
        address = pair.area + (number + 1) * PAGE - rng.randrange(66, 320)
        pair.call("uname", writer, address)
        pair.check_separated("uname", writer, address, [number, number + 1])

    puppets = pair.puppets
    read_only = puppets.area(pair.parent, 2, draw_word(rng))
    check(expected=0, seen=puppets.do(pair.parent, "mprotect", read_only, 2, 1), what="mprotect to read-only")
    frames = [puppets.pages(pair.parent)[read_only + i * PAGE].physical for i in range(2)]
    content = [machine.read_phys(frame, PAGE) for frame in frames]
    for what, address in (("a read-only page", read_only + 8 * rng.randrange(400)), ("no page", 8 * rng.randrange(1, 500)),
                          ("the kernel half", 0xFFFF_8000_0000_0000 + 8 * rng.randrange(1 << 20))):
        for call in ("clock", "uname", "sigmask"):
            check(expected=14, seen=puppets.ask(pair.parent, call, address).errno,
                  what=f"errno of {call} with the address of {what}, {address:#x} (14 is EFAULT)",
                  hint="copy-on-write makes a page writable only if its region permits writing")
    check(expected=content, seen=[machine.read_phys(frame, PAGE) for frame in frames], what="the read-only pages' bytes")


@item("A4", points=3)
def test_zero_page(machine: Machine, rng: random.Random) -> None:
    """Pages that are only read share the zero page; a write, by program or kernel, gets a private frame."""
    puppets = Puppets(machine)
    parent = puppets.start()
    count = 16
    area = puppets.area(parent, count)
    zero = machine.channel.command("frame zero").number("frame")
    before, zero_references = Census.take(machine).user, references(machine, zero)
    check(expected=0, seen=puppets.do(parent, "sum", area, count), what="the sum over pages never written")
    check(expected=zero_references + count, seen=references(machine, zero), hint="each entry that maps a frame holds a reference",
          what=f"references of the zero page after {count} more pages map it")
    check(expected=before, seen=Census.take(machine).user, what="frames of user memory after reading pages never written",
          hint="a read of an untouched page maps the shared zero page, read-only")
    pages = puppets.pages(parent)
    for page in range(area, area + count * PAGE, PAGE):
        check_that(page in pages, expected="mapped", seen="not mapped", what=f"page {page:#x} after a read")
        check(expected=zero, seen=pages[page].physical, what=f"the frame of page {page:#x} after a read (`frame zero`)")
        check(expected=False, seen=pages[page].writable, what=f"whether page {page:#x} is writable after a read")
    child = puppets.fork(parent)
    written: dict[int, set[int]] = {parent: set(), child: set()}
    turns = [(pid, by_program) for pid in (parent, child) for by_program in (True, False)] * 2
    for number, (pid, by_program) in zip(rng.sample(range(count), len(turns)), turns):
        page, offset = area + number * PAGE, rng.randrange(0, PAGE - 16, 8)
        if by_program:
            word = draw_word(rng)
            puppets.do(pid, "poke", page + offset, word)
            content = page_bytes(0, {offset: word})
        else:
            puppets.do(pid, "getfs", page + offset)
            frame = puppets.pages(pid)[page].physical
            content = page_bytes(0, {offset: int.from_bytes(machine.read_phys(frame + offset, 8), "little")})
        written[pid].add(page)
        mapping = puppets.pages(pid)[page]
        check_that(mapping.physical != zero, expected="a frame of its own", seen="the zero page",
                   what=f"the frame of page {page:#x} after a write")
        check_content(machine, mapping.physical, content, f"page {page:#x} after a write to an untouched page")
    for pid in (parent, child):
        pages = puppets.pages(pid)
        for page in range(area, area + count * PAGE, PAGE):
            if page not in written[pid]:
                check(expected=(zero, False), seen=(pages[page].physical, pages[page].writable),
                      what=f"frame and writability of page {page:#x} in process {pid}, which didn't write to it")
    check_content(machine, zero, bytes(PAGE), "the shared zero page")
    used = puppets.area(parent, 64, draw_word(rng))  # so that what is free has something in it
    puppets.do(parent, "munmap", used, 64)
    fresh = puppets.do(parent, "mmap", 16, PROT_RW)
    for page in range(fresh, fresh + 16 * PAGE, PAGE):
        puppets.do(parent, "poke", page + 8, 1)
        check_content(machine, puppets.pages(parent)[page].physical, page_bytes(0, {8: 1}), "a page whose first access is a write")
