"""The end of the machine: from root's shell through init, and by reboot(2) itself."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from grading.judge import ext2_judge
from grading.machine.failures import GuestExited
from grading.machine.machine import Machine
from grading.suite.login import answer, boot, log_in
from grading.suite.rubric_runs import PROGRAMS
from grading.tests.b.guest import Guest

PARTITION = 1 << 20  # bytes before it
CLEAN = PARTITION + 1024 + 58  # the superblock's s_state
MAGIC, MAGICS = 0xFEE1DEAD, (0x28121969, 0x05121996, 0x16041998, 0x20112000)
KEYS_OFF, KEYS_ON, RESTART, RESTART_WITH_WORDS, SUSPEND, KEXEC = 0, 0x89ABCDEF, 0x01234567, 0xA1B2C3D4, 0xD000FCE2, 0x45584543


@pytest.mark.parametrize("command", ["poweroff", "reboot", "halt"])
def test_the_machine_ends_with_clean_disks(complete: Path, tmp_path: Path, command: str) -> None:
    disk = shutil.copy(complete / "disk.img", tmp_path / "disk.img")
    with boot(complete, disk=disk) as machine:
        log_in(machine)
        assert answer(machine, "echo kept >/home/student/note; cat /dev/urandom | head -c 100000 >noise; sleep 1000 & true") == ""
        machine.console.send(f"{command}\r")
        if command == "halt":
            machine.console.wait_for(r"power: halted\r\n")
        else:
            with pytest.raises(GuestExited) as ended:
                machine.console.wait_for("never")
            assert ended.value.reason == {"poweroff": "shutdown", "reboot": "reset"}[command]
        assert "system is going down NOW" in machine.console.text
    assert disk.read_bytes()[CLEAN : CLEAN + 2] == b"\1\0"
    ext2_judge.check_clean(disk, PARTITION)
    assert ext2_judge.read_file(disk, "/home/student/note", PARTITION) == b"kept\n"
    assert len(ext2_judge.read_file(disk, "/root/noise", PARTITION)) == 100_000


def test_others_may_not(complete: Path) -> None:
    with boot(complete) as machine:
        log_in(machine, "student")
        assert "not permitted" in answer(machine, "kill -USR2 1", "student")  # as poweroff asks init
        assert "not permitted" in answer(machine, "/sbin/reboot -f", "student")


def test_reboot_s_arguments(complete: Path) -> None:
    """Who is asked comes before the magic numbers, these before what is to be done: as on Linux."""
    with Machine(complete / "kernel.elf", PROGRAMS, options="channel") as machine:
        process = Guest(machine).process()
        reboot = lambda *arguments: process.attempt().call("reboot", *arguments)  # noqa: E731
        for second in MAGICS:
            assert [reboot(MAGIC, second, operation, 0) for operation in (KEYS_OFF, KEYS_ON)] == [0, 0]
            assert reboot(MAGIC - 1, second, KEYS_OFF, 0) == reboot(MAGIC, second + 1, KEYS_OFF, 0) == -errno.EINVAL
            assert reboot(MAGIC | 7 << 32, second | 7 << 32, KEYS_OFF | 7 << 32, 0) == 0  # they are ints
        assert {reboot(MAGIC, MAGICS[0], operation, 0) for operation in (SUSPEND, KEXEC, 1)} == {-errno.EINVAL}
        assert reboot(MAGIC, MAGICS[0], RESTART_WITH_WORDS, 1 << 50) == -errno.EFAULT
        process.call("setuid", 1000)
        assert {reboot(magic, MAGICS[0], operation, 0) for magic in (MAGIC, 0) for operation in (KEYS_OFF, RESTART, 1)} == {-errno.EPERM}
