"""The kernel core: its own tests, in the usual and the debug build, and processes that misbehave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading import ROOT
from grading.machine.machine import Machine
from grading.suite.conftest import run_make
from grading.suite.rubric_runs import PROGRAMS


@pytest.fixture(scope="module", params=["a", "a-debug"])
def kernel(request: pytest.FixtureRequest) -> Path:
    """The kernel of stage a, built as usual and with DEBUG=1."""
    debug = ["DEBUG=1"] if request.param.endswith("debug") else []
    run_make(ROOT, "kernel", "programs", "LAB=a", *debug)
    return ROOT / "build" / request.param / "kernel.elf"


@pytest.fixture(scope="module")
def machine(kernel: Path) -> Iterator[Machine]:
    with Machine(kernel, initrd=PROGRAMS, options="channel") as running:
        yield running


def test_kernel_tests_pass(machine: Machine) -> None:
    lines = machine.channel.command("ktest").lines
    plan = re.fullmatch(r"1\.\.(\d+)", lines[1])
    assert lines[0] == "KTAP version 1" and plan
    results = [line for line in lines[2:] if not line.startswith("#")]
    assert len(results) == int(plan[1]) > 5
    assert [line for line in results if not line.startswith("ok ")] == []


def test_fpu_state_is_a_processes_own(machine: Machine) -> None:
    assert machine.channel.command("run fpu 200").lines[-1].endswith("exited status=0")


@pytest.mark.parametrize(("kind", "signal", "line"), [
    ("null", 11, r"SIGSEGV: write to 0x0 at instruction 0x4\w+: no region there"),
    ("read-null", 11, r"SIGSEGV: read of 0x0 at instruction 0x4\w+: no region there"),
    ("run-null", 11, r"SIGSEGV: execution of 0x0 at instruction 0x0: no region there"),
    ("kernel", 11, r"SIGSEGV: write to 0xffff\w+ at instruction 0x4\w+: not a user address"),
    ("noncanonical", 11, r"SIGSEGV: general protection .* at instruction 0x4\w+"),
    ("text", 11, r"SIGSEGV: write to 0x4\w+ at instruction 0x4\w+: the region forbids it"),
    ("data", 11, r"SIGSEGV: execution of 0x4\w+ at instruction 0x4\w+: the region forbids it"),
    ("readonly", 11, r"SIGSEGV: write to 0x7f\w+ at instruction 0x4\w+: the region forbids it"),
    ("unmapped", 11, r"SIGSEGV: read of 0x7f\w+ at instruction 0x4\w+: no region there"),
    ("stack", 11, r"SIGSEGV: write to 0x7ffff\w+ at instruction 0x4\w+: no region there"),
    ("divide", 8, r"SIGFPE: division by zero or overflow at instruction 0x4\w+"),
    ("privileged", 11, r"SIGSEGV: general protection .* at instruction 0x4\w+"),
    ("invalid", 4, r"SIGILL: invalid instruction at instruction 0x4\w+"),
    ("breakpoint", 5, r"SIGTRAP: breakpoint at instruction 0x4\w+"),
])
def test_a_fault_ends_its_process_alone(machine: Machine, kind: str, signal: int, line: str) -> None:
    bystander = machine.channel.command("run spin &").number("pid")
    end = machine.channel.command(f"run fault {kind}").lines[-1]
    assert end.endswith(f"killed signal={signal}")
    machine.console.wait_for(r"pid \d+ \(fault\): " + line)
    machine.channel.command(f"kill {bystander}")
    assert machine.channel.command(f"wait {bystander}").lines[-1].endswith("killed signal=9")


def test_the_interrupt_key_ends_the_foreground_process(machine: Machine) -> None:
    def runs() -> bool:
        return any("name=spin" in line for line in machine.channel.command("ps").lines)

    machine.console.send("run spin\n")
    while not runs():
        continue
    while runs():  # it may be there before it is the foreground
        machine.console.send("\x03")
    machine.console.wait_for(r"pid=\d+ killed signal=2")


def test_interrupts_that_cannot_be_masked_disturb_nobody(machine: Machine) -> None:
    """They come in user mode, in the kernel, and on the ways between, with the user's GS or the kernel's."""
    before = machine.channel.command("metrics interrupts.nmi").number("interrupts.nmi")
    pids = [machine.channel.command(f"run {program} &").number("pid") for program in ("spin", "fpu 300", "bench")]
    for _ in range(300):
        machine.monitor("nmi")
    assert machine.channel.command("metrics interrupts.nmi").number("interrupts.nmi") > before
    machine.channel.command(f"kill {pids[0]}")
    ends = [machine.channel.command(f"wait {pid}").lines[-1] for pid in pids]
    assert [end.partition(" ")[2] for end in ends] == ["killed signal=9", "exited status=0", "exited status=0"]


@pytest.fixture
def fresh(kernel: Path) -> Iterator[Machine]:
    """A machine whose pids are few: the table of pids keeps a leaf on the heap for each range that was ever reached."""
    with Machine(kernel, initrd=PROGRAMS, options="channel") as running:
        yield running


def test_memory_comes_back_after_everything(fresh: Machine) -> None:
    """Programs that fork, fault and are killed leave no frame, process or heap object behind."""
    command = fresh.channel.command

    def census() -> list[str]:
        # Kernel stacks and slabs stay for the next process; programs' pages stay cached.
        kept = ("use=stack", "use=heap", "use=program", "total=")
        return [line for line in command("frames").lines if not line.startswith(kept)]

    def everything() -> None:
        for line in ("run hello", "run calls", "run fault null", "run fault stack", "run fpu 20"):
            command(line)
        pid = command("run spin &").number("pid")
        command(f"kill {pid}")
        command(f"wait {pid}")

    everything()
    before = census()
    for _ in range(3):
        everything()
    assert census() == before
    assert command("ps").lines == []


def test_a_process_waiting_for_its_turn_to_read_can_be_killed(machine: Machine) -> None:
    command = machine.channel.command
    pids = [command("run puppet &").number("pid") for _ in range(3)]
    for pid in pids:
        machine.console.wait_for(rf"pid={pid} ready=1")
    for pid in (pids[1], pids[2], pids[0]):
        command(f"kill {pid}")
        assert command(f"wait {pid}").lines[-1].endswith("killed signal=9")
