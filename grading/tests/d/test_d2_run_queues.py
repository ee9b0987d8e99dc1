"""D2: who runs, and for how long."""

from __future__ import annotations

import random
from collections.abc import Callable

from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.tests.d.shares import Counters

SHIFT = 5  # instructions take 32 ns each: a slice is some 300,000 of them
ENOUGH = 30_000_000  # counted together: some hundred slices
COUNTS_IN_HALF_A_SLICE = 40_000  # what a process counts in 5 ms, four instructions each
EQUAL = 0.05  # by how much equal shares may differ
LOOKS = 300


@item("D2", points=4)
def test_equals_get_equal_shares(counters_on: Callable[..., Counters], rng: random.Random) -> None:
    """Processes that want a processor all the time get equal parts of it, within a twentieth."""
    counters = counters_on(2, icount=SHIFT)
    counters.start(2 * rng.randint(3, 5))  # two take turns in any order
    counters.gains(ENOUGH // 10)
    before, seen = counters.read(), counters.seen_on_each(LOOKS)
    now = counters.gains(ENOUGH, before)
    check(expected=[], seen=[pid for pid, gained in now.items() if gained == 0], what="the processes that got nothing")
    for pids in seen:
        gained = [now[pid] for pid in pids]
        fair = sum(gained) / max(len(gained), 1)
        check_that(gained and all(abs(each - fair) <= EQUAL * fair for each in gained),
                   expected=f"each within 5% of {fair:,.0f}", seen=sorted(gained),
                   what=f"what {len(pids)} equal processes counted on a processor that they share")


@item("D2", points=3)
def test_a_sleeper_comes_soon(counters_on: Callable[..., Counters], rng: random.Random) -> None:
    """Who slept runs soon after, however many processes use the processor: he doesn't wait for a slice of each."""
    counters = counters_on(1, icount=SHIFT)  # of several, one's time passes while another has its turn
    (sleeper,) = counters.start(1, "sleeps")
    busy = rng.randint(4, 7)
    counters.start(busy)
    gained = counters.gains(ENOUGH)
    least = (ENOUGH - gained[sleeper]) // COUNTS_IN_HALF_A_SLICE
    check_that(gained[sleeper] > least, expected=f"more than {least}, two for each slice of the others", seen=gained[sleeper],
               what=f"sleeps of a millisecond beside {busy} processes that never sleep")


@item("D2", points=2)
def test_a_processor_without_work_halts(counters_on: Callable[..., Counters]) -> None:
    """A processor halts while it has nothing to do, and its timer doesn't wake it ten times in a slice."""
    counters = counters_on(3, icount=SHIFT)
    machine = counters.machine
    (pid,) = counters.start(1)
    counters.gains(ENOUGH // 10)
    halted = 0
    for _ in range(LOOKS):
        halted = max(halted, sum(each.halted for each in machine.all_registers()))
    check(expected=2, seen=halted, what="processors that halt while one of three has work")
    counters.stop(pid)
    before = machine.channel.command("metrics interrupts.all").number("interrupts.all")
    for _ in range(20):
        machine.channel.command("cpus")
    after = machine.channel.command("metrics interrupts.all").number("interrupts.all")
    check_that(after - before < 2000, expected="fewer than 2000", seen=after - before, what="interrupts while nobody has work")
