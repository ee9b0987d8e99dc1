"""The system calls of this stage answer as Linux does: the same static program on both."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from grading import ROOT
from grading.machine.machine import Machine
from grading.suite.conftest import run_make

USER = ROOT / "build" / "user"
AS_AT_FIRST = ("env", "--default-signal")  # whatever ignores signals above us


def lines(text: str) -> list[str]:
    """The program's own lines."""
    return re.findall(r"calls: .*?(?=\r?\n)", text)


def lines_on_linux(program: str, folder: Path) -> list[str]:
    linux = subprocess.run([*AS_AT_FIRST, USER / f"{program}.elf"], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, check=True, cwd=folder)
    return lines(linux.stdout)


def differences(linux: list[str], cairn: list[str]) -> str:
    """Line by line; empty if there are none."""
    differ = [f"Linux {a!r}\nCairn {b!r}" for a, b in zip(linux, cairn) if a != b]
    if len(linux) != len(cairn):
        differ.append(f"{len(linux)} lines on Linux, {len(cairn)} on Cairn")
    return "\n".join(differ)


@pytest.mark.parametrize("program, stage, wanted_lines", [
    ("calls", "built", 100), ("jobs", "complete", 35), ("signals", "built", 130), ("signal_faults", "built", 60),
    ("signal_waits", "complete", 110), ("process_groups", "complete", 110), ("cpu_time", "complete", 50), ("presence", "complete", 30)])
def test_calls_answer_as_linux_does(request: pytest.FixtureRequest, program: str, stage: str, wanted_lines: int,
                                 tmp_path: Path) -> None:
    folder: Path = request.getfixturevalue(stage)
    run_make(ROOT, "programs")
    expected = lines_on_linux(program, tmp_path)
    with Machine(folder / "kernel.elf", initrd=USER / "programs.cpio", options="channel") as machine:
        machine.channel.command(f"run {program} &")
        machine.console.wait_for(r"calls: done\r?\n")
        cairn = lines(machine.console.text)
    assert len(expected) >= wanted_lines
    assert differences(expected, cairn) == ""
