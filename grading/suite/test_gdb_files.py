"""GDB's commands for files, by a real gdb on a real QEMU: what they print agrees with what the processes
did and with what the monitor says."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from grading.judge import ext2_images
from grading.machine.machine import Machine
from grading.machine.puppets import Puppets
from grading.suite.rubric_runs import PROGRAMS
from grading.suite.test_gdb import debug
from grading.tests.b.process import Process

MARK = "echo \\n<<<\\n"


@dataclass
class Seen:
    """A machine whose stub gdb may have, and what its processes did."""

    kernel: Path
    socket: Path
    process: Process
    first: int  # descriptors
    second: int
    inode: int
    mounts: list[str]

    def gdb(self, *commands: str) -> list[str]:
        """What each of the commands printed."""
        marked = [word for command in commands for word in (MARK, command)]
        text = debug(self.kernel, self.socket, *marked, MARK)
        return [part.strip("\n") for part in text.split("\n<<<\n")[1:-1]]


@pytest.fixture(scope="module")
def seen(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("files")
    kernel = Path(shutil.copy(complete / "kernel.elf", folder))
    disk = ext2_images.image("empty").copy(folder / "disk.img")
    with Machine(kernel, PROGRAMS, disks=[disk]) as machine:
        process = Process.start(Puppets(machine, "os_puppet"))
        process.mkdir("/folder")
        first = process.open("/folder/file", os.O_RDWR | os.O_CREAT)
        process.write(first, b"12345")
        second = process.open("/folder/file", os.O_RDONLY | os.O_CLOEXEC)
        process.fails("ENOENT").open("/folder/missing")
        inode = process.fstat(first).inode
        mounts = machine.channel.command("mount").lines
        socket = folder / "gdb.sock"
        machine.monitor(f"chardev-add socket,id=debugger,path={socket},server=on,wait=off")
        machine.monitor("gdbserver chardev:debugger")
        yield Seen(kernel, socket, process, first, second, inode, mounts)


def test_files_of_a_process(seen: Seen) -> None:
    (text,) = seen.gdb(f"cairn files {seen.process.pid}")
    lines = {int(line.split()[0]): line for line in text.splitlines()[1:]}
    assert set(lines) == {0, 1, 2, seen.first, seen.second}
    assert re.search(rf"rw position 5 .*inode {seen.inode} \(regular, size 5\)", lines[seen.first])
    assert re.search(r"r- position 0 .*close-on-exec$", lines[seen.second]) and "close-on-exec" not in lines[seen.first]
    assert "current directory inode 2, umask 022" in text


def test_inodes(seen: Seen) -> None:
    one, used, missing, elsewhere = seen.gdb(f"cairn inode {seen.inode}", "cairn inode", "cairn inode 999999", "cairn inode 2 sda")
    assert re.search(rf"^inode {seen.inode} +regular +size 5 +links 1 ", one)
    assert f"inode {seen.inode} " in used and re.search(r"^inode 2 +directory", used, re.MULTILINE)
    assert missing == "cairn inode: inode 999999 is not in memory, on vda"
    assert elsewhere.startswith("cairn inode: no file system on sda; there are: vda (ext2)")


def test_names(seen: Seen) -> None:
    everything, folder = seen.gdb("cairn dentries", "cairn dentries 2")
    assert re.search(rf"^ +\d+ file +inode {seen.inode}$", everything, re.MULTILINE)
    assert re.search(r"^ +\d+ missing +no such name$", everything, re.MULTILINE)
    assert re.search(r"^ +2 folder +inode \d+$", folder, re.MULTILINE) and "missing" not in folder


def test_mounts(seen: Seen) -> None:
    (text,) = seen.gdb("cairn mounts")
    assert re.search(r"^vda +ext2 +rw references", text, re.MULTILINE)
    assert len(re.findall(r"^mount 0x", text, re.MULTILINE)) == len(seen.mounts)
    assert re.search(r"^mount \w+ of vda: root inode 2 is the root; ", text, re.MULTILINE)


def test_a_stage_without_files(built: Path, tmp_path: Path) -> None:
    kernel = Path(shutil.copy(built / "kernel.elf", tmp_path))
    with Machine(kernel, PROGRAMS) as machine:
        socket = tmp_path / "gdb.sock"
        machine.monitor(f"chardev-add socket,id=debugger,path={socket},server=on,wait=off")
        machine.monitor("gdbserver chardev:debugger")
        assert "they come with lab b" in debug(kernel, socket, "cairn mounts")
