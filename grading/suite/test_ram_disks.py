"""Disks in memory: images in the archive of programs, and modules of GRUB."""

from __future__ import annotations

import importlib.util
import random
import shutil
from pathlib import Path

import pytest

from grading import ROOT
from grading.machine.machine import Machine
from grading.suite.disks import SECTORS, SIZE, checksums, debugfs, expected_checksums, image, listed, random_words
from grading.suite.partition_tables import SECTOR, Partitions, sfdisk


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
    menu, start = tmp_path / "grub.cfg", 2048 * SECTOR
    debugfs(disk, f"write {image(tmp_path, 'ram', bytes(content))} ram.img", f"dump /boot/grub/grub.cfg {menu}",
            "rm /boot/grub/grub.cfg", offset=start)
    text = menu.read_text()
    lines = [line for line in text.splitlines() if "module2" in line]
    menu.write_text(text.replace(lines[0], lines[0] + "\n  module2 /ram.img ram.img"))
    debugfs(disk, "cd /boot/grub", f"write {menu} grub.cfg", offset=start)
    with Machine(boot="grub", disk=disk, options="channel") as machine:
        check_ram_disk(machine, "ram0", content, table)
        assert machine.channel.command("run hello").lines[-1].endswith("exited status=0")
