"""The file calls answer as Linux does: the same static programs on both, compared line by line.

On the host each program runs in a bubblewrap cell that holds nothing but the program, a fresh folder
and devices of its own: what the calls do, they can do to those alone. A program prints
sections (user/tests/file_calls.h); those that this host can't run, for want of root or because of its
file system, are left out of the comparison and named at its end.
"""

from __future__ import annotations

import difflib
import os
import re
import resource
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from grading import ROOT
from grading.judge.ext2_images import make
from grading.judge.ext2_judge import check_clean
from grading.machine.machine import Machine
from grading.suite import linux_cell
from grading.suite.conftest import run_make

USER = ROOT / "build" / "user"
PROGRAMS = sorted(path.stem for path in (ROOT / "user" / "tests").glob("file_*.c"))
LINE = re.compile(r"calls: \[(\w+)\] (.*?)(?=\r?\n)")
TROUBLE = re.compile(r"^\[\w+\] (SETUP|HANGS|ENDS)")  # a section that could not do what it should
WANTED_LINES = 4000  # over all programs
NEEDS_ROOT = {"owners", "devices", "mounterrors",  # chown to others, device nodes, mounting ext2
              "identities", "opening", "making", "searching", "really", "written", "removing", "ownersonly", "linking",
              "changing", "groups", "asking", "privileges", "sending", "newroot", "userprocesses", "foreignlimits",
              "ptyopening", "ptylines", "slavecloses", "mastercloses", "ptysessions", "ptyjobs", "ptyhangup", "leadersend",
              "ptypackets", "ptywatching", "niceness", "nicevalues", "nicegroups", "niceforeign"}  # other users
NEEDS_DISK = {"toolarge", "beyond"}  # tmpfs has no largest file; it keeps what was written beyond the end
COUNTS_FOLDERS = {"folderlinks"}  # linux_cell.counts_folders()
LINUX_S = 120
BLOCK_SIZES = (1024, 4096)
DISK_MIB = 40


@dataclass(frozen=True)
class Answers:
    """What the programs printed, and the disk that they used."""

    lines: dict[str, list[str]]
    disk: Path


def lines(text: str) -> list[str]:
    """The programs' own lines, as `[section] text`."""
    return [f"[{match[1]}] {match[2]}" for match in LINE.finditer(text)]


def section(line: str) -> str:
    """The section that a line belongs to."""
    return line[1:].partition("]")[0]


def on_linux(name: str, folder: Path) -> list[str]:
    """What the program prints here, within the fresh folder `folder`."""
    (folder / "work").mkdir()
    command = [*linux_cell.cell(folder / "dev", "--ro-bind", USER / f"{name}.elf", f"/{name}.elf", "--dev-bind", folder / "work", "/work"),
               "--chdir", "/work", f"/{name}.elf", "/work"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="surrogateescape", timeout=LINUX_S,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)))
    assert done.returncode == 0, f"{name} on Linux ended with {done.returncode}: {done.stderr}"
    return lines(done.stdout)


@pytest.fixture
def folder() -> Iterator[Path]:
    with linux_cell.folder("file-calls") as path:
        yield path


def left_out(folder: Path) -> set[str]:
    """Sections that this host can't run as they are meant."""
    sections = set() if os.geteuid() == 0 else set(NEEDS_ROOT)
    if not linux_cell.counts_folders(folder):
        sections |= COUNTS_FOLDERS
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True).stdout.strip()
    if kind == "tmpfs":
        sections |= NEEDS_DISK
    return sections


@pytest.mark.parametrize("name", PROGRAMS)
def test_linux_answers_alike_each_time(name: str, folder: Path) -> None:
    """What is compared must not depend on chance, and the programs must do what they mean to."""
    run_make(ROOT, "programs")
    answers = []
    for which in ("first", "second"):
        (folder / which).mkdir()
        answers.append(on_linux(name, folder / which))
    assert answers[0] == answers[1]
    assert answers[0][-1] == f"[end] {name} done"
    wrong = [line for line in answers[0] if TROUBLE.search(line) and section(line) not in left_out(folder)]
    assert not wrong, wrong


@pytest.fixture(scope="module", params=BLOCK_SIZES, ids=lambda size: f"{size}-byte-blocks")
def cairn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """All programs, one after the other on one machine, whose root is an ext2 disk with such blocks."""
    run_make(ROOT, "programs", "image", "LAB=b")
    disk = make(tmp_path_factory.mktemp("disk") / "disk.img", "empty", size=DISK_MIB << 20, block_size=request.param)
    answers = {}
    with Machine(ROOT / "build" / "b" / "kernel.elf", initrd=USER / "programs.cpio", options="channel log=warn",
                 disks=[disk.path]) as machine:
        for name in PROGRAMS:
            machine.channel.command(f"run {name} /{name} &")
            answers[name] = lines(machine.console.read_to(rf"calls: \[end\] {name} done\r?\n"))
        machine.channel.command("sync")
    return Answers(answers, disk.path)


@pytest.mark.parametrize("name", PROGRAMS)
def test_cairn_answers_as_linux_does(name: str, cairn: Answers, folder: Path) -> None:
    skipped = left_out(folder)
    expected = [line for line in on_linux(name, folder) if section(line) not in skipped]
    seen = [line for line in cairn.lines[name] if section(line) not in skipped]
    assert len(expected) > 50
    differences = "\n".join(difflib.unified_diff(expected, seen, "Linux", "Cairn", lineterm="", n=1))
    assert not differences, f"left out on this host: {sorted(skipped) or 'nothing'}\n{differences}"


def test_maps_on_tmpfs_answer_as_linux_does(folder: Path) -> None:
    """Without a disk the root is a tmpfs."""
    run_make(ROOT, "programs", "kernel", "LAB=b")
    with Machine(ROOT / "build" / "b" / "kernel.elf", initrd=USER / "programs.cpio", options="channel log=warn") as machine:
        machine.channel.command("run file_maps /maps &")
        seen = lines(machine.console.read_to(r"calls: \[end\] file_maps done\r?\n"))
    skipped = left_out(folder)
    expected = [line for line in on_linux("file_maps", folder) if section(line) not in skipped]
    differences = "\n".join(difflib.unified_diff(expected, [line for line in seen if section(line) not in skipped],
                                                 "Linux", "Cairn", lineterm="", n=1))
    assert not differences, differences


def test_the_disk_is_sound_afterwards(cairn: Answers) -> None:
    check_clean(cairn.disk)


def test_there_are_enough_lines(cairn: Answers) -> None:
    assert sum(len(answer) for answer in cairn.lines.values()) > WANTED_LINES


def test_the_largest_numbers_are_defined(folder: Path, pytestconfig: pytest.Config) -> None:
    """DEBUG=1 panics where C++ leaves a sum, a negation or a shift undefined."""
    if not pytestconfig.getoption("--all"):
        pytest.skip("builds one more kernel: make test-all")
    run_make(ROOT, "programs", "kernel", "LAB=b", "DEBUG=1")
    disk = make(folder / "disk.img", "empty", size=DISK_MIB << 20, block_size=4096)
    with Machine(ROOT / "build" / "b-debug" / "kernel.elf", initrd=USER / "programs.cpio", options="channel log=warn",
                 disks=[disk.path]) as machine:
        for name in ("file_limits", "file_data", "file_locks", "file_poll", "file_times"):
            machine.channel.command(f"run {name} /{name} &")
            machine.console.read_to(rf"calls: \[end\] {name} done\r?\n")
