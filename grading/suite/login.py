"""A machine that boots to a login, and what a person types there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from grading import ROOT
from grading.machine.machine import Machine
from grading.machine.qemu import DataDisk
from grading.suite.rubric_runs import PROGRAMS

BACKSTOP_S = 600


@contextmanager
def boot(complete: Path, init: str = "/sbin/init", disk: Path | None = None, more_disks: Sequence[Path] = ()) -> Iterator[Machine]:
    """A machine with a channel beside its console, whose window is so wide that no command wraps. What it writes is
    dropped in the end, unless it has a disk of its own."""
    disks = [disk or DataDisk(complete / "disk.img", snapshot=True), *more_disks]
    with Machine(complete / "kernel.elf", PROGRAMS, options=f"channel init={init}", disks=disks) as machine:
        machine.channel.command("window 24 200")
        yield machine


def prompt(name: str) -> str:
    return rf"^{name}@cairn:\S*[#$] "


def log_in(machine: Machine, name: str = "root") -> None:
    machine.console.wait_for("cairn login: ")
    key(machine, f"{name}\r", prompt(name))


def key(machine: Machine, keys: str, shown: str) -> str:
    """Types, and waits for what is shown then; returns it."""
    machine.console.send(keys)
    return machine.console.wait_for(shown)[0]


def answer(machine: Machine, command: str, name: str = "root") -> str:
    """What the shell prints for a command."""
    machine.console.send(f"{command}; echo ' 'end\r")
    shown = machine.console.read_to(r"^ end\r\n").replace("\r\n", "\n")
    machine.console.wait_for(prompt(name))
    return shown.partition("\n")[2].removesuffix(" end\n")


def people(command: str) -> pexpect.spawn:
    """A terminal in which somebody runs a command of make's for the whole kernel."""
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name} | {"TERM": "dumb"}
    terminal = pexpect.spawn(command, cwd=ROOT, env=environment, encoding="utf-8", timeout=BACKSTOP_S, dimensions=(30, 100))
    if terminal.expect_exact(["Ctrl-A x leaves QEMU", "in use by a running QEMU"]) == 1:
        pytest.skip("another machine runs from build/all/kept-disk.img: leave it first")
    return terminal
