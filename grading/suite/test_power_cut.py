"""Power cuts: a workload's writes are recorded, and the disk is judged as it is after any of them.

After a cut `e2fsck -p` must repair the disk without help, and find nothing to repair once it has replayed a journal
(kernel/ext2/commit.h); what was fsynced must be there to the last byte, and no other file may have changed. A disk with
a cache may also lose any of the writes since the last flush: those states are judged as well.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from grading.judge import ext2_judge, power_cut
from grading.judge.check import CheckFailed
from grading.judge.ext2_write_log import Replay, WriteLog
from grading.judge.power_cut import Workload
from grading.machine import qemu
from grading.machine.machine import Machine
from grading.suite.disks import mke2fs
from grading.suite.rubric_runs import PROGRAMS
from grading.suite.samples import CUTS, LOST_WRITES

LINES = 200
DISK = 16 << 20  # bytes; with blocks of 1 KiB, two groups


@dataclass
class Recording:
    """A workload that ran, and the disk before, the record of all writes, and the disk after."""

    workload: Workload
    before: Path
    log: WriteLog
    after: Path


def record(kernel: Path, folder: Path, workload: Workload, block_size: int) -> Recording:
    tree, disk, before = folder / "tree", folder / "disk", folder / "before"
    tree.mkdir()
    (tree / "script").write_text(workload.script())
    mke2fs(disk, DISK, "-b", str(block_size), "-I", "128", "-m", "0", "-d", tree)
    before.write_bytes(disk.read_bytes())
    data_disk = qemu.DataDisk(disk, write_log=folder / "log")
    with Machine(kernel, initrd=PROGRAMS, options="channel graded root=tmpfs", disks=[data_disk]) as machine:
        for command in ("mkdir /mnt", "mount vda /mnt", "run power_cut /mnt/script /mnt/journal", "umount /mnt"):
            lines = machine.channel.command(command).lines
            if command.startswith("run"):
                assert lines[-1].endswith("exited status=0"), f"{lines}: {machine.console.text[-300:]}"
    return Recording(workload, before, WriteLog(folder / "log"), disk)


@pytest.fixture(scope="module", params=[(1024, 1, False), (4096, 2, False), (1024, 3, True), (4096, 4, True)],
                ids=["1k", "4k", "1k-moves", "4k-moves"])
def recording(request: pytest.FixtureRequest, complete: Path, seed: int, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    block_size, number, moves = request.param
    lines = LINES * (5 if request.config.getoption("--all") else 1)
    workload = Workload(10 * seed + number, lines, moves)
    return record(complete / "kernel.elf", tmp_path_factory.mktemp("power-cut"), workload, block_size)


def test_without_a_cut_nothing_is_to_be_repaired(recording: Recording) -> None:
    ext2_judge.check_clean(recording.after)
    assert not list(power_cut.complaints(recording.workload.windows[-1], power_cut.read_tree(recording.after)))


def judge(recording: Recording, image: Path, writes: int, positions: Sequence[int]) -> Iterator[str]:
    """What is wrong with a disk that has at least the first `writes` entries of the log."""
    try:
        yield from ext2_judge.repair(image)
    except CheckFailed as failed:
        yield str(failed)
        return
    window = max(number for number, position in enumerate(positions) if position <= writes)
    yield from power_cut.complaints(recording.workload.windows[window], power_cut.read_tree(image))


def test_any_cut_can_be_repaired(recording: Recording, sample: Callable[[Sequence[int], int], list[int]]) -> None:
    positions = power_cut.mark_positions(recording.workload, recording.log)
    bad = {}
    with Replay(recording.before, recording.log) as replay:
        for count in sample(range(len(recording.log) + 1), CUTS):
            found = list(judge(recording, replay.after(count), count, positions))
            if found:
                bad[count] = found[:3]
    assert not bad, f"{len(bad)} cuts of {len(recording.log)} writes: {dict(list(bad.items())[:4])}"


def test_writes_lost_from_a_disks_cache_can_be_repaired(recording: Recording, seed: int,
                                                         sample: Callable[[Sequence[int], int], list[int]]) -> None:
    """Of the writes since the last flush any may be missing."""
    rng = random.Random(seed)
    positions = power_cut.mark_positions(recording.workload, recording.log)
    flushes = recording.log.flushes()
    bad = {}
    with Replay(recording.before, recording.log) as replay:
        for number in sample(range(len(flushes) - 1), LOST_WRITES):
            kept, end = flushes[number] + 1, flushes[number + 1]
            image = replay.after(kept)
            survivors = [entry for entry in range(kept, end) if rng.random() < 0.5]
            with image.open("r+b") as file:
                for entry in survivors:
                    file.seek(recording.log[entry].offset)
                    file.write(recording.log[entry].data)
            found = list(judge(recording, image, kept, positions))
            if found:
                bad[kept] = [survivors, *found[:3]]
    assert not bad, f"{len(bad)} states: {dict(list(bad.items())[:4])}"


def test_the_judge_sees_what_is_lost(recording: Recording) -> None:
    """Without it a suite that never fails would look the same."""
    workload = recording.workload
    seen = power_cut.read_tree(recording.after)
    path, content = next((path, content) for path, content in sorted(seen.items()) if isinstance(content, bytes) and content)
    last = workload.windows[-1]
    for changed in ({path: content[:-1]}, {path: content[:-1] + bytes([content[-1] ^ 1])}, {"/stray": b"x"}):
        assert list(power_cut.complaints(last, {**seen, **changed}))
    assert list(power_cut.complaints(last, {other: seen[other] for other in seen if other != path}))
