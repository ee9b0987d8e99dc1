"""Disks below file systems: found, partitioned, read, written, and what happens when they fail."""

from __future__ import annotations

import importlib.util
import random
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from grading import qemu
from grading.lab import ROOT
from grading.machine import Machine
from grading.qemu import DataDisk
from grading.suite.partition_tables import (
    ENTRIES,
    SECTOR,
    TABLE_SECTORS,
    Partitions,
    gpt,
    mbr_sector,
    random_dos_script,
    random_gpt_script,
    sfdisk,
)

PROGRAMS = ROOT / "build" / "user" / "programs.cpio"
WORDS = SECTOR // 8
MASK = (1 << 64) - 1
SIZE = 4 << 20  # bytes of a usual disk
SECTORS = SIZE // SECTOR


def start(built: Path, disks: list[Path | DataDisk], **arguments) -> Machine:
    return Machine(built / "kernel.elf", initrd=PROGRAMS, options="channel", disks=disks, **arguments)


@pytest.fixture
def rng(seed: int, request: pytest.FixtureRequest) -> random.Random:
    return random.Random(f"{seed} {request.node.name}")


def image(folder: Path, name: str, content: bytes) -> Path:
    path = folder / f"{name}.img"
    path.write_bytes(content)
    return path


def listed(machine: Machine) -> dict[str, dict[str, str]]:
    """What `disks` says, by name."""
    return {line["name"]: line for line in machine.channel.command("disks").values()}


def checksums(machine: Machine, disk: str, first: int, count: int) -> list[str]:
    return " ".join(machine.channel.command(f"sectors {disk} {first} {count}").lines).split()


def expected_checksums(content: bytes) -> list[str]:
    return [f"{zlib.crc32(content[at:at + SECTOR]):08x}" for at in range(0, len(content), SECTOR)]


def random_words(seed: int, first: int, count: int) -> bytes:
    """What `fill-sectors` writes: SplitMix64, one number a word, counted from the disk's start."""
    words = []
    for n in range(first * WORDS, (first + count) * WORDS):
        z = seed + (n + 1) * 0x9E3779B97F4A7C15 & MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        words.append(z ^ z >> 31)
    return b"".join(word.to_bytes(8, "little") for word in words)


# Finding them

def names_of(disk: str, partitions: Partitions) -> list[str]:
    return [disk, *(f"{disk}{number}" for number in partitions)]


def test_partitions_are_those_that_sfdisk_made(built: Path, tmp_path: Path, rng: random.Random) -> None:
    files, tables = [], []
    scripts = [random_dos_script(rng, False), *(random_dos_script(rng, True) for _ in range(3)),
               *(random_gpt_script(rng) for _ in range(3))]
    for number, script in enumerate(scripts):
        file = image(tmp_path, f"disk{number}", bytes(SIZE + number * SECTOR))
        tables.append(sfdisk(file, script))
        content = bytearray(file.read_bytes())
        for first, _ in tables[-1].values():  # so that each partition starts with other bytes
            content[first * SECTOR:(first + 1) * SECTOR] = rng.randbytes(SECTOR)
        file.write_bytes(content)
        files.append(file)
    with start(built, files, sandbox=True) as machine:
        found = listed(machine)
        for number, (file, table) in enumerate(zip(files, tables, strict=True)):
            disk = f"vd{'abcdefgh'[number]}"
            assert sorted(name for name in found if name.startswith(disk)) == sorted(names_of(disk, table))
            assert found[disk]["sectors"] == str(SECTORS + number)
            content = file.read_bytes()
            for index, (first, count) in table.items():
                assert found[f"{disk}{index}"]["sectors"] == str(count)
                start_of_it = content[first * SECTOR:(first + 1) * SECTOR]
                assert checksums(machine, f"{disk}{index}", 0, 1) == expected_checksums(start_of_it)
                beyond = machine.channel.try_command(f"sectors {disk}{index} {count} 1")
                assert beyond.errno == "EIO"
        assert "warn" not in machine.console.text


def with_gpt(partitions: Partitions, **fields: int) -> bytearray:
    front, back = gpt(SECTORS, partitions, **fields)
    return bytearray(front + bytes(SIZE - len(front) - len(back)) + back)


def flipped(content: bytearray, *places: int) -> bytearray:
    for at in places:
        content[at] ^= 1
    return content


