"""Processes that race for the same few files, on Linux and on Cairn: what no order of their calls explains is told by the program
itself (user/tests/races.c), and e2fsck looks at the disks. grading/fuzz has the same with threads that a seed switches.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from grading import ROOT
from grading.judge.ext2_judge import check_clean
from grading.machine.machine import Machine
from grading.suite import linux_cell
from grading.suite.disks import mke2fs
from grading.suite.rubric_runs import PROGRAMS
from grading.suite.samples import ALL_RACE_ROUNDS, RACE_ROUNDS


def test_linux_has_none(built: Path, tmp_path: Path) -> None:
    """The program tells nothing where it shouldn't. In a cell of its own, where it may mount as root alone."""
    (tmp_path / "made").mkdir()
    program = ROOT / "build" / "user" / "races.elf"
    mounts = ("--ro-bind", program, "/races.elf", "--dev-bind", tmp_path / "made", "/made")
    command = [*linux_cell.cell(tmp_path / "dev", *mounts), "/races.elf", "/made/races", str(RACE_ROUNDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "races: done\n")


def test_races(complete: Path, tmp_path: Path, seed: int, request: pytest.FixtureRequest) -> None:
    block_size = random.Random(seed).choice((1024, 2048, 4096))
    disks = [mke2fs(tmp_path / name, 24 << 20, "-b", str(block_size)) for name in ("root", "other")]
    rounds = ALL_RACE_ROUNDS if request.config.getoption("--all") else RACE_ROUNDS
    with Machine(complete / "kernel.elf", initrd=PROGRAMS, options="channel log=warn", disks=disks) as machine:
        machine.channel.command(f"run races /races {rounds} /dev/vdb &")
        said = machine.console.read_to(r"races: done\r?\n")
        told = [line for line in said.splitlines() if line.startswith("races: ") and line != "races: done"]
        assert told == []
        machine.channel.command("sync")
        with machine.stopped():
            check_clean(disks[0])
            check_clean(disks[1])
