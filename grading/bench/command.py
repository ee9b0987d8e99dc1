"""What the operations of a lab cost: `make bench LAB=a`.

Lab a's are measured in instructions, on a machine that counts them (`-icount shift=0`, where the time
stamp counter counts instructions), so that the figures are the same on every host. The kernel's `bench`
command measures its own functions, the program user/programs/bench.c what a process sees. The programs of labs b and c,
user/bench/files.c and processes.c, also run on Linux in the same machine, see against_linux.py, and with --scale so does
user/bench/scale.c, which tells how costs grow (scale.py). Prints a table and writes build/bench/LAB.json, or what --out names; exits 0, 1 when an operation failed, 2 when the machine could not be run
or the file not be written.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from grading import ROOT
from grading.bench import against_linux, linux_table, scale
from grading.course.lab import LabError, load_lab
from grading.grader.progress_line import ProgressLine
from grading.grader.results import write_atomically
from grading.machine.channel import Channel, Value
from grading.machine.failures import GuestFailure, HarnessFault
from grading.machine.machine import Machine

BUILD = ROOT / "build"
WIDTH = 140  # columns where standard output is no terminal
PROGRAM_LINE = r"bench: name=(\w+) instructions=(\d+)\r?\n"  # whole: half a number would match, too


@dataclass(frozen=True)
class Reference:
    """What is known of an operation: `aim`, what a good kernel needs at most, and what other systems
    took in the same QEMU under the same counting, each in instructions."""

    what: str = ""
    aim: int | None = None
    linux: int | None = None  # 6.1
    xv6: int | None = None
    chickadee: int | None = None


@dataclass(frozen=True)
class Operation:
    """One row: an operation as measured."""

    name: str
    instructions: int
    reference: Reference


KNOWN: dict[str, Reference] = {
    "walk": Reference("find the entry of a mapped page"),
    "map": Reference("map one page in a warm table", aim=150),
    "unmap": Reference("unmap one page in a warm table", aim=150),
    "remap": Reference("change a page's frame or permissions"),
    "null_call": Reference("a system call that does nothing", aim=100, linux=316, xv6=1397, chickadee=74),
    "demand_zero": Reference("first write to a new page", aim=1500, linux=3094, xv6=1875),
    "cow_copy": Reference("write to a page shared since fork", aim=1800),
    "cow_reuse": Reference("the same, its other sharer being gone"),
    "fork_exit_wait": Reference("fork, exit, wait of a small process", aim=25000, linux=84363, xv6=2003221),
}
LAST = "fork_exit_wait"  # of the program's lines


def operation(name: str, instructions: int) -> Operation:
    """The row for a measured operation; unknown ones have no description."""
    return Operation(name, instructions, KNOWN.get(name, Reference()))


def measure(machine: Machine) -> list[Operation]:
    """Measures on a machine that counts instructions (icount=0). Raises GuestFailure."""
    rows = kernel_rows(machine.channel)
    machine.channel.command("run bench")
    for _ in range(len(KNOWN)):
        match = machine.console.wait_for(PROGRAM_LINE)
        rows.append(operation(match[1], int(match[2])))
        if match[1] == LAST:
            break
    return rows


def kernel_rows(channel: Channel) -> list[Operation]:
    """What the monitor's `bench` measures."""
    rows = []
    for line in channel.command("bench").values():
        count: Value = line.get("ticks", "")  # instructions, under -icount
        if "name" in line and str(count).isdecimal():
            rows.append(operation(line["name"], int(count)))
    return rows


def table(rows: list[Operation]) -> Table:
    """The figures, a row each; those over their aim are marked."""
    result = Table(box=box.SIMPLE_HEAD, title="instructions an operation")
    result.add_column("operation")
    for heading in ("Cairn", "aim", "Linux 6.1", "xv6", "Chickadee"):
        result.add_column(heading, justify="right")
    result.add_column("")
    for row in rows:
        known = row.reference
        over = bool(known.aim and row.instructions > known.aim)
        others = (f"{value:,}" if value else "" for value in (known.aim, known.linux, known.xv6, known.chickadee))
        result.add_row(row.name, f"{row.instructions:,}", *others, known.what + (" [over the aim]" if over else ""),
                       style="yellow" if over else "")
    return result


