"""Threads and futexes: programs of many threads answer as on Linux wherever the timer's interrupts fall, and leave nothing behind."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from grading import ROOT
from grading.machine.machine import Machine
from grading.suite.conftest import run_make
from grading.suite.samples import ALL_SLICE_SEEDS, SLICE_SEEDS
from grading.suite.test_calls import USER, differences, lines, lines_on_linux

CASES = {"futexes": 140, "threads": 65, "pthread_locks": 85, "pthread_waits": 35, "affinity": 35}  # lines of each, at least


def futex_counts(machine: Machine) -> dict[str, int]:
    reply = machine.channel.command("metrics futex")
    return {name: reply.number(f"futex.{name}") for name in ("waits", "wakes", "given_up")}


LEAF_PIDS, LEAF_BYTES = 128, 4096  # of the table of pids, which keeps a leaf for each range that was ever reached


def newest_pid(machine: Machine) -> int:
    return machine.channel.command("run hello").number("pid")


def census(machine: Machine) -> list[str]:
    """Frames by use, but those that are kept for the next process, and bytes on the heap, but the table of pids."""
    kept = ("use=stack", "use=heap", "use=program", "use=cache", "total=")
    *frames, heap = [line for line in machine.channel.command("frames").lines if not line.startswith(kept)]
    leaves = newest_pid(machine) // LEAF_PIDS + 1
    return [*frames, f"heap {int(heap.removeprefix('heap bytes=')) - leaves * LEAF_BYTES}"]


def run(machine: Machine, program: str) -> list[str]:
    """What it says."""
    start = len(machine.console.text)
    machine.channel.command(f"run {program}")
    return lines(machine.console.text[start:])


def compare(machine: Machine, folder: Path) -> None:
    for program, wanted in CASES.items():
        expected = lines_on_linux(program, folder)
        assert len(expected) >= wanted
        assert differences(expected, run(machine, program)) == ""
    counts = futex_counts(machine)
    assert counts["waits"] == counts["wakes"] + counts["given_up"] > 100


def test_threads_answer_as_on_linux_and_leave_nothing(complete: Path, tmp_path: Path) -> None:
    run_make(ROOT, "programs")
    with Machine(complete / "kernel.elf", initrd=USER / "programs.cpio", options="channel") as machine:
        compare(machine, tmp_path)
        newest_pid(machine)  # all that runs later has run once
        counts = []
        for _ in range(2):
            for program in CASES:
                run(machine, program)
            counts.append(census(machine))
        assert counts[0] == counts[1]


def test_threads_answer_as_on_linux_wherever_slices_end(complete: Path, tmp_path: Path, seed: int, request: pytest.FixtureRequest) -> None:
    """More of the guest's time passes with each instruction than on a real machine, so that its slices are short; and where
    they begin depends on what ran before."""
    run_make(ROOT, "programs")
    seeds = ALL_SLICE_SEEDS if request.config.getoption("--all") else SLICE_SEEDS
    for each in range(seed, seed + seeds):
        rng = random.Random(each)
        with Machine(complete / "kernel.elf", initrd=USER / "programs.cpio", options="channel", icount=rng.randint(3, 9)) as machine:
            for _ in range(rng.randrange(8)):
                machine.channel.command("run hello")
            compare(machine, tmp_path)
