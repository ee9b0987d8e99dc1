"""What calls cost on Cairn and on Linux: the same program, image and QEMU; `make bench LAB=b` and `LAB=c`.

A program of user/bench (PROGRAMS) runs on copies of one image, in two kinds of runs, several of each; of what they
measure the smallest figure is told. Instructions are those between the program's marks (instruction_count.py) on a
machine whose clock goes by instructions, so that the host's load changes nothing. QEMU counts each
repetition of a string instruction: with `rep movsb`, which Linux copies with, a byte costs one. Wall
time is that of the guest's clock in runs that count nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from grading import ROOT
from grading.bench import linux_vm
from grading.bench.instruction_count import Mark, plugin, read_marks
from grading.judge import ext2_images
from grading.machine.failures import GuestFailure, HarnessFault
from grading.machine.machine import Machine
from grading.machine.qemu import DataDisk

RUNS = 5
COUNTED_RUNS = 2  # of them, at most, each once more with instructions counted, which hardly vary
AIM = 0.5  # of Linux's instructions
BUILT = ROOT / "build" / "user"
LINE = re.compile(r"\w+: row=([\w/]+) (?:count=(\d+) ns=(\d+) ticks=\d+|error=([^\r\n]*))\r?$", re.MULTILINE)
START, END = 1, 2  # the marks around each row


@dataclass(frozen=True)
class Program:
    """A program of user/bench and its rows: what an operation of each is, and for some how many instructions it needs at most.

    image: from the kernel's path the path of the one that is the root on Cairn, and its folder /mnt on Linux.
    """

    name: str
    lab: str
    image: Callable[[Path], Path]
    rows: dict[str, str]
    aims: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """A row as one run had it, all its operations together."""

    count: int = 0  # operations
    ns: int = 0
    instructions: int = 0  # 0 where they weren't counted
    error: str = ""


@dataclass(frozen=True)
class Cost:
    """What one operation of a row costs on one system; `error` says why nothing is known."""

    instructions: float = 0
    ns: float = 0
    error: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the table. linux: None where there is no Linux to compare with; aim: instructions, 0 for AIM of Linux's."""

    name: str
    count: int
    cairn: Cost
    linux: Cost | None
    aim: int = 0

    @property
    def instruction_ratio(self) -> float | None:
        """Cairn's instructions over Linux's."""
        return self._ratio(lambda cost: cost.instructions)

    @property
    def time_ratio(self) -> float | None:
        """Cairn's wall time over Linux's."""
        return self._ratio(lambda cost: cost.ns)

    @property
    def missed(self) -> list[str]:
        """The aims that this row misses, in words."""
        words = []
        if self.aim:
            over = self.cairn.instructions > self.aim
        else:
            over = self.instruction_ratio is not None and self.instruction_ratio > AIM
        if over:
            words.append("instructions")
        if self.time_ratio is not None and self.time_ratio > 1:
            words.append("time")
        return words

    def _ratio(self, figure: Callable[[Cost], float]) -> float | None:
        if self.linux is None or self.linux.error or self.cairn.error or not figure(self.linux):
            return None
        return figure(self.cairn) / figure(self.linux)


@dataclass(frozen=True)
class Comparison:
    """All rows. release: Linux's, or "" with `missing` saying why there is no Linux."""

    program: Program
    rows: list[Row]
    runs: int
    release: str = ""
    missing: str = ""


FILES = Program("files", "b", lambda kernel: ext2_images.image("bench").path, {
    "null_call": "a system call that does nothing",
    "read_cold": "read 64 KiB of a file of 8 MiB, from the disk",
    "read_cached": "the same from memory",
    "write_sync": "write 64 KiB of a new file of 8 MiB, fsync included",
    "create": "create one of 1,000 files",
    "unlink": "remove one of them",
    "lookup_cold": "stat one of 1,000 in a folder of 100,000, for the first time",
    "lookup_warm": "the same again",
    "lookup_missing_warm": "stat a name that isn't there",
    "walk_warm": "stat a path of ten names",
    "open_close_warm": "open and close a file",
    "read_2k_cached": "read 2 KiB of a file, from memory",
    "readdir_cold": "list a folder of 100,000, an entry",
    "readdir_warm": "the same again",
    "fsync_dirty": "write and fsync a page beside 2,048 dirty ones of another file",
}, {"fsync_dirty": 32000})

PROCESSES = Program("processes", "c", lambda kernel: kernel.with_name("disk.img"), {
    "null_call": "a system call that does nothing",
    "open_close": "open and close a file",
    "read_2k": "read 2 KiB of a file, from memory",
    "mmap_munmap": "map and unmap 1 MiB that nobody touches",
    "fault_file": "page fault on a mapped file, from memory",
    "pipe": "a byte to another process by a pipe, and back",
    "socket": "the same by a pair of stream sockets (AF_UNIX)",
    "switch": "yield to another process",
    "thread": "start a thread and join it",
    "futex_wake": "wake those who wait for a word, and nobody does",
    "futex_pass": "wait for a word that another thread changes, change it, wake him; and he the same",
    "condition": "the same by a mutex and a condition variable",
    "signal_install": "install a handler",
    "signal_catch": "send oneself a signal, handle it, return",
    "fork_exit": "fork, exit, wait",
    "fork_exec": "fork, exec a small program, wait",
    "shell": "fork, exec busybox for `sh -c true`, wait",
    "epoll": "wait for 1,000 watched descriptors, of which one is ready",
}, {"null_call": 100, "open_close": 1500, "read_2k": 700, "mmap_munmap": 2500, "fault_file": 700, "pipe": 4000, "switch": 1200,
    "signal_install": 200, "signal_catch": 1500, "fork_exit": 25000, "fork_exec": 80000})

