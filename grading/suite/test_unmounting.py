"""A mount can be taken away while others look at all mounts, as `sync` and the flusher do: they don't use it."""

from __future__ import annotations

from pathlib import Path

from grading.judge import ext2_judge
from grading.machine.machine import Machine
from grading.suite.disks import mke2fs
from grading.suite.rubric_runs import PROGRAMS
from grading.tests.b.guest import Guest
from grading.tests.b.structures import NUMBERS

ROUNDS = 60


def test_a_mount_that_is_being_synced_can_go(complete: Path, tmp_path: Path) -> None:
    disk = mke2fs(tmp_path / "disk.img", 4 << 20)
    with Machine(complete / "kernel.elf", PROGRAMS, options="channel root=tmpfs", disks=[disk]) as machine:
        command = machine.channel.command
        command("mkdir /mnt")
        process = Guest(machine).process()
        process.puppets.send(process.pid, "each", 0, 1_000_000, 1, NUMBERS["sync"])
        for number in range(ROUNDS):
            command("mount vda /mnt")
            command(f"write /mnt/{number} word")
            command("umount /mnt")
        assert f"pid={process.pid} " in "\n".join(command("ps").lines), "nobody synced meanwhile"
    ext2_judge.check_clean(disk)
    assert all(ext2_judge.read_file(disk, f"/{number}") == b"word\n" for number in range(ROUNDS))
