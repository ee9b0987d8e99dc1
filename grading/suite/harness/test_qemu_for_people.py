"""The command `grading/qemu`: first line, leaving, the GDB socket. The disk here is empty and boots nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.qemu_command import FIRST_LINE
from grading.suite.harness.conftest import Course


@pytest.fixture
def stage(course: Course) -> Iterator[Path]:
    """build/a with an empty disk."""
    folder = course.root / "build" / "a"
    folder.mkdir(parents=True)
    (folder / "disk.img").write_bytes(bytes(1 << 20))
    yield folder


def start(course: Course, *arguments: str) -> subprocess.Popen[str]:
    command = [course.root / "grading" / "qemu", "run", "--stage", "a", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd="/")


def leave(process: subprocess.Popen[str]) -> str:
    """Types Ctrl-A x; the rest of what was printed."""
    output, _ = process.communicate("\x01x", timeout=60)
    assert process.returncode == 0
    return output


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_first_line_says_how_to_leave(course: Course, stage: Path) -> None:
    process = start(course)
    assert process.stdout and process.stdout.readline() == FIRST_LINE + "\n"
    assert "Terminated" in leave(process)


def test_the_disk_is_not_written(course: Course, stage: Path) -> None:
    before = (stage / "disk.img").stat().st_mtime_ns
    leave(start(course, "--memory", "64M"))
    assert (stage / "disk.img").stat().st_mtime_ns == before


def test_one_debugged_machine_a_stage(course: Course, stage: Path) -> None:
    first = start(course, "--gdb", "--wait")
    wait_for(stage / "gdb.sock")
    second = start(course, "--gdb")
    output, complaint = second.communicate(timeout=60)
    assert (second.returncode, output, complaint.count("\n")) == (2, "", 1)
    assert "another QEMU holds build/a/gdb.sock" in complaint
    leave(first)
    leave(start(course, "--gdb"))


def test_a_socket_left_behind_is_replaced(course: Course, stage: Path) -> None:
    first = start(course, "--gdb")
    wait_for(stage / "gdb.sock")
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert (stage / "gdb.sock").exists()
    leave(start(course, "--gdb"))


def test_missing_parts_are_named(course: Course) -> None:
    for arguments, said in (
        ((), "build/a/disk.img is missing: make image LAB=a"),
        (("--memory", "lots"), "is not a size"),
    ):
        process = start(course, *arguments)
        _, complaint = process.communicate(timeout=60)
        assert process.returncode == 2 and said in complaint
