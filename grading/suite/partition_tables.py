"""Disk images with partition tables: made by sfdisk, or by hand where they are to be wrong."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import uuid
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from grading.judge.ext2_judge import ENVIRONMENT

SECTOR = 512
ENTRIES, ENTRY = 128, 128  # of a GPT
TABLE_SECTORS = ENTRIES * ENTRY // SECTOR

Partitions = dict[int, tuple[int, int]]  # number -> first sector, count


def sfdisk(image: Path, script: str) -> Partitions:
    """Writes the table that `script` describes and returns what sfdisk then reads there."""
    made = subprocess.run(["sfdisk", "-q", image], input=script, text=True, capture_output=True, env=ENVIRONMENT)
    assert made.returncode == 0, f"sfdisk: {made.stderr.strip()}\n{script}"
    dump = subprocess.run(["sfdisk", "-J", image], text=True, check=True, capture_output=True, env=ENVIRONMENT)
    found: Partitions = {}
    for partition in json.loads(dump.stdout)["partitiontable"]["partitions"]:
        number = int(partition["node"].removeprefix(str(image)).lstrip("p"))
        if partition["type"] not in ("5", "f", "85"):  # an extended partition is no place for data
            found[number] = (partition["start"], partition["size"])
    return found


def random_dos_script(rng: random.Random, logical: bool) -> str:
    """One to three partitions, perhaps also an extended one with others in it; less than 4 MiB."""
    lines = ["label: dos", "grain: 512"]
    at = rng.randrange(1, 100)  # sectors
    for _ in range(rng.randrange(1, 4)):
        size = rng.randrange(1, 1200)
        lines.append(f"start={at}, size={size}, type=83")
        at += size + rng.randrange(50)
    if logical:
        lines.append(f"start={at}, type=5")
        for _ in range(rng.randrange(1, 6)):
            at += rng.randrange(2, 60)
            size = rng.randrange(1, 600)
            lines.append(f"start={at}, size={size}, type=83")
            at += size
    return "\n".join(lines) + "\n"


def random_gpt_script(rng: random.Random) -> str:
    """Some of the 128 partitions, not in order of number."""
    numbers = rng.sample(range(1, 129), rng.randrange(1, 20))
    return "label: gpt\ngrain: 512\n" + "".join(f"{number}: size={rng.randrange(1, 100)}KiB\n" for number in numbers)


def mbr_sector(entries: Sequence[tuple[int, int, int]], active: int = 0) -> bytes:
    """A sector with a table of (type, first, count)."""
    table = b"".join(struct.pack("<B3sB3sII", active, b"", kind, b"", first, count) for kind, first, count in entries)
    return bytes(446) + table.ljust(64, b"\0") + b"\x55\xaa"


def gpt(sectors: int, partitions: Mapping[int, tuple[int, int]], array_crc: int | None = None,
        **fields: int) -> tuple[bytes, bytes]:
    """The first and the last sectors of a disk with a GPT; `fields` replaces values in both headers, whose
    checksums are right for it."""
    entries = bytearray(ENTRIES * ENTRY)
    for number, (first, count) in partitions.items():
        struct.pack_into("<16s16sQQ", entries, (number - 1) * ENTRY, uuid.UUID(int=number).bytes_le,
                         uuid.UUID(int=1000 + number).bytes_le, first, first + count - 1)

    def header(own: int, other: int, array: int) -> bytes:
        values = {
            "revision": 0x10000, "size": 92, "own": own, "other": other, "first_usable": 2 + TABLE_SECTORS,
            "last_usable": sectors - TABLE_SECTORS - 2, "array": array, "count": ENTRIES, "entry_size": ENTRY,
        } | fields
        crc = zlib.crc32(entries) if array_crc is None else array_crc

        def packed(checksum: int) -> bytes:
            return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", values["revision"], values["size"], checksum, 0,
                               values["own"], values["other"], values["first_usable"], values["last_usable"], bytes(16),
                               values["array"], values["count"], values["entry_size"], crc)
        covered = packed(0).ljust(SECTOR, b"\0")[:values["size"]]
        return packed(zlib.crc32(covered)).ljust(SECTOR, b"\0")

    protective = mbr_sector([(0xEE, 1, sectors - 1)])
    front = protective + header(1, sectors - 1, 2) + entries
    back = bytes(entries) + header(sectors - 1, 1, sectors - 1 - TABLE_SECTORS)
    return bytes(front), back
