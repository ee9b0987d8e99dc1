"""Fixtures of lab C's rubric."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from grading.grader.run import Run
from grading.machine.qemu import DataDisk
from grading.tests.c.guest import OPTIONS, Boot, Files, Guest, elf_program, make_disk

Guests = Callable[..., Guest]
SECTOR = 512
ProgramFile = Callable[[str], bytes]


@pytest.fixture
def guest_with(boot: Boot) -> Iterator[Guests]:
    """guest_with({"/bin/x": content}): a machine whose root, a disk, has these files. `unreadable`: the disk fails where
    these bytes stand, which it has once each."""
    with tempfile.TemporaryDirectory(prefix="cairn-exec-") as folder:
        count = 0

        def start(files: Files, unreadable: Sequence[bytes] = ()) -> Guest:
            nonlocal count
            count += 1
            room = Path(folder) / str(count)
            room.mkdir()
            disk = make_disk(room, files)
            content = disk.read_bytes() if unreadable else b""
            sectors = [content.index(marker) // SECTOR for marker in unreadable]
            errors = tuple(f"event=none,iotype=read,sector={sector}" for sector in sectors)
            return Guest(boot(options=OPTIONS, disks=[DataDisk(disk, errors=errors)]))

        yield start


@pytest.fixture
def program(cairn_run: Run) -> ProgramFile:
    """program("hello"): one of the course's programs as an ELF file."""
    return lambda name: elf_program(cairn_run.programs.parent, name)
