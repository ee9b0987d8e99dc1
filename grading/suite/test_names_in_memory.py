"""Names that the kernel remembers take memory only as long as nobody else wants it."""

from __future__ import annotations

import errno
from pathlib import Path

from grading.machine.machine import Machine
from grading.suite.rubric_runs import PROGRAMS
from grading.tests.b.guest import Guest

MEMORY = 32  # MiB
NAMES, TAIL = 20_000, "n" * 100
PIECE = 1 << 16  # bytes that a process takes at once: a small part of what the names have


def test_names_and_inodes_yield_to_processes(complete: Path) -> None:
    with Machine(complete / "kernel.elf", PROGRAMS, options="channel root=tmpfs", memory_mib=MEMORY) as machine:
        process = Guest(machine).process()
        assert process.tally(0, NAMES, ("chdir", f"'{TAIL}#{TAIL}")) == (0, errno.ENOENT)
        names = machine.channel.command("cache")
        known, most = names.number("dentries"), names.number("most_dentries")
        assert most - 64 < known <= most < MEMORY * 256  # a share of memory
        for piece in range((MEMORY << 20) // PIECE):
            process.buffer(PIECE).fill(piece & 0xff)
            if machine.channel.command("cache").number("dentries") < known // 2:
                return
        raise AssertionError("more memory than there is, with the names still there")
