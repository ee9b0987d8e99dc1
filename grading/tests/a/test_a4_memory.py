"""A4: references, many forks, large processes, no memory, permissions, and giving everything back."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.machine.machine import Machine
from grading.tests.a import outside
from grading.tests.a.census import Census, references
from grading.tests.a.layout import check_census, check_content
from grading.tests.a.pattern import PAGE, area_sum, page_bytes, pattern_word
from grading.tests.a.puppets import FORK, PROCESS, PROT_RW, READ, Puppets
from grading.tests.a.tables import FRAME_MASK, draw_word, new_frame

pytestmark = stands_on(PROCESS, FORK)

ENOMEM, SIGSEGV = 12, 11
REFS_HINT = "frame_get() for each entry that comes to map the frame, frame_put() for each that goes"


@stands_on()
@item("A4", points=2)
def test_reference_counts(machine: Machine, rng: random.Random) -> None:
    """frame_get(), frame_put() and frame_references() count; the last put frees the frame."""
    new_frame(machine)
    free = Census.take(machine).free
    frames = {new_frame(machine): 1 for _ in range(6)}
    check(expected=6, seen=len(frames), what="different frames among six allocated")
    for _ in range(120):
        frame = rng.choice(sorted(frames))
        grow = rng.random() < 0.5 or frames[frame] == 1
        frames[frame] += 1 if grow else -1
        reply = machine.channel.command(f"frame {'get' if grow else 'put'} {frame:#x}")
        check(expected=frames[frame], seen=reply.number("references"), what=f"references of {frame:#x} after `{reply.command}`")
    check(expected=free - 6, seen=Census.take(machine).free, what="free frames while six have references")
    for frame, count in frames.items():
        check(expected=count, seen=references(machine, frame), what=f"references of {frame:#x}")
        for left in range(count - 1, -1, -1):
            reply = machine.channel.command(f"frame put {frame:#x}")
            check(expected=left, seen=reply.number("references"), what=f"references of {frame:#x} after frame_put()")
    check(expected=free, seen=Census.take(machine).free, what="free frames after the last frame_put() of each",
          hint="frame_put() frees the frame when its last reference goes, not earlier")


@item("A4", points=3)
def test_references_equal_mappings(machine: Machine, rng: random.Random) -> None:
    """Each frame of processes' own memory has as many references as entries map it, seen from outside."""
    puppets = Puppets(machine)
    family = [puppets.start()]
    count = 12
    area = puppets.area(family[0], count, draw_word(rng))
    puppets.do(family[0], "stack", rng.randrange(2, 6))
    zero = machine.channel.command("frame zero").number("frame")
    for _ in range(4):
        family.append(puppets.fork(rng.choice(family)))
        for number in rng.sample(range(count), 3):
            puppets.do(rng.choice(family), "poke", area + number * PAGE, draw_word(rng))
    hole = rng.randrange(count)
    puppets.do(family[1], "munmap", area + hole * PAGE, 1)

    def compare(when: str) -> None:
        mapped: Counter[int] = Counter()
        own: set[int] = set()
        for pid in family:
            writable = [addresses for addresses, access, _ in puppets.regions(pid) if "w" in access]
            for page, mapping in puppets.pages(pid).items():
                mapped[mapping.physical] += 1
                if any(page in addresses for addresses in writable):
                    own.add(mapping.physical)
        for frame in own - {zero}:
            seen = references(machine, frame)
            # A frame of the program's file that nobody wrote to may be kept by a page cache as well.
            check(expected=mapped[frame], seen=seen, what=f"references of frame {frame:#x}, {when}", hint=REFS_HINT)

    compare("five processes after writes and an munmap")
    last = family.pop()
    parent = int(puppets.processes()[last]["ppid"])
    puppets.leave(last)
    puppets.reap(parent, last)
    compare("after one of five exited")


@item("A4", points=3)
def test_thousands_of_forks(machine: Machine, rng: random.Random) -> None:
    """3,000 forks, many alive at once, each child writing: counts and census come back exactly."""
    puppets = Puppets(machine)
    parent = puppets.start()
    seed, count, batch = draw_word(rng), 8, rng.randrange(8, 16)
    area = puppets.area(parent, count, seed)
    frames = [puppets.pages(parent)[area + i * PAGE].physical for i in range(count)]
    puppets.do(parent, "storm", 2 * batch, batch, area, count)
    before = Census.take(machine)
    forks = 3000 // batch * batch
    expected = sum(pattern_word(seed, i % count) & 0x3F for i in range(forks))
    check(expected=expected, seen=puppets.do(parent, "storm", forks, batch, area, count),
          what=f"the sum of what {forks} children read before they wrote", hint="a child's write must not reach its parent's page")
    check_census(before, Census.take(machine), f"after {forks} forks", REFS_HINT)
    pages = puppets.pages(parent)
    for number, frame in enumerate(frames):
        page = area + number * PAGE
        check(expected=frame, seen=pages[page].physical, what=f"the frame of page {page:#x} after {forks} forks")
        check(expected=1, seen=references(machine, frame), what=f"references of frame {frame:#x} after {forks} forks", hint=REFS_HINT)
        check_content(machine, frame, page_bytes(pattern_word(seed, number)), f"page {page:#x} after {forks} forks")