def logical_chain(*links: bytes) -> bytearray:
    """A disk whose extended partition starts at sector 100; its tables are 100 sectors apart."""
    content = bytearray(SIZE)
    content[:SECTOR] = mbr_sector([(0x83, 10, 50), (5, 100, 2000)])
    for number, link in enumerate(links):
        content[(100 + number * 100) * SECTOR:(101 + number * 100) * SECTOR] = link
    return content


TWO: Partitions = {1: (100, 50), 7: (200, 300)}
LAST = SIZE - SECTOR  # the copy's header
FRONT_ARRAY, BACK_ARRAY = 2 * SECTOR, SIZE - SECTOR * (1 + TABLE_SECTORS)
# name -> the disk, the numbers of its partitions, what the log says
DAMAGED: dict[str, tuple[bytes | bytearray, list[int], str]] = {
    "sound": (with_gpt(TWO), [1, 7], ""),
    "no-table": (bytes(SIZE), [], ""),
    "no-table-random": (random.Random(7).randbytes(510) + b"\0\0" + bytes(SIZE - SECTOR), [], ""),
    "one-sector": (bytes(SECTOR), [], ""),
    "signature-only": (bytes(510) + b"\x55\xaa" + bytes(SIZE - SECTOR), [], ""),
    "one-sector-protective": (mbr_sector([(0xEE, 1, 100)]), [], "GPT"),
    "noise-with-signature": (b"\x5a" * 510 + b"\x55\xaa" + bytes(SIZE - SECTOR), [], "or a damaged one"),
    "header-bit": (flipped(with_gpt(TWO), SECTOR + 40), [1, 7], "checksum of the header"),
    "array-bit": (flipped(with_gpt(TWO), FRONT_ARRAY + 33), [1, 7], "checksum of the entries"),
    "both-headers": (flipped(with_gpt(TWO), SECTOR + 40, LAST + 40), [], "checksum of the header"),
    "both-arrays": (flipped(with_gpt(TWO), FRONT_ARRAY + 33, BACK_ARRAY + 33), [], "checksum of the entries"),
    "header-and-other-array": (flipped(with_gpt(TWO), SECTOR, BACK_ARRAY), [], "no signature"),
    "copy-only": (flipped(with_gpt(TWO), LAST + 40), [1, 7], ""),
    "no-entries": (with_gpt(TWO, count=0), [], "entries"),
    "many-entries": (with_gpt(TWO, count=0xFFFFFFFF), [], "entries"),
    "small-entries": (with_gpt(TWO, entry_size=64), [], "entries"),
    "odd-entries": (with_gpt(TWO, entry_size=384), [], "entries"),
    "huge-entries": (with_gpt(TWO, entry_size=1 << 31), [], "entries"),
    "array-beyond": (with_gpt(TWO, array=SECTORS - 5), [], "entries beyond the disk"),
    "array-far-beyond": (with_gpt(TWO, array=(1 << 64) - 1), [], "entries beyond the disk"),
    "array-on-the-header": (with_gpt(TWO, array=1), [], "entries beyond the disk"),
    "usable-beyond": (with_gpt(TWO, last_usable=SECTORS), [], "usable sectors"),
    "usable-reversed": (with_gpt(TWO, first_usable=900, last_usable=800), [], "usable sectors"),
    "own-place-wrong": (with_gpt(TWO, own=5), [], "belongs elsewhere"),
    "header-small": (with_gpt(TWO, size=91), [], "header size"),
    "header-large": (with_gpt(TWO, size=513), [], "header size"),
    "beyond-usable": (with_gpt({1: (100, 50), 2: (SECTORS - 20, 10)}), [1], "partition 2 left out"),
    "before-usable": (with_gpt({1: (100, 50), 2: (3, 10)}), [1], "partition 2 left out"),
    "huge": (with_gpt({1: (100, 50), 2: (200, 1 << 63)}), [1], "partition 2 left out"),
    "overlap": (with_gpt({1: (100, 50), 2: (149, 10), 3: (150, 10)}), [1, 3], "partition 2 left out"),
    "all-128": (with_gpt({n: (100 + n * 8, 8) for n in range(1, ENTRIES + 1)}), [*range(1, ENTRIES + 1)], ""),
    "mbr-beyond": (mbr_sector([(0x83, 1, SECTORS - 1), (0x83, SECTORS, 1)]) + bytes(SIZE - SECTOR), [1],
                   "partition 2 left out"),
    "mbr-too-long": (mbr_sector([(0x83, 1, SECTORS)]) + bytes(SIZE - SECTOR), [], "partition 1 left out"),
    "mbr-overflow": (mbr_sector([(0x83, 0xFFFFFFFF, 0xFFFFFFFF)]) + bytes(SIZE - SECTOR), [], "partition 1 left out"),
    "mbr-overlap": (mbr_sector([(0x83, 10, 10), (0x83, 19, 5), (0, 30, 5), (0x83, 20, 5)]) + bytes(SIZE - SECTOR),
                    [1, 4], "partition 2 left out"),
    "mbr-inside": (mbr_sector([(0x83, 10, 10), (0x83, 5, 50)]) + bytes(SIZE - SECTOR), [1], "partition 2 left out"),
    "mbr-whole": (mbr_sector([(0x83, 0, SECTORS)]) + bytes(SIZE - SECTOR), [], ""),
    "logical": (logical_chain(mbr_sector([(0x83, 1, 20), (5, 100, 200)]), mbr_sector([(0x83, 2, 30)])), [1, 5, 6], ""),
    "logical-circle": (logical_chain(mbr_sector([(0x83, 1, 20), (5, 100, 200)]), mbr_sector([(0, 0, 0), (5, 0, 100)])),
                       [1, 5], "circle"),
    "logical-no-signature": (logical_chain(mbr_sector([(0x83, 1, 20), (5, 100, 200)])), [1, 5],
                             "sector 200 is damaged"),
    "logical-beyond": (logical_chain(mbr_sector([(0x83, 1, 20), (5, SECTORS, 200)])), [1, 5], "chain"),
    "logical-outside": (logical_chain(mbr_sector([(0x83, 1, 2000)])), [1], "sector 100 is damaged"),
}


