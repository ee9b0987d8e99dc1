"""What tests of disks share: disks, machines with them, and what the monitor says of their sectors."""

from __future__ import annotations

import subprocess
import zlib
from pathlib import Path

from grading.judge import ext2_judge
from grading.machine.machine import Machine
from grading.machine.qemu import DataDisk
from grading.machine.stream import MASK, MIX_STEP, mix
from grading.suite.partition_tables import SECTOR
from grading.suite.rubric_runs import PROGRAMS

WORDS = SECTOR // 8
SIZE = 4 << 20  # bytes of a usual disk
SECTORS = SIZE // SECTOR


def start(built: Path, disks: list[Path | DataDisk], **arguments) -> Machine:
    return Machine(built / "kernel.elf", initrd=PROGRAMS, options="channel", disks=disks, **arguments)


def image(folder: Path, name: str, content: bytes) -> Path:
    path = folder / f"{name}.img"
    path.write_bytes(content)
    return path


def mke2fs(disk: Path, size: int, *options: str | Path) -> Path:
    """Makes `disk` an ext2 of `size` bytes, with mke2fs's further options. Returns it."""
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", *options, disk, f"{size // 1024}k"], env=ext2_judge.ENVIRONMENT,
                   capture_output=True, check=True)
    return disk


def debugfs(image: Path, *lines: str, offset: int = 0) -> str:
    """Lets debugfs change the ext2 that starts `offset` bytes into an image; returns its complaints, after a line of its own."""
    return subprocess.run(["debugfs", "-w", "-f", "-", f"{image}?offset={offset}"], env=ext2_judge.ENVIRONMENT,
                          input="".join(f"{line}\n" for line in lines), capture_output=True, text=True, check=True).stderr


def listed(machine: Machine) -> dict[str, dict[str, str]]:
    """What `disks` says, by name."""
    return {line["name"]: line for line in machine.channel.command("disks").values()}


def checksums(machine: Machine, disk: str, first: int, count: int) -> list[str]:
    return " ".join(machine.channel.command(f"sectors {disk} {first} {count}").lines).split()


def expected_checksums(content: bytes) -> list[str]:
    return [f"{zlib.crc32(content[at:at + SECTOR]):08x}" for at in range(0, len(content), SECTOR)]


def random_words(seed: int, first: int, count: int) -> bytes:
    """What `fill-sectors` writes: SplitMix64, one number a word, counted from the disk's start."""
    words = [mix(seed + n * MIX_STEP & MASK) for n in range(first * WORDS, (first + count) * WORDS)]
    return b"".join(word.to_bytes(8, "little") for word in words)


def letters(number: int) -> str:
    """a … z, aa …"""
    return (letters(number // 26 - 1) if number >= 26 else "") + chr(ord("a") + number % 26)
