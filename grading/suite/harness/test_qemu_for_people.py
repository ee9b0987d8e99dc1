"""What `make qemu` runs: first line, leaving, the GDB socket. The disk here is empty and boots nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.machine.qemu_command import FIRST_LINE, in_use
from grading.suite.harness.conftest import Course


@pytest.fixture
def stage(course: Course) -> Iterator[Path]:
    """build/a with an empty disk."""
    folder = course.root / "build" / "a"
    folder.mkdir(parents=True)
    (folder / "kept-disk.img").write_bytes(bytes(1 << 20))
    yield folder


def start(course: Course, *arguments: str) -> subprocess.Popen[str]:
    command = ["/usr/bin/python3", course.root / "grading", "qemu", "--stage", "a", *arguments]
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


def wait_until_locked(disk: Path) -> None:
    deadline = time.monotonic() + 60
    while not in_use(disk):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_first_line_says_how_to_leave(course: Course, stage: Path) -> None:
    process = start(course)
    assert process.stdout and process.stdout.readline() == FIRST_LINE + "\n"
    assert "Terminated" in leave(process)


def test_what_is_written_stays(course: Course, stage: Path) -> None:
    """The boot sector, 16-bit code, changes a byte of itself, writes itself back through the BIOS and halts."""
    code = bytes.fromhex(
        "31c0 8ed8 8ec0"  # xor ax, ax; mov ds, ax; mov es, ax
        "c606 f07d 57"  # mov byte [0x7df0], 'W'
        "bb 007c b9 0100 b6 00 b8 0103 cd13"  # write 1 sector, cylinder 0, head 0, sector 1; DL is the disk
        "f4 ebfd"  # halt
    )
    (stage / "kept-disk.img").write_bytes(code.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
    process = start(course)
    deadline = time.monotonic() + 60
    while (stage / "kept-disk.img").read_bytes()[0x1F0:0x1F1] != b"W":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    leave(process)
    assert (stage / "kept-disk.img").read_bytes()[0x1F0:0x1F1] == b"W"


@pytest.mark.parametrize("words", [("--gdb", "--wait"), ()])
def test_one_machine_a_stage(course: Course, stage: Path, words: tuple[str, ...]) -> None:
    first = start(course, *words)
    wait_until_locked(stage / "kept-disk.img")
    second = start(course, *words)
    output, complaint = second.communicate(timeout=60)
    assert (second.returncode, output, complaint.count("\n")) == (2, "", 1)
    assert "another QEMU writes to build/a/kept-disk.img: leave it first" in complaint
    leave(first)
    leave(start(course, *words))


def test_a_socket_left_behind_is_replaced(course: Course, stage: Path) -> None:
    first = start(course, "--gdb")
    wait_for(stage / "gdb.sock")
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert (stage / "gdb.sock").exists()
    leave(start(course, "--gdb"))


def test_missing_parts_are_named(course: Course) -> None:
    for arguments, said in (
        ((), "build/a/kept-disk.img is missing: make fresh-disk LAB=a"),
        (("--memory", "lots"), "is not a size"),
        (("--memory", "1M"), "1M is too little memory: Cairn needs 32M"),
    ):
        process = start(course, *arguments)
        _, complaint = process.communicate(timeout=60)
        assert process.returncode == 2 and said in complaint
