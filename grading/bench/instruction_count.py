"""Counts a guest's instructions between marks, with a plugin of QEMU (linux/instruction_count.c).

    marks_file = folder / "marks"
    Machine(…) with the arguments plugin(marks_file) for QEMU
    for one, other in pairwise(read_marks(marks_file)):
        other.instructions - one.instructions

Programs set marks by mark() in user/include/cairn.h, on Cairn and on Linux alike. Unlike the time stamp
counter under `-icount` the count holds no waits for the disk, it repeats closely without `-icount`, and it
comes from outside. All that runs counts: the program, the kernel, interrupts. One processor only.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from grading import ROOT
from grading.machine.failures import HarnessFault

SOURCE = ROOT / "grading" / "bench" / "linux" / "instruction_count.c"
FOLDER = ROOT / "build" / "linux"
RECORD = struct.Struct("<QQQ")


@dataclass(frozen=True)
class Mark:
    """A mark that was passed."""

    number: int  # mark()'s argument
    instructions: int  # that the machine had executed by then
    host_ns: int  # the host's monotonic clock


def plugin(marks: Path) -> list[str]:
    """QEMU's arguments that make it write the marks to this file. Raises HarnessFault."""
    return ["-plugin", f"{built()},out={marks}"]


def built() -> Path:
    """The compiled plugin, made if its source is newer. Raises HarnessFault."""
    target = FOLDER / "instruction_count.so"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "plugin.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists() or target.stat().st_mtime < SOURCE.stat().st_mtime:
            part = target.with_name(f"instruction_count.{os.getpid()}.part")
            command = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden", "-o", part, SOURCE]
            try:
                done = subprocess.run(command, capture_output=True, text=True, check=False)
            except FileNotFoundError:
                raise HarnessFault("gcc is missing") from None
            if done.returncode != 0:
                raise HarnessFault(f"{SOURCE} can't be compiled: {done.stderr.strip()[-300:]}")
            part.replace(target)
    return target


def read_marks(path: Path) -> list[Mark]:
    """The marks in the order in which they were passed."""
    data = path.read_bytes()
    return [Mark(*record) for record in RECORD.iter_unpack(data[: len(data) // RECORD.size * RECORD.size])]


def between(marks: list[Mark], first: int, last: int) -> int:
    """Instructions from the first passing of the mark `first` to the next one of `last`. Raises HarnessFault."""
    starts = [place for place, mark in enumerate(marks) if mark.number == first]
    ends = [mark for mark in marks[starts[0] + 1 :] if mark.number == last] if starts else []
    if not ends:
        raise HarnessFault(f"the program did not pass the mark {last if starts else first}")
    return ends[0].instructions - marks[starts[0]].instructions
