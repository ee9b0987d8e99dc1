"""A4: pages of 2 MiB in processes: fork shares them, writes split them, and 4 KiB take their place where they don't fit."""

from __future__ import annotations

import random

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.machine.machine import Machine
from grading.tests.a import outside
from grading.tests.a.census import Census
from grading.tests.a.layout import SHARE_HINT
from grading.tests.a.pattern import PAGE, area_sum
from grading.tests.a.puppets import FORK, MAP_HUGETLB, OWN_PAGES, PROCESS, PROT_RW, Puppets
from grading.tests.a.tables import ENTRIES, LARGE, address_of, draw_word

pytestmark = stands_on(PROCESS, FORK)


@item("A4", points=2)
def test_large_pages_of_processes(machine: Machine, rng: random.Random) -> None:
    """fork shares a 2 MiB page as one; a write splits it and copies only the 4 KiB written to."""
    puppets = Puppets(machine)
    parent = puppets.start()
    seed, count = draw_word(rng), LARGE // PAGE
    used = puppets.do(parent, "mmap", count, PROT_RW, 0, MAP_HUGETLB)
    puppets.do(parent, "fill", used, count, draw_word(rng))  # so that 2 MiB that are free have something in them
    puppets.do(parent, "munmap", used, count)
    area = puppets.do(parent, "mmap", count, PROT_RW, 0, MAP_HUGETLB)
    check(expected=0, seen=puppets.do(parent, "peek", area + 8 * rng.randrange(LARGE // 8)), what="a word of a new 2 MiB page")
    check(expected=0, seen=puppets.do(parent, "sum", area, count), what="the sum over a new 2 MiB page")
    puppets.do(parent, "fill", area, count, seed)
    memory = outside.user_half(machine, puppets.root(parent)).get(area)
    check(expected=LARGE, seen=memory.size if memory else "not mapped", what=f"the size of the page at {area:#x} (bytes)",
          hint="a fault in a region of 2 MiB pages maps a zeroed 2 MiB page if one can be had")
    before = Census.take(machine).user
    child = puppets.fork(parent)
    for pid, who in ((parent, "the parent"), (child, "the child")):
        page = outside.user_half(machine, puppets.root(pid)).get(area)
        check(expected=(memory.physical, LARGE, False), seen=(page.physical, page.size, page.writable) if page else "not mapped",
              what=f"memory, size and writability of the 2 MiB page in {who} after fork", hint=SHARE_HINT)
    check_that(Census.take(machine).user - before <= OWN_PAGES, expected=f"at most {OWN_PAGES} more", seen=Census.take(machine).user,
               what="frames of user memory after fork")
    writes: dict[int, dict[int, int]] = {parent: {}, child: {}}
    for pid, number in zip((child, parent, child), rng.sample(range(count), 3)):
        offset, word = number * PAGE + rng.randrange(0, PAGE, 8), draw_word(rng)
        user = Census.take(machine).user
        puppets.do(pid, "poke", area + offset, word)
        writes[pid][offset] = word
        check(expected=user + 1, seen=Census.take(machine).user, hint="split the 2 MiB page, then copy the 4 KiB written to",
              what="frames of user memory after a write to 4 KiB of a shared 2 MiB page")
        for other, who in ((parent, "the parent"), (child, "the child")):
            check(expected=area_sum(seed, count, writes[other]), seen=puppets.do(other, "sum", area, count),
                  what=f"the sum over the 2 MiB as {who} reads them")
    puppets.leave(child)
    puppets.reap(parent, child)
    check(expected=before, seen=Census.take(machine).user, what="frames of user memory after the child exited")


@item("A4", points=1)
def test_large_pages_where_they_do_not_fit(machine: Machine, rng: random.Random) -> None:
    """Where a region has no room for 2 MiB, or memory no run or no table for one, it gets 4 KiB pages, and nothing is lost."""
    puppets = Puppets(machine)
    pid = puppets.start()
    count = LARGE // PAGE
    area = puppets.do(pid, "mmap", 2 * count, PROT_RW, 0, MAP_HUGETLB)
    kept = count + rng.randrange(1, count)
    puppets.do(pid, "munmap", area + kept * PAGE, 2 * count - kept)
    for number in (0, count):  # so that there are tables for both
        puppets.do(pid, "poke", area + number * PAGE, 1)
    sizes = {page - area: mapping.size for page, mapping in outside.user_half(machine, puppets.root(pid)).items() if area <= page < area + 2 * LARGE}
    check(expected={0: LARGE, LARGE: PAGE}, seen=sizes, what=f"the pages of a region of 2 MiB pages, {kept * PAGE:#x} bytes long, two of them touched",
          hint="a 2 MiB page must lie in its region as a whole")
    for failing in (1, 2, 3):  # the run itself, a table for it, or one for the 4 KiB page
        start = address_of(rng.randrange(1, 200), rng.randrange(ENTRIES), rng.randrange(ENTRIES), 0)
        puppets.do(pid, "mmap", count, PROT_RW, start, MAP_HUGETLB)
        before = Census.take(machine)
        machine.channel.command(f"fail allocation {failing}")
        answer = puppets.ask(pid, "clock", start)  # the kernel writes: out of memory isn't the end of the process
        machine.channel.command("fail allocation 0")
        page = puppets.pages(pid).get(start)
        if failing < 3:
            check(expected=(0, PAGE), seen=(answer.result, page.size if page else None), hint="4 KiB pages need no run of 512 frames",
                  what=f"clock_gettime() into a region of 2 MiB pages with allocation {failing} failing, and the page's size")
        check(expected=before.user + (page.size // PAGE if page else 0), seen=Census.take(machine).user,
              what=f"frames of user memory after allocation {failing} failed", hint="give back the run that can't be mapped")
        puppets.do(pid, "munmap", start, count)
        check(expected=before.user, seen=Census.take(machine).user, what="frames of user memory after munmap")