@item("A4", points=3)
def test_fork_of_more_than_half_of_memory(boot: Callable[..., Machine], rng: random.Random) -> None:
    """A process with 36 of 64 MiB forks: that takes no more than page tables, and content stays right."""
    machine = boot(memory_mib=64)
    puppets = Puppets(machine)
    parent = puppets.start()
    seed, count = draw_word(rng), 36 << 8
    area = puppets.area(parent, count, seed)
    free = Census.take(machine).free
    check_that(free < count, expected=f"less than the area's {count}", seen=free, what="free frames of a machine with 64 MiB")
    child = puppets.fork(parent)
    changes: dict[int, dict[int, int]] = {parent: {}, child: {}}
    for _ in range(24):
        pid, offset, word = rng.choice([parent, child]), rng.randrange(0, count * PAGE, 8), draw_word(rng)
        puppets.do(pid, "poke", area + offset, word)
        changes[pid][offset] = word
    for pid, who in ((parent, "the parent"), (child, "the child")):
        check(expected=area_sum(seed, count, changes[pid]), seen=puppets.do(pid, "sum", area, count),
              what=f"the sum over 36 MiB as {who} reads them")
    puppets.leave(child)
    puppets.reap(parent, child)
    child = puppets.fork(parent)
    check(expected=area_sum(seed, count, changes[parent]), seen=puppets.do(child, "sum", area, count),
          what="the sum over 36 MiB as the second child reads them")
    waiting = puppets.wait_meanwhile(parent, child)
    puppets.crash(child, "fill", area, count, draw_word(rng))  # copies for which there is no memory
    puppets.answer(waiting)
    check(expected=area_sum(seed, count, changes[parent]), seen=puppets.do(parent, "sum", area, count),
          what="the sum over 36 MiB in the parent, after a child that wrote to all of them ran out of memory")


@item("A4", points=4)
def test_out_of_memory_in_fork(machine: Machine, rng: random.Random) -> None:
    """Whichever allocation fails in fork, it is ENOMEM, everything is undone and the process goes on."""
    puppets = Puppets(machine)
    elder = puppets.start()
    seed, count = draw_word(rng), 6
    starts = [rng.randrange(1 << 8, 1 << 16) << 29 for _ in range(3)]
    for start in starts:  # far from each other, so that a child needs many tables
        puppets.do(elder, "mmap", count, PROT_RW, start)
        puppets.do(elder, "fill", start, count, seed)
    parent = puppets.fork(elder)
    puppets.wait_meanwhile(elder, parent)  # from here on only the parent reads lines
    for _ in range(2):  # so that heap, stacks and the parent's own pages have what fork takes
        puppets.reap(parent, puppets.do(parent, "vfork", 0))
        for start in starts:
            puppets.do(parent, "poke", start, pattern_word(seed, 0))
    before, processes = Census.take(machine), set(puppets.processes())
    frames = {page: mapping.physical for page, mapping in puppets.pages(parent).items()}
    failed = 0
    for number in range(1, 100):
        machine.channel.command(f"fail allocation {number}")
        answer = puppets.ask_or_end(parent, "fork")
        machine.channel.command("fail allocation 0")
        if answer is None or answer.result is not None:
            break  # fork needed fewer; the allocation that failed was a copy for parent or child
        failed += 1
        check(expected=ENOMEM, seen=answer.errno, what=f"errno of fork with allocation {number} failing (12 is ENOMEM)")
        check_census(before, Census.take(machine), f"after fork failed at allocation {number}",
                     "the child's part is destroyed: each page it had been given drops its reference")
        check(expected=processes, seen=set(puppets.processes()), what=f"the processes after fork failed at allocation {number}")
        after = {page: mapping.physical for page, mapping in puppets.pages(parent).items()}
        check(expected=frames, seen=after, what=f"the parent's pages and frames after fork failed at allocation {number}")
        puppets.do(parent, "poke", rng.choice(starts), pattern_word(seed, 0))
    check_that(failed >= 8, expected="at least 8: a root and tables for areas far apart", seen=failed,
               what="allocations of fork that can fail")
    others = sorted(set(puppets.processes()) - {elder})
    for pid in others:
        machine.channel.try_command(f"kill {pid}")
    for pid in others:
        puppets.until(pid, "gone")
    for start in starts:
        check(expected=area_sum(seed, count), seen=puppets.do(elder, "sum", start, count),
              what=f"the sum over the area at {start:#x}, shared with the process whose fork failed")
        for page in range(start, start + count * PAGE, PAGE):
            frame = puppets.pages(elder)[page].physical
            check(expected=1, seen=references(machine, frame), hint=REFS_HINT,
                  what=f"references of frame {frame:#x}, mapped once, after failed forks")