def row_json(row: Operation) -> dict[str, Value | None]:
    """The row as the JSON file has it."""
    return {"name": row.name, "instructions": row.instructions, **asdict(row.reference)}


@dataclass(frozen=True)
class Report:
    """What a lab's benchmark found, to be printed and to be written."""

    table: Table
    json: dict[str, object]
    failed: bool = False  # an operation could not be measured


def bench_operations(kernel: Path, arguments: argparse.Namespace, show: Callable[..., None]) -> Report:
    """Lab a's operations. Raises GuestFailure and HarnessFault."""
    show("counting instructions")
    with Machine(kernel, initrd=BUILD / "user" / "programs.cpio", icount=0) as machine:
        rows = measure(machine)
    return Report(table(rows), {"lab": "a", "unit": "instructions", "operations": [row_json(row) for row in rows]})


def linux_report(kernel: Path, arguments: argparse.Namespace, show: Callable[..., None]) -> Report:
    """A lab's calls, on Cairn and on Linux. Raises GuestFailure and HarnessFault."""
    found = against_linux.measure(against_linux.PROGRAMS[arguments.lab], kernel, show, runs=arguments.runs, wanted=arguments.rows,
                                  with_linux=not arguments.no_linux)
    return Report(linux_table.table(found), linux_table.as_json(found), any(row.cairn.error for row in found.rows))


def scale_report(kernel: Path, arguments: argparse.Namespace, show: Callable[[str], None]) -> Report:
    """How costs grow, on Cairn and on Linux. Raises GuestFailure and HarnessFault."""
    found = scale.measure(kernel, show, rows=arguments.rows, with_linux=not arguments.no_linux)
    return Report(scale.table(found), scale.as_json(found), any(point.cairn.error for point in found.points))


BENCHMARKS = {"a": bench_operations} | dict.fromkeys(against_linux.PROGRAMS, linux_report)


def main() -> int:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(description="Measures a lab's operations.")
    parser.add_argument("lab", help="the lab's letter, as in labs/")
    parser.add_argument("--stage", help="the stage whose kernel is measured, a … or all (default: the lab's own)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the figures go as JSON (default: build/bench/LAB.json)")
    parser.add_argument("--runs", type=int, default=against_linux.RUNS, metavar="N",
                        help=f"from lab b on: runs by the clock, of which the smallest figure is told (default {against_linux.RUNS})")
    parser.add_argument("--scale", action="store_true", help="from lab b on: how costs grow with pages, files, names, locks …, instead")
    parser.add_argument("--rows", nargs="+", default=[], metavar="ROW",
                        help="from lab b on: only these; a name that isn't one shows which there are")
    parser.add_argument("--no-linux", action="store_true", help="from lab b on: Cairn's figures alone")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")
    program = against_linux.PROGRAMS.get(arguments.lab)
    known = scale.ROWS if arguments.scale else program.rows if program else KNOWN
    if strange := [row for row in arguments.rows if row not in known]:
        parser.error(f"there is no row {strange[0]}: {', '.join(known)}")
    try:
        lab = load_lab(arguments.lab)
        benchmark = BENCHMARKS.get(lab.letter)
        if arguments.scale:
            benchmark = scale_report if lab.letter != "a" else None
        if benchmark is None:
            print(f"bench: there is nothing to measure for lab {lab.letter} yet")
            return 0
        kernel = BUILD / (arguments.stage or lab.letter) / "kernel.elf"
        with ProgressLine("bench") as progress:
            report = benchmark(kernel, arguments, progress.show)
    except (LabError, GuestFailure, HarnessFault) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2
    Console(width=WIDTH if not sys.stdout.isatty() else None, highlight=False, markup=False).print(report.table)
    target = arguments.out or BUILD / "bench" / f"{lab.letter}{'-scale' if arguments.scale else ''}.json"
    try:
        write_atomically(target, json.dumps(report.json, indent=2) + "\n")
    except OSError as error:
        print(f"bench: {target} can't be written: {error.strerror}", file=sys.stderr)
        return 2
    return 1 if report.failed else 0