PROGRAMS = {program.lab: program for program in (FILES, PROCESSES)}


Samples = dict[str, Sample]
Runner = Callable[..., Samples]  # on_cairn, on_linux


def measure(program: Program, kernel: Path, show: Callable[..., None], *, runs: int = RUNS, wanted: Iterable[str] = (),
            with_linux: bool = True) -> Comparison:
    """Runs the program. wanted: only these rows; show: ProgressLine.show. Raises GuestFailure and HarnessFault."""
    wanted = list(wanted)
    show("making the image")
    image = program.image(kernel)
    release, missing = "", "" if with_linux else "not asked for"
    if with_linux:
        show("fetching Debian's kernel")
        try:
            release = linux_vm.fetch().release
        except HarnessFault as fault:
            missing = str(fault)
    systems: dict[str, Runner] = {"Cairn": partial(on_cairn, kernel)}
    if release:
        systems["Linux"] = on_linux
    counted: dict[str, list[Samples]] = {name: [] for name in systems}
    timed: dict[str, list[Samples]] = {name: [] for name in systems}
    total = (runs + min(runs, COUNTED_RUNS)) * len(systems)
    for turn in range(runs):  # taking turns, so that the host's load falls on both
        for name, run in systems.items():
            kinds = ((counted, True), (timed, False)) if turn < COUNTED_RUNS else ((timed, False),)
            for into, counting in kinds:
                done = sum(len(samples) for figures in (counted, timed) for samples in figures.values())
                show(f"{name}, {'counting instructions' if counting else 'by the clock'}", done, total)
                into[name].append(run(image, counting, wanted, program=program.name))
    names = [name for name in program.rows if not wanted or name in wanted]
    rows = [row(name, counted, timed, program.aims.get(name, 0)) for name in names]
    return Comparison(program, rows, runs, release, missing)


def row(name: str, counted: dict[str, list[Samples]], timed: dict[str, list[Samples]], aim: int = 0) -> Row:
    """The row called `name` of all runs on "Cairn" and perhaps on "Linux"."""
    count = max((run[name].count for runs in counted.values() for run in runs if name in run), default=0)
    costs = {system: cost([run.get(name) for run in counted[system]], [run.get(name) for run in timed[system]])
             for system in counted}
    return Row(name, count, costs["Cairn"], costs.get("Linux"), aim)


def cost(counted: list[Sample | None], timed: list[Sample | None]) -> Cost:
    """The smallest figures of several runs; an error in any is an error."""
    for sample in (*counted, *timed):
        if sample is None or sample.error or not sample.count:
            return Cost(error=sample.error if sample and sample.error else "not measured")
    return Cost(min(sample.instructions / sample.count for sample in counted if sample),
                min(sample.ns / sample.count for sample in timed if sample))


def on_cairn(kernel: Path, image: Path, counting: bool, rows: list[str], *, program: str,
             memory_mib: int = 128) -> Samples:
    """One run on Cairn, with the image as its root. Raises GuestFailure and HarnessFault."""
    with TemporaryDirectory(prefix="cairn-bench-") as folder:
        marks = Path(folder) / "marks"
        with Machine(kernel, initrd=BUILT / "programs.cpio", options="channel log=warn", memory_mib=memory_mib,
                     disks=[DataDisk(image, snapshot=True)], icount=0 if counting else None,
                     extra_arguments=plugin(marks) if counting else ()) as machine:
            machine.channel.command(f"run {program} {' '.join(['/', *rows])} &")
            machine.console.wait_for(rf"{program}: done\r?\n")
            text = machine.console.text
        return samples(text, read_marks(marks) if counting else None)


def on_linux(image: Path, counting: bool, rows: list[str], *, program: str, memory_mib: int = 128) -> Samples:
    """One run on Linux. Raises HarnessFault."""
    run = linux_vm.run_on_linux(BUILT / f"{program}.elf", ["/mnt", *rows], disk=image, icount=0 if counting else None,
                                marks=counting, memory_mib=memory_mib)
    return samples(run.output, run.marks if counting else None)


def samples(text: str, marks: list[Mark] | None) -> Samples:
    """The program's lines; with marks also the instructions of each row. Raises GuestFailure, HarnessFault."""
    lines = list(LINE.finditer(text))
    if not lines:
        raise GuestFailure(f"the program measured nothing; it said: {text.strip()[-200:]}")
    instructions = [0] * len(lines)
    if marks is not None:
        passed = [mark for mark in marks if mark.number in (START, END)]
        starts, ends = passed[::2], passed[1::2]
        if len(passed) != 2 * len(lines) or any(mark.number != START for mark in starts):
            raise HarnessFault(f"{len(lines)} rows passed {len(passed)} marks")
        instructions = [end.instructions - start.instructions for start, end in zip(starts, ends)]
    return {line[1]: Sample(int(line[2] or 0), int(line[3] or 0), counted, line[4] or "")
            for line, counted in zip(lines, instructions)}
