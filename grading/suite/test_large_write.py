"""One write() larger than the memory that dirty pages may take: it waits for write-back, and all of it arrives."""

from __future__ import annotations

import time
from array import array
from pathlib import Path

import pytest

from grading.judge import ext2_judge
from grading.machine.machine import Machine
from grading.suite.disks import mke2fs
from grading.suite.rubric_runs import PROGRAMS

MEMORY = 64  # MiB
SIZE = 32  # MiB: with as many of dirty pages beside the program's own, memory would be used up
SLACK = 64  # pages that a piece of a write may add before it looks
BACKSTOP_S = 600  # a write that takes longer is stuck


def numbers(line: str) -> dict[str, int]:
    return {key: int(value) for key, _, value in (word.partition("=") for word in line.split())}


@pytest.mark.parametrize("file", ["/mnt/large", "/dev/vda"])
def test_dirty_pages_stay_within_their_limit(complete: Path, tmp_path: Path, file: str) -> None:
    disk = mke2fs(tmp_path / "disk", 40 << 20)
    with Machine(complete / "kernel.elf", PROGRAMS, options="channel root=tmpfs", disks=[disk], memory_mib=MEMORY) as machine:
        command = machine.channel.command
        if file.startswith("/mnt/"):
            command("mkdir /mnt")
            command("mount vda /mnt")
        pid = command(f"run large_write {file} {SIZE} 1 &").number("pid")
        seen, deadline = [], time.monotonic() + BACKSTOP_S
        while any(f"pid={pid} " in line and "state=zombie" not in line for line in command("ps").lines):
            seen.append(numbers(command("cache").lines[0]))
            assert time.monotonic() < deadline, f"it didn't end within {BACKSTOP_S} s: {seen[-1]}"
        assert command(f"wait {pid}").lines[-1].endswith("exited status=0")
        assert max(cache["dirty"] for cache in seen) > 0
        assert [cache for cache in seen if cache["dirty"] > cache["dirty_limit"] + SLACK] == []
        command("sync")
        if file.startswith("/mnt/"):
            command("umount /mnt")
    expected = array("I", range(SIZE << 18)).tobytes()
    if file == "/dev/vda":
        assert disk.read_bytes()[: SIZE << 20] == expected
    else:
        ext2_judge.check_clean(disk)
        assert ext2_judge.read_file(disk, "/large") == expected
