"""ELF files that lab C's tests draw: what a program header says lies in the file, and nothing on top of it."""

from __future__ import annotations

import random

from grading.tests.c.elf_files import EXECUTABLE, HEADER, INTERPRETER, PAGE, PROGRAM, SHARED, Elf, Program, R, W, exit_with, with_programs
from grading.tests.c.test_c1_elf import draw_elf
from grading.tests.c.test_c2_loading import draw_program

DRAWS = 400


def check_places(elf: Elf) -> None:
    """Each program's bytes are those of the file, but for the headers, and no two programs have the same ones."""
    data, headers = elf.to_bytes(), HEADER.size + PROGRAM.size * len(elf.programs)
    taken: list[tuple[int, int]] = []
    for program in elf.placed():
        start = program.offset or 0
        end, hidden = start + len(program.content), max(0, headers - start)
        assert data[start:end][hidden:] == program.content[hidden:], f"other bytes lie at {start:#x} to {end:#x} of the file"
        assert all(end <= first or last <= start for first, last in taken if first < last and start < end)
        taken.append((start, end))


def test_drawn_programs_keep_their_bytes(rng: random.Random) -> None:
    """However near the next segment's place in the file is to the end of the code."""
    for _ in range(DRAWS):
        check_places(draw_program(rng, 0x400000, EXECUTABLE))
        kind = rng.choice((EXECUTABLE, SHARED))
        check_places(draw_elf(rng, kind, phdr=True, stack=R | W, interpreter=b"/lib/loader\0", alignment=PAGE))
    for offset in range(PAGE):
        check_places(with_programs([Program(0x500000, b"/ld\0", type=INTERPRETER), Program(0x600000 + offset, b"data", R | W)], exit_with(3)))
