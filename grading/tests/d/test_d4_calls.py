"""D4: interrupts between processors, calls, and flushes."""

from __future__ import annotations

import random
from collections.abc import Callable

from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.machine.machine import Machine

Boot = Callable[..., Machine]


@item("D4", points=4)
def test_calls_run_once_on_each(boot_smp: Boot, rng: random.Random) -> None:
    """A call runs once on each processor that is asked, however many ask at the same time, and is over when it returns."""
    cpus, threads, rounds = rng.randint(2, 5), rng.randint(2, 9), rng.randrange(100, 200) * 2
    machine = boot_smp(cpus, icount=rng.randrange(4))
    reply = machine.channel.command(f"callstress {threads} {rounds}")
    check(expected=0, seen=reply.number("wrong"), what="calls that ran on other processors than asked, or not once")
    ran = [int(line["ran"]) for line in reply.values()[1:]]
    check(expected=[threads * rounds // 2] + [threads * rounds] * (cpus - 1), seen=ran, what="calls that ran on each processor")


@item("D4", points=4)
def test_no_processor_keeps_a_translation(boot_smp: Boot, rng: random.Random) -> None:
    """After a flush nobody reads through the old translation."""
    cpus, rounds = rng.randint(2, 4), rng.randrange(200, 300)
    machine = boot_smp(cpus, icount=rng.randrange(4))
    reply = machine.channel.command(f"flushstress {cpus} {rounds}")
    check_that(reply.number("reads") >= rounds, expected=f"at least {rounds}", seen=reply.number("reads"), what="reads of the page")
    check(expected=0, seen=reply.number("stale"), what="reads that came after a flush and found the old frame",
          hint="flush_tlb_everywhere(): every processor in active_cpus() runs flush_tlb_here() before it returns")


@item("D4", points=2)
def test_only_those_concerned_are_interrupted(boot_smp: Boot, rng: random.Random) -> None:
    """A flush interrupts processors that have the table loaded, and no others."""
    rounds = rng.randrange(200, 300)
    machine = boot_smp(6, icount=2)
    before = machine.channel.command("metrics interrupts.all").number("interrupts.all")
    machine.channel.command(f"flushstress 2 {rounds}")
    after = machine.channel.command("metrics interrupts.all").number("interrupts.all")
    # One each round; the rest is the channel's, timers' and wake-ups'.
    check_that(after - before < 2 * rounds + 400, expected=f"fewer than {2 * rounds + 400}", seen=after - before,
               what=f"interrupts during {rounds} flushes of a table that one other processor of six has loaded")
