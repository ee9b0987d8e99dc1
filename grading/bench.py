#!/usr/bin/python3
"""What the operations of a lab cost, in instructions: `grading/bench.py a`, or `make bench LAB=a`.

The machine runs under QEMU's instruction counting (`-icount shift=0`), where the time stamp counter
counts instructions, so that the figures are the same on every host. The kernel's `bench` command
measures its own functions, the program user/programs/bench.c what a process sees. Prints a table and
writes build/bench/LAB.json; exits 0, or 2 when the machine could not be run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from grading.channel import Channel, Value  # noqa: E402 - needs the path above
from grading.failures import GuestFailure, HarnessFault  # noqa: E402
from grading.lab import ROOT, LabError, load_lab  # noqa: E402
from grading.machine import Machine  # noqa: E402

BUILD = ROOT / "build"
PROGRAM_LINE = r"bench: name=(\w+) instructions=(\d+)"


@dataclass(frozen=True)
class Operation:
    """One row. `aim` is what a good kernel needs at most, `linux` what Linux 6.1 takes in the same QEMU."""

    name: str
    instructions: int
    what: str
    aim: int | None
    linux: int | None


KNOWN: dict[str, tuple[str, int | None, int | None]] = {
    "walk": ("find the entry of a mapped page", None, None),
    "map": ("map one page in a warm table", 150, None),
    "unmap": ("unmap one page in a warm table", 150, None),
    "remap": ("change a page's frame or permissions", None, None),
    "null_call": ("a system call that does nothing (getppid)", 100, 316),
    "demand_zero": ("first write to a new page", 1500, 3094),
    "cow_copy": ("write to a page shared since fork, with its copy", 1800, None),
    "cow_reuse": ("write to a page whose other sharer is gone", None, None),
    "fork_exit_wait": ("fork, exit and wait of a small static process", 25000, 84363),
}


def operation(name: str, instructions: int) -> Operation:
    """The row for a measured operation; unknown ones have no description."""
    return Operation(name, instructions, *KNOWN.get(name, ("", None, None)))


def measure(folder: Path) -> list[Operation]:
    """Boots the stage in `folder` and measures. Raises GuestFailure or HarnessFault."""
    programs = folder.parent / "user" / "programs.cpio"
    with Machine(folder / "kernel.elf", initrd=programs, icount=0) as machine:
        rows = kernel_rows(machine.channel)
        machine.channel.command("run bench")
        for _ in range(len(KNOWN)):
            match = machine.console.wait_for(PROGRAM_LINE)
            rows.append(operation(match[1], int(match[2])))
            if match[1] == "fork_exit_wait":
                break
    return rows


def kernel_rows(channel: Channel) -> list[Operation]:
    """What the monitor's `bench` measures."""
    rows = []
    for line in channel.command("bench").values():
        count: Value = line.get("instructions", "")
        if "name" in line and str(count).isdecimal():
            rows.append(operation(line["name"], int(count)))
    return rows


def table(rows: list[Operation]) -> str:
    """The figures as text, a row each; those over their aim are marked."""
    lines = [f"{'operation':16} {'instructions':>12} {'aim':>8} {'Linux':>8}"]
    for row in rows:
        over = "  over the aim" if row.aim and row.instructions > row.aim else ""
        aim, linux = (f"{value:,}" if value else "" for value in (row.aim, row.linux))
        lines.append(f"{row.name:16} {row.instructions:12,} {aim:>8} {linux:>8}  {row.what}{over}")
    return "\n".join(lines)


def main() -> int:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(description="Counts the instructions of a lab's operations.")
    parser.add_argument("lab", help="the lab's letter, as in labs/")
    parser.add_argument("--stage", help="the stage whose kernel is measured, a … or all (default: the lab's own)")
    arguments = parser.parse_args()
    try:
        lab = load_lab(arguments.lab)
        rows = measure(BUILD / (arguments.stage or lab.letter))
    except (LabError, GuestFailure, HarnessFault) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2
    print(table(rows))
    target = BUILD / "bench" / f"{lab.letter}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".part")
    partial.write_text(json.dumps({"lab": lab.letter, "unit": "instructions", "operations": [asdict(row) for row in rows]}, indent=2) + "\n")
    os.replace(partial, target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
