"""Disks below file systems: read, written, and what happens when they fail."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from grading.machine.qemu import DataDisk
from grading.machine.stream import MASK
from grading.suite.disks import SECTORS, SIZE, checksums, expected_checksums, image, listed, random_words, start
from grading.suite.partition_tables import SECTOR, random_gpt_script, sfdisk

DEVICES = ["", "queue-size=4", "queue-size=4,indirect_desc=off", "queue-size=8,seg-max-adjust=off", "queue-size=1024",
           "num-queues=4", "indirect_desc=off", "vectors=1", "disable-legacy=on", "write-cache=off,config-wce=off",
           "iommu_platform=on,disable-legacy=on", "event_idx=off"]


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_read_and_written_is_on_the_disk(built: Path, tmp_path: Path, rng: random.Random, device: str) -> None:
    content = bytearray(rng.randbytes((1 << 20) + 3 * SECTOR))
    content[510:512] = b"\0\0"
    file = image(tmp_path, "disk", content)
    total = len(content) // SECTOR
    with start(built, [DataDisk(file, device=device)], sandbox=True) as machine:
        assert checksums(machine, "vda", 0, total) == expected_checksums(content)
        for _ in range(4):
            first = rng.randrange(total)
            count = rng.randrange(1, min(900, total - first) + 1)
            seed = rng.randrange(1 << 62)
            machine.channel.command(f"fill-sectors vda {first} {count} {seed}")
            content[first * SECTOR:(first + count) * SECTOR] = random_words(seed, first, count)
            assert checksums(machine, "vda", first, count) == expected_checksums(
                content[first * SECTOR:(first + count) * SECTOR])
        machine.channel.command("flush-disk vda")
        assert checksums(machine, "vda", 0, total) == expected_checksums(content)
        assert listed(machine)["vda"]["errors"] == "0"
    assert file.read_bytes() == content


def test_partitions_are_written_where_they_are(built: Path, tmp_path: Path, rng: random.Random) -> None:
    file = image(tmp_path, "disk", bytes(SIZE))
    table = sfdisk(file, random_gpt_script(rng))
    content = bytearray(file.read_bytes())
    with start(built, [file]) as machine:
        for number, (first, count) in table.items():
            for beyond in (f"vda{number} {count} 1", f"vda{number} 0 {count + 1}", f"vda{number} {MASK:#x} 2"):
                assert machine.channel.try_command(f"fill-sectors {beyond} 1").errno == "EIO"
            machine.channel.command(f"fill-sectors vda{number} 0 {count} {number}")
            content[first * SECTOR:(first + count) * SECTOR] = random_words(number, 0, count)
        found = listed(machine)
        wrong = sum(int(found[f"vda{number}"]["errors"]) for number in table)
        assert wrong > 0 and int(found["vda"]["errors"]) == wrong
        assert machine.channel.command("metrics block.errors").number("block.errors") == wrong
    assert file.read_bytes() == content


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_disk_for_reading_only_and_a_snapshot_keep_their_file(built: Path, tmp_path: Path, rng: random.Random,
                                                                snapshot: bool) -> None:
    file = image(tmp_path, "disk", bytes(SECTOR) + rng.randbytes(SIZE))
    before = file.read_bytes()
    file.chmod(0o400)
    with start(built, [DataDisk(file, readonly=not snapshot, snapshot=snapshot)], sandbox=True) as machine:
        assert listed(machine)["vda"]["read_only"] == str(int(not snapshot))
        reply = machine.channel.try_command("fill-sectors vda 10 10 1")
        assert reply.errno == (None if snapshot else "EROFS")
        now = random_words(1, 10, 10) if snapshot else before[10 * SECTOR:20 * SECTOR]
        assert checksums(machine, "vda", 10, 10) == expected_checksums(now)
    assert file.read_bytes() == before


@pytest.mark.parametrize(("device", "reason"), [
    ("vectors=0", "no MSI-X"),
    ("disable-modern=on", "before version 1"),
    ("logical_block_size=4096,physical_block_size=4096", "sectors of 512 bytes"),
])
def test_what_cannot_be_driven_is_left_alone(built: Path, tmp_path: Path, device: str, reason: str) -> None:
    files = [image(tmp_path, str(n), bytes(SIZE + n * SECTOR)) for n in range(2)]
    with start(built, [DataDisk(files[0], device=device), files[1]]) as machine:
        assert {name: line["sectors"] for name, line in listed(machine).items()} == {"vda": str(SECTORS + 1)}
        assert re.search(rf"warn +virtio: PCI .*{reason}.*; left alone", machine.console.text)


# Failing

def test_errors_of_the_disk_reach_the_caller_and_are_counted(built: Path, tmp_path: Path, rng: random.Random) -> None:
    content = bytes(SECTOR) + rng.randbytes(SIZE)
    errors = ("event=read_aio,sector=500", "event=read_aio,sector=5000", "event=write_aio,sector=700",
              "event=flush_to_disk")
    # QEMU would make one of adjoining requests, which then fail together.
    disk = DataDisk(image(tmp_path, "disk", content), errors=errors, device="request-merging=off")
    with start(built, [disk]) as machine:
        command = machine.channel.try_command
        for line in ("sectors vda 500 1", "sectors vda 0 1000", "sectors vda 5000 1", "fill-sectors vda 700 1 1",
                     "fill-sectors vda 640 64 1"):
            assert command(line).errno == "EIO", line
        assert command("flush-disk vda").errno == "EIO"
        assert int(listed(machine)["vda"]["errors"]) == 6
        assert machine.channel.command("metrics block.errors").number("block.errors") == 6
        for first, count in ((0, 500), (501, 139), (704, 4000), (5001, len(content) // SECTOR - 5001)):
            piece = content[first * SECTOR:(first + count) * SECTOR]
            assert checksums(machine, "vda", first, count) == expected_checksums(piece)
        assert int(listed(machine)["vda"]["errors"]) == 6
        warnings = re.findall(r"virtio-blk: vda: error 1 in a (\w+)", machine.console.text)
        assert warnings == ["read"] * 3 + ["write"] * 2 + ["flush"]


def test_a_disk_that_always_fails_is_no_obstacle(built: Path, tmp_path: Path) -> None:
    with start(built, [DataDisk(image(tmp_path, "disk", bytes(SIZE)), errors=("event=read_aio",))]) as machine:
        machine.console.wait_for("vda: the partition table can't be read: EIO")
        for _ in range(3):
            assert machine.channel.try_command("sectors vda 0 1000").errno == "EIO"
        assert int(listed(machine)["vda"]["errors"]) == 1 + 3 * 64
        assert machine.console.text.count("virtio-blk: vda: error") == 8


def test_a_command_for_no_disk_gets_a_hint(built: Path) -> None:
    with start(built, []) as machine:
        assert machine.channel.command("disks").lines == []
        for line in ("sectors vda 0 1", "fill-sectors vda 0 1 1", "flush-disk vda", "disk-bench vda"):
            reply = machine.channel.try_command(line)
            assert reply.errno == "ENODEV" and "'disks'" in reply.message
        assert machine.channel.try_command("sectors").errno == "EINVAL"


def test_kernel_tests_pass_with_a_disk(built: Path, tmp_path: Path, rng: random.Random) -> None:
    with start(built, [image(tmp_path, "disk", bytes(SECTOR) + rng.randbytes(SIZE))]) as machine:
        results = [line for line in machine.channel.command("ktest").lines if line.startswith(("ok", "not ok"))]
        assert [line for line in results if not line.startswith("ok")] == []
        assert any("disk_256_reads_under_way_at_once" in line for line in results)
        assert machine.channel.command("metrics block.reads").number("block.reads") >= 256


def test_a_request_costs_few_instructions(built: Path, tmp_path: Path) -> None:
    disk = image(tmp_path, "disk", bytes(SIZE))
    with start(built, [disk], icount=0) as machine:
        lines = machine.channel.command("disk-bench vda").values()
    found = {str(line["name"]): int(line["ticks"]) for line in lines}
    assert 0 < found["disk_read_queued"] < 1500
    assert 0 < found["disk_read"] < 3000
