"""A machine whose root is a disk with programs, and what the host sees of processes that run them."""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grading.grader.foundations import Foundation
from grading.judge import page_walk
from grading.judge.check import CheckFailed, check_that
from grading.machine.failures import HarnessFault
from grading.machine.machine import Machine
from grading.machine.puppets import PATIENCE, Puppets
from grading.tests.a import outside
from grading.tests.b.process import Process
from grading.tests.c.elf_files import PAGE, small

OPTIONS = "graded channel root=vda"
PUPPET = "os_puppet"
SIZE = 12 << 20  # bytes of the disk

Files = Mapping[str, bytes | tuple[bytes, int] | str]  # content, content and permissions, or a symbolic link's target, by path
Boot = Callable[..., Machine]


def make_disk(folder: Path, files: Files) -> Path:
    """An ext2 image with these files, all root's; executable unless told otherwise. Raises HarnessFault."""
    tree, image = folder / "tree", folder / "root.img"
    for name in ("dev", "tmp"):
        (tree / name).mkdir(parents=True, exist_ok=True)
    for path, given in files.items():
        file = tree / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(given, str):
            file.symlink_to(given)
            continue
        content, mode = given if isinstance(given, tuple) else (given, 0o755)
        file.write_bytes(content)
        file.chmod(mode)
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    command = ["mke2fs", "-q", "-F", "-t", "ext2", "-b", "4096", "-m", "0", "-N", "2048", "-E", "root_owner=0:0", "-d", str(tree),
               str(image), str(SIZE // PAGE)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HarnessFault(f"mke2fs failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return image


def elf_program(folder: Path, name: str) -> bytes:
    """One of the course's programs, as make built it beside the archive. Raises HarnessFault."""
    path = folder / f"{name}.elf"
    try:
        return path.read_bytes()
    except OSError as error:
        raise HarnessFault(f"{path}: {error.strerror}; make programs builds it") from error


@dataclass
class Guest:
    """A running machine."""

    machine: Machine
    puppets: Puppets = field(init=False)

    def __post_init__(self) -> None:
        self.puppets = Puppets(self.machine, PUPPET)

    def caller(self) -> Process:
        """A process that makes calls, an os_puppet from the archive: a flat program, which needs nothing of lab C."""
        return Process.start(self.puppets)

    def elf_caller(self) -> Process:
        """The same, started from /elf/os_puppet."""
        return Process.start(Puppets(self.machine, f"/elf/{PUPPET}"))

    def start(self, path: str) -> int:
        """Runs a program in the background until it waits; its pid."""
        pid = self.machine.channel.command(f"run {path} &").number("pid")
        self.wait_for(pid, path)
        return pid

    def look_at(self, pid: int) -> dict[str, str]:
        """The process's line of `ps`."""
        return self.puppets.processes().get(pid, {"name": "", "state": "gone", "wait": "-"})

    def wait_for(self, pid: int, path: str, name: str = "") -> None:
        """Until the process runs a program of that name (path's last component, unless told) and waits in poll(), or a
        puppet for its line. Raises CheckFailed if it ends."""
        wanted = name or path.rpartition("/")[2]
        for _ in range(PATIENCE):
            process = self.look_at(pid)
            if process["wait"] in ("poll", "input") or process["state"] in ("zombie", "gone"):
                break
        if process["name"] == wanted and process["wait"] in ("poll", "input"):
            return
        raise CheckFailed(f"process {pid}, which executes {path}, a program that waits", f"name={wanted} wait=poll",
                          " ".join(f"{key}={process[key]}" for key in ("name", "state", "wait")) + " " + self.puppets.last_words(pid))

    def run(self, path: str) -> str:
        """Runs a program to its end: "exited status=3"."""
        return self.machine.channel.command(f"run {path}").lines[-1].partition(" ")[2]

    def end(self, *pids: int) -> None:
        """Kills processes."""
        self.puppets.end(*pids)

    def kill(self, pid: int) -> None:
        """Kills a process that another one waits for, or doesn't."""
        self.machine.channel.command(f"kill {pid}")
        self.puppets.until(pid, "zombie", "gone")

    # -- what the host sees ------------------------------------------------------------------------

    def pages(self, pid: int) -> page_walk.PageMap:
        """What a process has mapped."""
        return outside.user_half(self.machine, self.puppets.root(pid))

    def memory(self, pid: int) -> Memory:
        """What is in a process's memory."""
        return Memory(self.machine, self.pages(pid))

    def regions(self, pid: int) -> list[tuple[int, int, str, str]]:
        """The lines of `vm`: (start, end, "r-x", kind)."""
        lines = self.machine.channel.command(f"vm {pid}").values()
        return [(int(line["start"], 0), int(line["end"], 0), line["access"], line["kind"]) for line in lines]

    def frames_in_use(self) -> dict[str, int]:
        """Frames by what they are used for, but for those that caches and the heap keep for later."""
        uses = {line["use"]: int(line["frames"]) for line in self.machine.channel.command("frames").values() if "use" in line}
        return {use: count for use, count in uses.items() if use in ("user", "page-table")}


@dataclass
class Memory:
    """A process's memory, read from outside."""

    machine: Machine
    pages: page_walk.PageMap

    def read(self, address: int, size: int, what: str = "memory of the process") -> bytes:
        """Raises CheckFailed where nothing is mapped."""
        data = b""
        while size > len(data):
            at = address + len(data)
            page = self.pages.at(at)
            check_that(page, expected="mapped", seen="not mapped", what=f"{what}, at {at:#x}")
            assert page
            count = min(size - len(data), PAGE - at % PAGE)
            with self.machine.stopped():
                data += self.machine.read_phys(page.physical + (at - page.virtual), count)
        return data

    def word(self, address: int, what: str = "memory of the process") -> int:
        return struct.unpack("<Q", self.read(address, 8, what))[0]

    def string(self, address: int, what: str, most: int = 8192) -> bytes:
        """A string without its NUL."""
        data = b""
        while len(data) < most:
            part = self.read(address + len(data), PAGE - (address + len(data)) % PAGE, what)
            text, end, _ = part.partition(b"\0")
            data += text
            if end:
                return data
        raise CheckFailed(f"{what}, at {address:#x}", "a string that ends with a NUL", f"{len(data)} bytes without one")


def _elf_starts(boot: Boot) -> None:
    with tempfile.TemporaryDirectory(prefix="cairn-exec-") as folder:
        guest = Guest(boot(options=OPTIONS, disks=[make_disk(Path(folder), {"/bin/seven": small(7).to_bytes()})]))
        seen = guest.run("/bin/seven")
    check_that(seen == "exited status=7", expected="exited status=7", seen=seen, what="a small ELF program that exits with 7")


STARTS = Foundation("a small ELF program starts", _elf_starts)