def letters(number: int) -> str:
    """a … z, aa …"""
    return (letters(number // 26 - 1) if number >= 26 else "") + chr(ord("a") + number % 26)


@pytest.mark.parametrize("half", [0, 1])
def test_damaged_tables_give_what_is_sound_in_them(built: Path, tmp_path: Path, half: int) -> None:
    cases = list(DAMAGED.items())[half::2]
    files = [image(tmp_path, name, bytes(content)) for name, (content, _, _) in cases]
    with start(built, list(files)) as machine:
        found = listed(machine)
        log = machine.channel.command("log").lines
        seen = {}
        for number, (name, _) in enumerate(cases):
            disk = f"vd{letters(number)}"
            partitions = [int(word.removeprefix(disk)) for word in found if re.fullmatch(disk + r"\d+", word)]
            warnings = "\n".join(line for line in log if "warn" in line and f"block: {disk}:" in line)
            seen[name] = (sorted(partitions), warnings)
        for name, (_, partitions, words) in cases:
            assert seen[name][0] == partitions, (name, seen[name])
            assert words in seen[name][1] and bool(words) == bool(seen[name][1]), (name, seen[name])


def test_random_damage_in_tables_never_harms(built: Path, tmp_path: Path, rng: random.Random) -> None:
    files = []
    for number in range(24):
        file = image(tmp_path, f"noise{number}", bytes(SIZE))
        sfdisk(file, rng.choice([random_gpt_script(rng), random_dos_script(rng, True)]))
        content = bytearray(file.read_bytes())
        used = [at for at in range(0, SIZE, 16) if any(content[at:at + 16])]
        for _ in range(rng.randrange(1, 12)):
            content[rng.choice(used) + rng.randrange(16)] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        file.write_bytes(content)
        files.append(file)
    with start(built, list(files)) as machine:
        found = listed(machine)
        assert sum(line["sectors"] == str(SECTORS) for line in found.values()) >= len(files)
        for name, line in found.items():
            assert 0 < int(line["sectors"]) <= SECTORS
            machine.channel.command(f"sectors {name} {int(line['sectors']) - 1} 1")


def test_disks_are_named_in_order_also_behind_bridges(built: Path, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    plain = qemu.graded
    bridges = ["-device", "pcie-root-port,id=first,chassis=1,addr=1d", "-device", "pcie-pci-bridge,id=bridge,bus=first",
               "-device", "pcie-root-port,id=second,chassis=2,addr=1e"]
    monkeypatch.setattr(qemu, "graded", lambda: plain() + bridges)
    devices = ["bus=bridge,addr=3", "bus=second", *[""] * 26]
    files = [image(tmp_path, str(n), bytes((n + 1) * SECTOR)) for n in range(len(devices))]
    with start(built, [DataDisk(file, device=place) for file, place in zip(files, devices, strict=True)]) as machine:
        sizes = {name: int(line["sectors"]) for name, line in listed(machine).items()}
    root_bus = {f"vd{letters(n)}": n + 3 for n in range(26)}
    # Bus 1 (the first port) holds only the bridge to bus 2, numbered before the second port's bus 3.
    assert sizes == root_bus | {"vdaa": 1, "vdab": 2}


# Reading and writing

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


# From memory

def archive(folder: Path, files: dict[str, bytes]) -> Path:
    """A cpio archive of the program `hello` and `files`."""
    spec = importlib.util.spec_from_file_location("pack_programs", ROOT / "user" / "pack_programs.py")
    packer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(packer)
    everything = {"hello": (ROOT / "build" / "user" / "hello.flat").read_bytes()} | files
    records = [packer.entry(number, name, everything[name]) for number, name in enumerate(everything, 1)]
    return image(folder, "archive", b"".join(records) + packer.entry(0, packer.TRAILER, b"", mode=0))


@pytest.fixture
def partitioned(tmp_path: Path, rng: random.Random) -> tuple[bytearray, Partitions]:
    """A disk of random bytes in three partitions."""
    file = image(tmp_path, "made", rng.randbytes(SIZE))
    table = sfdisk(file, "label: dos\ngrain: 512\nsize=100KiB\nsize=200KiB\ntype=5\nsize=300KiB\n")
    return bytearray(file.read_bytes()), table


def check_ram_disk(machine: Machine, disk: str, content: bytearray, table: Partitions) -> None:
    found = listed(machine)
    assert sorted(name for name in found if name.startswith(disk)) == sorted([disk, *(f"{disk}p{n}" for n in table)])
    assert checksums(machine, disk, 0, SECTORS) == expected_checksums(content)
    number, (first, count) = list(table.items())[1]
    machine.channel.command(f"fill-sectors {disk}p{number} 3 {count - 3} 5")
    content[(first + 3) * SECTOR:(first + count) * SECTOR] = random_words(5, 3, count - 3)
    assert checksums(machine, disk, 0, SECTORS) == expected_checksums(content)
    assert machine.channel.try_command(f"sectors {disk} {SECTORS} 1").errno == "EIO"


def test_an_image_in_the_archive_is_a_ram_disk(built: Path, tmp_path: Path, rng: random.Random,
                                               partitioned: tuple[bytearray, Partitions]) -> None:
    content, table = partitioned
    odd = bytes(SECTOR) + rng.randbytes(1000)
    initrd = archive(tmp_path, {"a.img": odd, "odd-name": b"", "z.img": bytes(content)})
    with Machine(built / "kernel.elf", initrd=initrd, options="channel") as machine:
        assert listed(machine)["ram0"]["sectors"] == "2"
        assert checksums(machine, "ram0", 0, 2) == expected_checksums(odd[:2 * SECTOR])
        check_ram_disk(machine, "ram1", content, table)
        assert machine.channel.command("run hello").lines[-1].endswith("exited status=0")


def test_a_module_of_grub_is_a_ram_disk(built: Path, tmp_path: Path, partitioned: tuple[bytearray, Partitions]) -> None:
    content, table = partitioned
    disk = tmp_path / "boot.img"
    shutil.copy(built / "disk.img", disk)
    script = f"""write {image(tmp_path, "ram", bytes(content))} ram.img
dump /boot/grub/grub.cfg {tmp_path}/grub.cfg
rm /boot/grub/grub.cfg
"""

    def debugfs(commands: str) -> None:
        subprocess.run(["/usr/sbin/debugfs", "-w", "-f", "-", f"{disk}?offset={2048 * SECTOR}"], input=commands,
                       text=True, check=True, capture_output=True)
    debugfs(script)
    menu = tmp_path / "grub.cfg"
    text = menu.read_text()
    lines = [line for line in text.splitlines() if "module2" in line]
    menu.write_text(text.replace(lines[0], lines[0] + "\n  module2 /ram.img ram.img"))
    debugfs(f"cd /boot/grub\nwrite {menu} grub.cfg\n")
    with Machine(boot="grub", disk=disk, options="channel") as machine:
        check_ram_disk(machine, "ram0", content, table)
        assert machine.channel.command("run hello").lines[-1].endswith("exited status=0")


def test_a_request_costs_few_instructions(built: Path, tmp_path: Path) -> None:
    disk = image(tmp_path, "disk", bytes(SIZE))
    with start(built, [disk], icount=0) as machine:
        lines = machine.channel.command("disk-bench vda").values()
    found = {str(line["name"]): int(line["instructions"]) for line in lines}
    assert 0 < found["disk_read_queued"] < 1500
    assert 0 < found["disk_read"] < 3000