@item("A4", points=2)
def test_out_of_memory_in_a_copy(machine: Machine, rng: random.Random) -> None:
    """A write for which no copy can be made may end its process, but never reaches the other's memory."""
    puppets = Puppets(machine)
    parent = puppets.start()
    seed, count = draw_word(rng), 4
    area = puppets.area(parent, count, seed)
    before = Census.take(machine)
    child = puppets.fork(parent)
    waiting = puppets.wait_meanwhile(parent, child)  # from here on only the child reads lines
    puppets.do(child, "poke", area, pattern_word(seed, 0))  # and has copies of its own stack and data
    puppets.do(child, "clock", area + 8)
    page = area + rng.randrange(1, count) * PAGE
    machine.channel.command("fail allocation 1")
    answer = puppets.ask(child, "clock", page)  # the kernel writes: no copy means an error, not a death
    machine.channel.command("fail allocation 0")
    check_that(answer.errno in (ENOMEM, 14), expected="ENOMEM (12) or EFAULT (14)", seen=answer.words,
               what="clock_gettime() into a shared page that can't be copied")
    check_content(machine, puppets.pages(parent)[page].physical, page_bytes(pattern_word(seed, (page - area) // PAGE)),
                  f"page {page:#x} of the parent after that")
    machine.channel.command("fail allocation 1")
    survived = puppets.ask_or_end(child, "poke", page, draw_word(rng))
    machine.channel.command("fail allocation 0")
    if survived:
        puppets.leave(child)
    puppets.answer(waiting)
    check(expected=area_sum(seed, count), seen=puppets.do(parent, "sum", area, count),
          what="the sum over the parent's area after a write in the child that found no memory")
    check_census(before, Census.take(machine), "after the child ended", REFS_HINT)


@item("A4", points=3)
def test_permissions_survive_fork(machine: Machine, rng: random.Random) -> None:
    """Read-only pages stay read-only in parent and child, mprotect holds on shared pages, in one process only."""
    puppets = Puppets(machine)
    parent = puppets.start()
    seed, count = draw_word(rng), 4
    shut, open_ = (puppets.area(parent, count, seed + i) for i in range(2))
    puppets.do(parent, "mprotect", shut, count, READ)

    def check_shut(pid: int, whose: str) -> None:
        pages = puppets.pages(pid)
        writable = [page for page in range(shut, shut + count * PAGE, PAGE) if page in pages and pages[page].writable]
        check(expected=[], seen=writable, what=f"pages of the read-only area that are writable in {whose}")

    check_shut(parent, "the process that called mprotect")
    child = puppets.fork(parent)
    check_shut(parent, "the parent after fork")
    check_shut(child, "the child after fork")
    victim = puppets.fork(child)
    puppets.crash(victim, "poke", shut + rng.randrange(count) * PAGE, 1)
    check(expected=SIGSEGV, seen=puppets.reap(child, victim) & 0x7F,
          what="the signal that ended a process for writing to a read-only area after fork",
          hint="copy-on-write makes a page writable only if its region permits writing")
    # What nobody may touch is kept through a fork, and stays so: no access at all, in either.
    closed = puppets.area(parent, count, seed + 7)
    puppets.do(parent, "mprotect", closed, count, 0)
    heir = puppets.fork(parent)
    victim = puppets.fork(heir)
    puppets.crash(victim, "peek", closed + rng.randrange(count) * PAGE)
    check(expected=SIGSEGV, seen=puppets.reap(heir, victim) & 0x7F, what="the signal for reading where mprotect took all access, after fork")
    for pid, whose in ((parent, "the parent"), (heir, "the child")):
        for page in range(closed, closed + count * PAGE, PAGE):
            mapping = puppets.pages(pid).get(page)
            check(expected=False, seen=bool(mapping and mapping.user), what=f"whether {whose} may use page {page:#x}, after fork")
        puppets.do(pid, "mprotect", closed, count, READ)
        check(expected=area_sum(seed + 7, count), seen=puppets.do(pid, "sum", closed, count), hint="fork shares whatever is mapped",
              what=f"the sum over an area that was closed during fork, opened again in {whose}")
    puppets.leave(heir)
    puppets.reap(parent, heir)
    # Opened in the child alone: writing separates it there; the parent's stays shut and as it was.
    page, word = shut + rng.randrange(count) * PAGE, draw_word(rng)
    puppets.do(child, "mprotect", shut, count, PROT_RW)
    puppets.do(child, "poke", page, word)
    check(expected=area_sum(seed, count, {page - shut: word}), seen=puppets.do(child, "sum", shut, count),
          what="the sum over the area that mprotect opened in the child")
    check(expected=area_sum(seed, count), seen=puppets.do(parent, "sum", shut, count), hint="mprotect must not make a shared frame writable",
          what="the sum over the parent's area, which mprotect opened in the child only")
    # Shut in the parent while shared: the child still writes to its own.
    puppets.do(parent, "mprotect", open_, count, READ)
    page, word = open_ + rng.randrange(count) * PAGE, draw_word(rng)
    puppets.do(child, "poke", page, word)
    check(expected=area_sum(seed + 1, count), seen=puppets.do(parent, "sum", open_, count), what="the sum over the parent's other area")
    victim = puppets.fork(parent)
    puppets.crash(victim, "poke", page, 1)
    check(expected=SIGSEGV, seen=puppets.reap(parent, victim) & 0x7F, what="the signal for writing where mprotect took the right")


@item("A4", points=3)
def test_everything_is_given_back(machine: Machine, rng: random.Random) -> None:
    """munmap frees frames at once, exit and kill free everything, whoever goes first."""
    puppets = Puppets(machine)
    puppets.end(puppets.start())
    before = Census.take(machine)
    parent = puppets.start()
    seed, count = draw_word(rng), 40
    area = puppets.area(parent, count, seed)
    alone = Census.take(machine)
    puppets.do(parent, "munmap", area + 8 * PAGE, 16)
    check(expected=alone.user - 16, seen=Census.take(machine).user, what="frames of user memory after munmap of 16 pages")
    child = puppets.fork(parent)
    shared = Census.take(machine)
    puppets.do(parent, "munmap", area, 8)
    check(expected=shared.user, seen=Census.take(machine).user, what="frames of user memory after munmap of 8 pages that the child shares",
          hint="munmap drops a reference; the child still has one")
    words = [pattern_word(seed, number) for number in range(8)]
    for number, word in enumerate(words):
        check(expected=word, seen=puppets.do(child, "peek", area + number * PAGE + 8 * rng.randrange(512)),
              what=f"a word of page {area + number * PAGE:#x} in the child after munmap in the parent")
    puppets.do(child, "munmap", area, 8)
    check(expected=shared.user - 8, seen=Census.take(machine).user, what="frames of user memory after munmap of the 8 pages in both")
    grandchild = puppets.fork(child)
    puppets.do(child, "poke", area + 30 * PAGE, draw_word(rng))
    puppets.end(parent, child, grandchild)  # in this order
    check_census(before, Census.take(machine), "after the last process ended", REFS_HINT)


def check_address_space(machine: Machine, root: int, text: int, who: str) -> None:
    """The user half maps neither what can be written and executed, nor the kernel or tables; `text` is the program's."""
    kernel = outside.kernel_half(machine, root)
    kernel_text = {frame for page in kernel.values() if page.executable for frame in page.frames()}
    pages = outside.user_half(machine, root)
    tables = {root & FRAME_MASK, *pages.tables}
    check(expected=[], seen=pages.findings, what=f"entries that make no sense in the page table of {who}")
    for what, found in {
            "that are writable and executable": [page for page in pages.values() if page.writable and page.executable],
            "that show the kernel's own text": [page for page in pages.values() if page.physical in kernel_text],
            "that show its own page tables": [page for page in pages.values() if page.physical in tables],
            "of the kernel that it can reach": [page for page in kernel.values() if page.user]}.items():
        check(expected=[], seen=[str(page) for page in found], what=f"pages {what}, in {who}")
    page = pages.at(text)
    check_that(page and page.executable and not page.writable, expected="executable, read-only", seen=str(page),
               what=f"the program's text in {who}")


@item("A4", points=2)
def test_address_spaces_are_safe(machine: Machine, rng: random.Random) -> None:
    """In every process: no page both writable and executable, no kernel page for user code, no stray tables."""
    puppets = Puppets(machine)
    parent = puppets.start()
    puppets.area(parent, 8, draw_word(rng))
    puppets.area(parent, 8)
    puppets.do(parent, "stack", 5)
    text = puppets.ask(parent, "where").number("text")
    check_address_space(machine, puppets.root(parent), text, f"process {parent}, which hasn't forked yet")
    child = puppets.fork(parent)
    puppets.do(child, "poke", puppets.ask(child, "where").number("data"), 1)
    for pid in (parent, child):
        check_address_space(machine, puppets.root(pid), text, f"process {pid} after fork")
    data = puppets.do(child, "mmap", 1, PROT_RW)
    puppets.do(child, "poke", data, 0xC3)  # `ret`, in memory that isn't executable
    puppets.crash(child, "call", data)
    check(expected=SIGSEGV, seen=puppets.reap(parent, child) & 0x7F, what="the signal for jumping into data")
