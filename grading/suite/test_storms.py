"""Programs take all there is of something: processes, descriptors, the disk, the terminal's memory. Then they get an error,
the shell answers as before, nothing is lost, and the disk is sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.judge import ext2_judge
from grading.judge.disk_image import root_partition
from grading.judge.ext2_images import copy_sparse
from grading.machine.failures import GuestExited
from grading.machine.machine import Machine
from grading.suite.disks import mke2fs
from grading.suite.login import answer, boot, key, log_in, prompt
from grading.suite.samples import ALL_PROCESSES, PROCESSES

SLACK = 16  # frames: objects of one size share frames
PIDS_A_FRAME, MAX_PIDS = 128, 32768  # the kernel's table grows until pids come again
COUNTS = ("processes", "free blocks", "free inodes")
AT_ONCE = 1000  # processes of one command, so that the console isn't silent for long
SOME_PROCESSES = 512  # more than one of the other tests starts
INODES = 128  # of a disk that soon has no more
BOMB = "ulimit -u 40; bomb() { bomb | bomb & }; bomb"


@pytest.fixture(scope="module")
def machine(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Where root is logged in. In the end it is switched off, and its disk is checked."""
    folder = tmp_path_factory.mktemp("storms")
    disk = copy_sparse(complete / "disk.img", folder / "disk.img")
    small = mke2fs(folder / "small.img", 1 << 20, "-N", str(INODES))
    with boot(complete, disk=disk, more_disks=[small]) as running:
        log_in(running)
        answer(running, "cat /dev/zero >large; rm large")  # the page cache's table grows to what the disk holds
        yield running
        running.console.send("\rpoweroff\r")
        with pytest.raises(GuestExited):
            running.console.wait_for("never")
    ext2_judge.check_clean(disk, root_partition(disk).offset)
    ext2_judge.check_clean(small)


def census(machine: Machine) -> dict[str, int]:
    """Frames by use but for those that caches keep, processes, and what is free on the disk."""
    machine.channel.command("cache drop")
    frames = {line["use"]: int(line["frames"]) for line in machine.channel.command("frames").values() if "use" in line}
    for kept in ("cache", "dma", "stack"):  # stacks wait for the next threads
        del frames[kept]
    disk = re.findall(r"\d+", answer(machine, "stat -f -c '%f %d' /"))
    return frames | {"processes": len(machine.channel.command("ps").lines), "free blocks": int(disk[0]), "free inodes": int(disk[1])}


def check_nothing_is_lost(before: dict[str, int], after: dict[str, int], processes: int) -> None:
    """`processes` is how many came and went, or somewhat more."""
    assert {name: after[name] for name in COUNTS} == {name: before[name] for name in COUNTS}
    grown = {use: after[use] - before[use] for use in before if use not in COUNTS}
    grown["heap"] -= -(-min(processes, MAX_PIDS) // PIDS_A_FRAME)
    assert max(grown.values()) <= SLACK, grown


@pytest.fixture
def unharmed(machine: Machine) -> Iterator[Machine]:
    """The machine, which must be as before in the end."""
    answer(machine, "cd /root; true | true")
    before = census(machine)
    yield machine
    check_nothing_is_lost(before, census(machine), SOME_PROCESSES)


def test_a_fork_bomb_ends_at_its_limit(unharmed: Machine) -> None:
    answer(unharmed, f"su student -c '{BOMB}; sleep 1' >/tmp/said 2>&1")
    # What is left of it; and until init has waited for all.
    answer(unharmed, "while ps -o user | grep -q student; do su student -c 'kill -9 -1'; done")
    assert "can't fork: Resource temporarily unavailable" in answer(unharmed, "sort -u /tmp/said; rm /tmp/said")
    assert answer(unharmed, "su student -c 'id -un; true | cat; echo $?'") == "student\n0\n"


def test_all_descriptors_are_taken(unharmed: Machine) -> None:
    """By one process up to its limit, and by many at once."""
    take = "sh -c 'i=3; while :; do eval \"exec $i</etc/motd\"; echo $i; i=$((i + 1)); done' 2>&1 | tail -n 2"
    said = answer(unharmed, take)
    assert re.fullmatch(r"1023\n.*Too many open files\n|1022\n1023\n", said), said
    hold = "i=3; while [ $i -lt 1000 ]; do eval \"exec $i</etc/motd\"; i=$((i + 1)); done; echo full >>held; exec sleep 1000"
    answer(unharmed, f"for n in 1 2 3 4 5 6; do ({hold}) & done; while [ $(cat held 2>/dev/null | wc -l) != 6 ]; do sleep 0.1; done; rm held")
    assert answer(unharmed, "cat /etc/hostname") == "cairn\n"
    answer(unharmed, "kill $(jobs -p); wait")


def test_the_disk_is_full_while_programs_write(unharmed: Machine) -> None:
    answer(unharmed, "i=0; (while echo line >>log; do :; done 2>log-said; echo $? >log-status) & true")
    assert "No space left on device" in answer(unharmed, "dd if=/dev/zero of=big bs=64k")
    answer(unharmed, "cat big >>more; dd if=/dev/zero of=rest bs=1 count=5000 2>/dev/null; wait")
    assert "No space left on device" in answer(unharmed, "cat log-said; cp /bin/busybox copy; mkdir folder; echo word >file")
    assert answer(unharmed, "echo words | tr a-z A-Z; cmp /bin/busybox /proc/self/exe && echo whole") == "WORDS\nwhole\n"
    answer(unharmed, "rm -rf big more rest log log-said log-status copy folder file")
    assert answer(unharmed, "echo room >file; cat file; rm file") == "room\n"


def test_all_inodes_are_taken(unharmed: Machine) -> None:
    answer(unharmed, "mount -t ext2 /dev/vdb /mnt; cd /mnt")
    free = int(answer(unharmed, "stat -f -c %d ."))
    said = answer(unharmed, f"mkdir many; seq {free + 10} | xargs -I N touch many/N 2>&1 | sort | uniq -c | wc -l; ls many | wc -l; stat -f -c %d .")
    assert said == f"11\n{free - 1}\n0\n"
    assert answer(unharmed, "mkdir none; mkfifo none; ln -s x none; cp /etc/motd none; echo >>many/1; echo $?").count("No space left on device") == 4
    assert answer(unharmed, "rm many/2; echo room >many/3; echo >many/new; cat many/3") == "room\n"
    assert answer(unharmed, "rm -r many; stat -f -c %d .; cd; umount /mnt") == f"{free}\n"


def test_nobody_reads_what_is_typed(unharmed: Machine) -> None:
    """A line that is longer than the terminal holds."""
    key(unharmed, "echo started >/dev/tty; sleep 1000\r", r"^started\r\n")
    unharmed.console.send("x" * 9000)
    key(unharmed, "\x03", prompt("root"))
    assert answer(unharmed, "echo again") == "again\n"


def test_nothing_is_lost_as_processes_come_and_go(machine: Machine, pytestconfig: pytest.Config) -> None:
    """Programs that are executed, shells that fork, pipelines."""
    processes = ALL_PROCESSES if pytestconfig.getoption("--all") else PROCESSES
    before = census(machine)
    for _ in range(0, processes, AT_ONCE):
        assert answer(machine, f"i=0; while [ $i -lt {AT_ONCE // 4} ]; do /bin/true; (exit 3); true | (exit 4); i=$((i + 1)); done; echo $?") == "0\n"
    check_nothing_is_lost(before, census(machine), processes + SOME_PROCESSES)
