"""D3: work goes to where processors are free."""

from __future__ import annotations

import random
from collections.abc import Callable

from grading.grader.rubric import item
from grading.judge.check import check
from grading.tests.d.shares import Counters

SHIFT = 4
ENOUGH = 40_000_000
LOOKS = 300


def check_that_all_work(counters: Counters, cpus: int, when: str) -> None:
    """At some moment each processor is in a process of its own."""
    most = 0
    for _ in range(LOOKS):
        most = max(most, sum(pid is not None for pid in counters.running()))
        if most == cpus:
            return
        counters.machine.channel.command("metrics sched.switches")
    check(expected=cpus, seen=most, what=f"processors that run a process at the same moment, {when}")


@item("D3", points=3)
def test_every_processor_gets_work(counters_on: Callable[..., Counters], rng: random.Random) -> None:
    """With as many processes as processors, each has one."""
    cpus = rng.randint(2, 4)
    counters = counters_on(cpus, icount=SHIFT)
    counters.start(cpus)
    check_that_all_work(counters, cpus, f"with {cpus} processes")


@item("D3", points=3)
def test_processors_share_alike(counters_on: Callable[..., Counters], rng: random.Random) -> None:
    """Twice as many processes as processors: each processor has two, and keeps them."""
    cpus = rng.randint(2, 4)
    counters = counters_on(cpus, icount=SHIFT)
    counters.start(2 * cpus)
    counters.gains(ENOUGH)
    seen = counters.seen_on_each(LOOKS)
    check(expected=[2] * cpus, seen=[len(pids) for pids in seen], what=f"processes that each of {cpus} processors ran, of {2 * cpus}")
    check(expected=2 * cpus, seen=len(set().union(*seen)), what="processes that ran at all")


@item("D3", points=3)
def test_work_moves_to_who_has_none(counters_on: Callable[..., Counters], rng: random.Random) -> None:
    """A processor whose processes end takes over those of others."""
    cpus = rng.randint(2, 4)
    counters = counters_on(cpus, icount=SHIFT)
    counters.start(2 * cpus)
    counters.gains(ENOUGH)
    for pid in rng.choice(counters.seen_on_each(LOOKS)):
        counters.stop(pid)
    check_that_all_work(counters, cpus, "after all processes of one were killed")


@item("D3", points=3)
def test_loads_are_evened_out(counters_on: Callable[..., Counters], rng: random.Random) -> None:
    """A processor that has two processes more than another gives it one."""
    counters = counters_on(2, icount=SHIFT)
    counters.start(6)
    counters.gains(ENOUGH)
    on_one = rng.choice(counters.seen_on_each(LOOKS))
    for pid in sorted(on_one)[:2]:
        counters.stop(pid)
    counters.gains(ENOUGH)
    check(expected=[2, 2], seen=[len(pids) for pids in counters.seen_on_each(LOOKS)],
          what="processes that each of two processors runs, after two of one's three were killed")
