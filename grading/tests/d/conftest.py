"""Fixtures of lab D's rubric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from grading.grader.run import Run
from grading.judge.check import check
from grading.machine.machine import Machine
from grading.tests.d.shares import Counters, place_of_word


KERNEL_HALF = 1 << 63
PAGING = 1 << 31  # of CR0: clear in a processor that waits for its start


@pytest.fixture
def boot_smp(boot: Callable[..., Machine]) -> Callable[..., Machine]:
    """boot_smp(4, icount=2): a machine with four processors, all of which run."""

    def start(cpus: int, **arguments: Any) -> Machine:
        machine = boot(smp=f"cpus={cpus}", **arguments)
        check(expected=cpus, seen=len(machine.channel.command("cpus").values()), what="how many processors run (item D1)")
        started = [each.rip >= KERNEL_HALF and each.cr0 & PAGING != 0 or each.cpl == 3 for each in machine.all_registers()]
        check(expected=[True] * cpus, seen=started, what="vCPUs that are in the kernel or a program (item D1)")
        return machine

    return start


@pytest.fixture
def counters_on(boot_smp: Callable[..., Machine], cairn_run: Run) -> Callable[..., Counters]:
    """counters_on(4, icount=2): the same, for programs that count."""
    place = place_of_word(cairn_run.programs)
    return lambda cpus, **arguments: Counters(boot_smp(cpus, **arguments), place)
