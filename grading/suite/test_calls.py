"""The system calls of this stage answer as Linux does: the same static program on both."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from grading import ROOT
from grading.machine.machine import Machine
from grading.suite.conftest import run_make

USER = ROOT / "build" / "user"


def lines(text: str) -> list[str]:
    """The program's own lines."""
    return re.findall(r"calls: .*?(?=\r?\n)", text)


def test_calls_answer_as_linux_does(built: Path) -> None:
    run_make(ROOT, "programs")
    linux = subprocess.run([USER / "calls.elf"], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, check=True)
    with Machine(built / "kernel.elf", initrd=USER / "programs.cpio", options="channel") as machine:
        machine.channel.command("run calls &")
        machine.console.wait_for(r"calls: done\r?\n")
        cairn = lines(machine.console.text)
    expected = lines(linux.stdout)
    assert len(expected) > 100
    differences = [f"Linux {a!r}\nCairn {b!r}" for a, b in zip(expected, cairn) if a != b]
    assert not differences and len(cairn) == len(expected), "\n".join(differences)
