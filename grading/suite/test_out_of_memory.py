"""Memory runs out: one process ends for it, the right one, and the console says why (process/out_of_memory.h)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.machine.machine import Machine
from grading.suite.conftest import run_make
from grading.suite.login import answer, boot, log_in

MEMORY_MIB = 64
LOOKS = 100
FILL = "awk 'BEGIN { while (1) a[i++] = sprintf(\"%100000d\", i) }'"


@pytest.fixture
def machine(complete: Path, root: Path) -> Iterator[Machine]:
    """Little memory, at the monitor."""
    run_make(root, "programs")
    with Machine(complete / "kernel.elf", initrd=root / "build/user/programs.cpio", options="channel", memory_mib=MEMORY_MIB) as running:
        yield running


def start(machine: Machine, mib: int, said: str) -> int:
    """A process that touches so much memory and keeps it; returns its pid once `said` is on the console."""
    pid = machine.channel.command(f"run memory_hog {mib} hold &").number("pid")
    machine.console.wait_for(said)
    return pid


def remain(machine: Machine, *pids: int) -> None:
    """Of all processes only these go on: the one that is to end is on its way, and has nothing to wait for."""
    seen: list[int] = []
    for _ in range(LOOKS):
        alive = [line for line in machine.channel.command("ps").lines if "state=zombie" not in line]
        seen = [int(pid) for pid in re.findall(r"\bpid=(\d+)", "\n".join(alive))]
        if seen == sorted(pids):
            return
    assert seen == sorted(pids)


def test_who_takes_all_memory_ends(machine: Machine) -> None:
    before = machine.channel.command("frames").number("free")
    small = start(machine, 4, r"hog: touched 4 MiB")
    hog = start(machine, 1000, r"out of memory: killed by its write to \w+, with [45]\d{4} KiB of its own")
    remain(machine, small)
    assert f"pid {hog} (memory_hog): out of memory" in machine.console.text
    machine.channel.command(f"kill {small}")
    assert "hog: touched 1000" not in machine.console.text
    remain(machine)
    assert machine.channel.command("frames").number("free") > before - 64


def test_who_has_most_ends_for_who_asks(machine: Machine) -> None:
    free = machine.channel.command("frames").number("free") >> 8  # MiB
    most = free * 7 // 10
    large = start(machine, most, rf"hog: touched {most} MiB")
    small = start(machine, 2, r"hog: touched 2 MiB")
    asking = start(machine, free * 4 // 10, rf"hog: touched {free * 4 // 10} MiB")
    remain(machine, small, asking)
    line = re.search(r"out of memory: pid (\d+) \(memory_hog\) is killed, which has (\d+) KiB of its own; pid (\d+)", machine.console.text)
    assert line and int(line[1]) == large and int(line[3]) == asking and most << 10 <= int(line[2]) < most + 1 << 10
    assert machine.channel.command("metrics process.killed_for_memory").number("process.killed_for_memory") == 1


def test_of_two_alike_the_one_that_asks_ends(machine: Machine) -> None:
    first = start(machine, 30, r"hog: touched 30 MiB")
    start(machine, 35, r"out of memory: killed by its write")
    remain(machine, first)


def test_the_shell_answers_afterwards(complete: Path) -> None:
    """A process of the shell's ends, process 1 and the shell go on, even where they ask for memory meanwhile."""
    with boot(complete) as machine:
        log_in(machine)
        assert "Killed" in answer(machine, FILL)
        assert answer(machine, "ps | grep -c '[a]wk'; readlink /proc/$$/exe; echo $((6 * 7))").split() == ["0", "/bin/busybox", "42"]
        assert "out of memory: killed by its write" in answer(machine, "dmesg")
