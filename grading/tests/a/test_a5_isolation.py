"""A5: processes are isolated, from power-on through GRUB to what the processor has in CR3; and the
student's own tests notice when they aren't."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from grading.course.mutants import Mutant, visible_mutants
from grading.grader.foundations import stands_on
from grading.grader.own_tests import catch, complaints, correct_in_words, notice_anything
from grading.grader.rubric import hidden_names, item
from grading.grader.run import Run
from grading.judge.check import check, check_that
from grading.machine.machine import Machine
from grading.tests.a import outside
from grading.tests.a.disk import disk_image
from grading.tests.a.pattern import PAGE, area_sum
from grading.tests.a.puppets import FORK, PROCESS, Puppets
from grading.tests.a.tables import FRAME_MASK, draw_word

pytestmark = stands_on(PROCESS, FORK)

LOOKS = 3000  # at the processor, until all processes were seen running
# Seconds at most between an answer of the kernel's and a look. An answer always comes in the same place of the
# round of time slices (10 ms of guest time each); some slices later it may be anybody's turn.
PAUSE = 0.05


@item("A5", points=6)
def test_isolation_from_grub_on(cairn_run: Run, boot: Callable[..., Machine], rng: random.Random) -> None:
    """Booted by GRUB from the disk: two strangers and their children, each with its own memory."""
    machine = boot(boot="grub", disk=disk_image(cairn_run))
    puppets = Puppets(machine)
    count = 10
    seeds: dict[int, int] = {}
    areas: dict[int, int] = {}
    changes: dict[int, dict[int, int]] = {}
    for _ in range(2):
        pid = puppets.start()
        seeds[pid] = draw_word(rng)
        areas[pid] = puppets.area(pid, count, seeds[pid])
        changes[pid] = {}
    strangers = list(seeds)
    for pid in strangers:
        child = puppets.fork(pid)
        seeds[child], areas[child], changes[child] = seeds[pid], areas[pid], {}
    for _ in range(24):
        pid, offset, word = rng.choice(list(seeds)), rng.randrange(0, count * PAGE, 8), draw_word(rng)
        puppets.do(pid, "poke", areas[pid] + offset, word)
        changes[pid][offset] = word
    for pid in seeds:
        check(expected=area_sum(seeds[pid], count, changes[pid]), seen=puppets.do(pid, "sum", areas[pid], count),
              what=f"the sum over the area of process {pid}")
    first, second = (puppets.pages(pid) for pid in strangers)
    mine = {page.physical for page in first.values() if page.writable}
    theirs = {page.physical for page in second.values()}
    check(expected=set(), seen=mine & theirs, what="frames that one process may write to and a stranger maps")
    roots = {pid: puppets.root(pid) for pid in seeds}
    check(expected=len(roots), seen=len(set(roots.values())), what="different page tables of four processes")


@item("A5", points=4)
def test_the_processor_uses_each_process_table(machine: Machine, rng: random.Random) -> None:
    """While a process runs in user mode, CR3 holds its own root, and its code is mapped there."""
    puppets = Puppets(machine)
    parent = puppets.start()
    marks: dict[int, int] = {}
    roots: dict[int, int] = {}
    for pid in (puppets.start(), parent, puppets.fork(parent)):
        mark = draw_word(rng)
        marks[mark], roots[pid] = pid, puppets.root(pid)
        puppets.do(pid, "spin", mark)
    check(expected=3, seen=len(set(roots.values())), what="different page tables of three processes")
    seen: set[int] = set()
    for _ in range(LOOKS):
        puppets.processes()  # a round trip through the guest: all get their turns
        time.sleep(rng.uniform(0, PAUSE))
        with machine.stopped():
            registers = machine.registers()
            pid = marks.get(registers.gprs["rbx"])
            if registers.cpl != 3 or pid is None:
                continue
            check(expected=roots[pid], seen=registers.cr3 & FRAME_MASK, what=f"the table in CR3 while process {pid} runs in user mode")
            page = outside.page_of(machine, registers.cr3, registers.rip)
            check_that(page and page.user and page.executable and not page.writable, expected="code of user mode, read-only",
                       seen=str(page), what=f"the page of process {pid}'s instruction, {registers.rip:#x}")
            seen.add(pid)
        if len(seen) == len(roots):
            break
    check(expected=set(roots), seen=seen, what="processes seen running in user mode")


@stands_on()
@item("A5", points=2)
def test_isolation_tests_accept_a_correct_kernel(cairn_run: Run, boot: Callable[..., Machine]) -> None:
    """Your tests in tests/isolation_*.c exit with 0 on a correct kernel, three times, and not on every kernel."""
    check(expected=[], seen=complaints(cairn_run, boot, "A5"), what=f"your isolation tests that fail on {correct_in_words(cairn_run)}",
          hint="a test exits with 0 when memory is isolated as it should be, otherwise with 1")
    check_that(not visible_mutants("a") or notice_anything(cairn_run, boot), expected="a failure on at least one",
               seen="success on all", what="your isolation tests on the hidden kernels, each of which has a mistake")


@pytest.mark.parametrize("mutant", visible_mutants("a") or [None], ids=hidden_names(visible_mutants("a")))
@stands_on()
@item("A5", points=1)
def test_isolation_tests_catch(mutant: Mutant | None, cairn_run: Run, boot: Callable[..., Machine]) -> None:
    """Your isolation tests fail on a kernel with a known mistake (which they may find by any symptom)."""
    check(expected=[], seen=complaints(cairn_run, boot, "A5"), what=f"your isolation tests that fail on {correct_in_words(cairn_run)}, where they must pass")
    if mutant is None:
        return  # the hidden kernels are the instructor's; there your tests meet them
    check_that(catch(cairn_run, boot, mutant) and notice_anything(cairn_run, boot), expected="at least one test exits with 1",
               seen="all exit with 0", what="your isolation tests on this hidden kernel")
