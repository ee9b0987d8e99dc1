"""The made-up course's rubric: tests that pass, fail, and fail for other reasons."""

import os
import random
from pathlib import Path

import pytest

from grading.grader.rubric import hidden_names, item
from grading.grader.run import Run
from grading.judge.check import check
from grading.machine.failures import HarnessFault
from grading.machine.machine import Machine


@item("A1", points=2)
def test_echo(machine: Machine) -> None:
    """The guest gives a word back."""
    check(expected=["word"], seen=machine.channel.command("echo word").lines, what="the echo")


@item("A1", points=1)
@pytest.mark.parametrize("size", [1, 2], ids=hidden_names([1, 2]))
def test_sizes(machine: Machine, size: int) -> None:
    machine.channel.command(f"echo {size}")


@item("A2")
def test_asked(machine: Machine, cairn_run: Run) -> None:
    """Does what the lab's file asks for."""
    for line in (cairn_run.student_files / "walk.cc").read_text().splitlines():
        if line.startswith("// ASK "):
            machine.channel.command(line.removeprefix("// ASK "))


@item("A2")
def test_random(machine: Machine, rng: random.Random) -> None:
    """Fails when the environment says so, with a value drawn at random."""
    if os.environ.get("MADE_UP") == "random":
        check(expected=0, seen=rng.getrandbits(40), what="the number")
    if os.environ.get("MADE_UP") == "memory":
        check(expected=0, seen=len(bytes(3 << 30)), what="bytes that a test keeps")


@item("A2")
def test_host(cairn_run: Run) -> None:
    """Fails for the host's reasons, once or always."""
    if os.environ.get("MADE_UP") == "host" or (
        os.environ.get("MADE_UP") == "host-once" and not _was_here(cairn_run.logs / "once")
    ):
        raise HarnessFault("no memory left on the host")


def _was_here(path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
        return False
    except FileExistsError:
        return True
