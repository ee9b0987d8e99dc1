"""D5: spinlocks and read-copy-update."""

from __future__ import annotations

import random
from collections.abc import Callable

from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.machine.machine import Machine

Boot = Callable[..., Machine]


@item("D5", points=4)
def test_a_lock_has_one_holder(boot_smp: Boot, rng: random.Random) -> None:
    """What a spinlock guards is changed by one at a time, and what one wrote the next one sees."""
    cpus, rounds = rng.randint(2, 6), rng.randrange(1000, 2000)
    threads = cpus * rng.randint(1, 2)
    reply = boot_smp(cpus, icount=rng.randrange(4)).channel.command(f"lockstress {threads} {rounds}")
    check(expected=(threads * rounds, threads * rounds, 0), seen=tuple(map(reply.number, ("first", "second", "torn"))),
          what="two words that each holder adds one to, and how often they differed")


@item("D5", points=3)
def test_a_lock_is_fair(boot_smp: Boot, rng: random.Random) -> None:
    """Processors that want a lock all the time get it equally often."""
    cpus, rounds = rng.randint(3, 5), rng.randrange(1000, 2000)
    reply = boot_smp(cpus, icount=rng.randrange(1, 4)).channel.command(f"lockstress {cpus} {rounds}")
    turns = [int(line["turns"]) for line in reply.values()[1:]]
    check_that(min(turns) >= 0.8 * max(turns), expected="the least at least 80% of the most", seen=turns,
               what=f"how often each of {cpus} processors had the lock before the first was through")


@item("D5", points=4)
def test_a_grace_period_waits_for_readers(boot_smp: Boot, rng: random.Random) -> None:
    """synchronize_rcu() returns once no reader has what was removed before."""
    cpus = rng.randint(2, 4)
    reply = boot_smp(cpus, icount=rng.randrange(4)).channel.command(f"rcustress {cpus} {rng.randrange(100, 200)}")
    check_that(reply.number("reads") > 0, expected="some", seen=reply.number("reads"), what="reads beside the writer")
    check(expected=0, seen=reply.number("spoilt"), what="reads of what was freed while they lasted")
