"""The table of system calls (kernel/syscalls/: table.h, missing.h, needed.tsv) says what programs see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from grading.course.calls import PAGE, SOURCES, TableError, page, read_calls, read_missing
from grading.machine.machine import Machine
from grading.suite.conftest import run_make


@pytest.fixture(scope="module")
def seen(complete: Path, root: Path) -> str:
    """What user/tests/call_table.c prints on Cairn."""
    run_make(root, "programs")
    with Machine(complete / "kernel.elf", initrd=root / "build/user/programs.cpio", options="channel") as machine:
        machine.channel.command("run call_table &")
        machine.console.wait_for(r"calls: done\r?\n")
        return machine.console.text


def test_the_handout_is_the_table(root: Path) -> None:
    assert (root / PAGE).read_text() == page(read_calls(root)), "run: python3 grading calls --write"


def test_calls_of_the_table_are_there_and_no_others(seen: str, root: Path) -> None:
    there = {int(number) for number in re.findall(r"calls: there (-?\d+)", seen)}
    assert there == {call.number for call in read_calls(root) if call.present}


def test_what_is_missing_gives_the_error_that_is_said(seen: str, root: Path) -> None:
    said = [f"{call.name}, {what}: {error}" for call in read_calls(root) for what, error in call.missing]
    assert sorted(re.findall(r"calls: (\w+, .*?)\r?\n", seen)) == sorted(said) and len(said) >= 60


def test_an_entry_of_another_shape_is_refused(root: Path) -> None:
    text = (root / SOURCES / "missing.h").read_text()
    read_missing(text)
    with pytest.raises(TableError, match="each entry begins with"):
        read_missing(text.replace(", EINVAL,", ", 22,", 1))
