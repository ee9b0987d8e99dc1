"""A mapped file larger than memory: its pages come and go, and leave memory to others."""

from __future__ import annotations

from pathlib import Path

from grading.machine.machine import Machine
from grading.suite.disks import mke2fs
from grading.suite.rubric_runs import PROGRAMS

MEMORY = 48  # MiB
SIZE = 80  # MiB, of holes mostly
OTHER = 16  # MiB


def test_a_mapped_file_leaves_memory_to_others(complete: Path, tmp_path: Path) -> None:
    disk = mke2fs(tmp_path / "disk", 40 << 20)
    with Machine(complete / "kernel.elf", PROGRAMS, options="channel root=tmpfs", disks=[disk], memory_mib=MEMORY) as machine:
        command = machine.channel.command
        command("mkdir /mnt")
        command("mount vda /mnt")
        assert command(f"run large_map /mnt/large {SIZE} {OTHER}").lines[-1].endswith("exited status=0")
        cache = command("metrics cache.evicted").number("cache.evicted")
        assert cache > (SIZE - MEMORY) << 8
