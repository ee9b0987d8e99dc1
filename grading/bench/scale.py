"""What calls cost as something grows, on Cairn and on Linux: `make bench LAB=b SCALE=1`.

user/bench/scale.c runs on copies of one image, once on each system, with instructions counted as in against_linux.py. Each
row has a few counts N; what an operation costs should stay flat or grow with the logarithm, unless the row's work is N itself
(a fork copies N pages). A count that needs more instructions than on Linux is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.table import Table

from grading.bench import against_linux, linux_vm
from grading.bench.against_linux import Sample, Samples
from grading.judge import ext2_images
from grading.machine.failures import HarnessFault

AIM = 1.0  # of Linux's instructions
MEMORY_MIB = 1536  # ten thousand processes on Linux

ROWS = {
    "fork_pages": "fork, exit and wait with N pages touched",
    "fork_far_pages": "the same, the pages 2 MiB apart",
    "fork_regions": "the same with N regions",
    "fork_files": "the same with N descriptors",
    "mprotect_regions": "mprotect of a page among N regions",
    "mmap_regions": "mmap and munmap of a page beside N regions",
    "fault_regions": "first write to a page among N regions",
    "open_files": "open and close beside N descriptors",
    "open_elsewhere": "open and close beside N descriptors of other processes",
    "poll_files": "poll of N descriptors",
    "lock_other_file": "lock and unlock beside N locks on another file",
    "lock_same_file": "lock and unlock beside N locks on the same file",
    "open_other_locks": "open and close beside N locks on another file",
    "waitpid_zombies": "waitpid of a certain one of N zombies",
    "fork_processes": "fork, exit and wait beside N processes",
    "kill_processes": "kill(pid, 0) of one of N processes",
    "pipe_processes": "a byte to a process and back, beside N processes",
    "thread_threads": "start and join a thread beside N others",
    "futex_threads": "wake one of N threads that wait for futexes, and be woken by it",
    "getcwd_names": "getcwd in a folder beside N names",
    "rename_names": "rename over the last of N names, and make it anew",
    "create_names": "create and remove beside N names",
    "fsync_dirty": "fsync of one page beside N dirty ones elsewhere",
}


@dataclass(frozen=True)
class Point:
    """One count of a row. linux: None where there is no Linux to compare with."""

    name: str
    n: int
    cairn: Sample
    linux: Sample | None

    @property
    def ratio(self) -> float | None:
        """Cairn's instructions over Linux's."""
        if self.linux is None or not self.linux.count or not self.cairn.count:
            return None
        return each(self.cairn) / each(self.linux)

    @property
    def missed(self) -> bool:
        """Whether Cairn needs more than Linux."""
        return self.ratio is not None and self.ratio > AIM


@dataclass(frozen=True)
class Growth:
    """All points, by row and count. release: Linux's, or "" with `missing` saying why there is no Linux."""

    points: list[Point]
    release: str = ""
    missing: str = ""


def each(sample: Sample) -> float:
    """Instructions of one operation."""
    return sample.instructions / sample.count


def measure(kernel: Path, show: Callable[[str], None], *, rows: Iterable[str] = (), with_linux: bool = True) -> Growth:
    """Runs the program. rows: only these; show: told what is being done. Raises GuestFailure and HarnessFault."""
    wanted = list(rows)
    show("making the image")
    image = ext2_images.image("bench").path
    release, missing, linux = "", "not asked for", None
    if with_linux:
        show("Linux")
        try:
            release, missing = linux_vm.fetch().release, ""
            linux = against_linux.on_linux(image, True, wanted, program="scale", memory_mib=MEMORY_MIB)
        except HarnessFault as fault:
            release, missing = "", str(fault)
    show("Cairn")
    cairn = against_linux.on_cairn(kernel, image, True, wanted, program="scale", memory_mib=MEMORY_MIB)
    return Growth(points(cairn, linux), release, missing)


def points(cairn: Samples, linux: Samples | None) -> list[Point]:
    """The points in the program's order; a name there is ROW/N."""
    found = []
    for name, sample in cairn.items():
        row, _, count = name.partition("/")
        other = None if linux is None else linux.get(name, Sample(error="not measured"))
        found.append(Point(row, int(count), sample, other))
    return found


def table(growth: Growth) -> Table:
    """Instructions of one operation; what costs more than on Linux is marked."""
    linux = f"Linux {growth.release}" if growth.release else "Linux"
    result = Table(box=box.SIMPLE_HEAD, title=f"instructions of one operation as N grows, on Cairn and on {linux}",
                   caption="" if growth.release else f"no Linux to compare with: {growth.missing}")
    result.add_column("operation")
    for heading in ("N", "Cairn", "Linux", "ratio"):
        result.add_column(heading, justify="right")
    result.add_column("")
    before = ""
    for point in growth.points:
        first, before = point.name != before, point.name
        notes = [ROWS.get(point.name, "")] if first else []
        notes += [f"[{system}: {sample.error}]" for system, sample in (("Cairn", point.cairn), ("Linux", point.linux)) if sample and sample.error]
        notes += ["[more than Linux]"] if point.missed else []
        result.add_row(point.name if first else "", f"{point.n:,}", _figure(point.cairn), _figure(point.linux),
                       "" if point.ratio is None else f"{point.ratio:.2f}", " ".join(notes),
                       style="red" if point.cairn.error else "yellow" if point.missed else "")
    return result


def _figure(sample: Sample | None) -> str:
    return f"{each(sample):,.0f}" if sample and sample.count else "-"


def as_json(growth: Growth) -> dict[str, object]:
    """What build/bench/b-scale.json holds; figures are those of one operation."""
    def figure(sample: Sample | None) -> float | str | None:
        return None if sample is None else round(each(sample), 1) if sample.count else sample.error

    return {"lab": "b", "unit": "instructions", "linux_release": growth.release or None, "linux_missing": growth.missing or None,
            "points": [{"name": point.name, "what": ROWS.get(point.name, ""), "n": point.n, "cairn": figure(point.cairn),
                        "linux": figure(point.linux), "ratio": None if point.ratio is None else round(point.ratio, 3)}
                       for point in growth.points]}
