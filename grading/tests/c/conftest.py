"""Fixtures of lab C's rubric."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grading.grader.run import Run
from grading.tests.c.guest import OPTIONS, Boot, Files, Guest, elf_program, make_disk

Guests = Callable[[Files], Guest]
ProgramFile = Callable[[str], bytes]


@pytest.fixture
def guest_with(boot: Boot) -> Iterator[Guests]:
    """guest_with({"/bin/x": content}): a machine whose root, a disk, has these files."""
    with tempfile.TemporaryDirectory(prefix="cairn-exec-") as folder:
        count = 0

        def start(files: Files) -> Guest:
            nonlocal count
            count += 1
            room = Path(folder) / str(count)
            room.mkdir()
            return Guest(boot(options=OPTIONS, disks=[make_disk(room, files)]))

        yield start


@pytest.fixture
def program(cairn_run: Run) -> ProgramFile:
    """program("hello"): one of the course's programs as an ELF file."""
    return lambda name: elf_program(cairn_run.programs.parent, name)
