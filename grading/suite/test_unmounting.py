"""When a mount can be taken away, and when it can be made: whoever looks at all mounts, as `sync` and the flusher do, doesn't use
them; a disk is mounted or a partition of it."""

from __future__ import annotations

from pathlib import Path

from grading.judge import ext2_judge
from grading.machine.machine import Machine
from grading.suite.disks import mke2fs
from grading.suite.partition_tables import SECTOR, mbr_sector
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


def test_a_disk_and_a_partition_of_it_are_not_mounted_at_once(complete: Path, tmp_path: Path) -> None:
    """Both hold an ext2 here, and what is written to one would be written over by the other."""
    disk, inner = mke2fs(tmp_path / "disk.img", 8 << 20, "-b", "1024"), mke2fs(tmp_path / "inner.img", 1 << 20)
    content, first = bytearray(disk.read_bytes()), (5 << 20) // SECTOR
    content[first * SECTOR : first * SECTOR + (1 << 20)] = inner.read_bytes()
    content[:SECTOR] = mbr_sector([(0x83, first, (1 << 20) // SECTOR)])
    disk.write_bytes(content)
    with Machine(complete / "kernel.elf", PROGRAMS, options="channel root=tmpfs", disks=[disk]) as machine:
        command = machine.channel.command
        command("mkdir /a")
        command("mkdir /b")
        for one, other in (("vda", "vda1"), ("vda1", "vda")):
            command(f"mount {one} /a")
            for access in ("", " ro"):
                assert machine.channel.try_command(f"mount {other} /b ext2{access}").errno == "EBUSY"
            command(f"mount {one} /b")  # the same one is another matter
            command("umount /b")
            command("umount /a")
            command(f"mount {other} /b")
            command("umount /b")
