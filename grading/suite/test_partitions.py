"""Disks are found, in order, with the partitions that their tables give them, whatever is in the tables."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from grading.machine import qemu
from grading.machine.qemu import DataDisk
from grading.suite.disks import SECTORS, SIZE, checksums, expected_checksums, image, letters, listed, start
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
            disk = f"vd{letters(number)}"
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
