#!/usr/bin/python3
"""Builds disk.img, the raw disk that Cairn boots from, as any user and without loop devices.

    sector 0            GRUB's boot.img and the partition table
    sectors 1…2047      GRUB's core image (the "gap"; boot.img's block list points at sector 1)
    sector 2048 on      one ext2 partition: /boot/grub/grub.cfg, /boot/cairn/kernel.elf,
                        /boot/cairn/programs.cpio, and the files of --root DIR

The same input gives the same bytes: identifiers and times are fixed. Exits 1 with one line on
standard error where a tool or a file is missing; no partial image is left behind.
"""

from __future__ import annotations

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SECTOR = 512
PARTITION_START = 2048  # sectors; 1 MiB, where partitioning tools put the first one too
PARTITION_TABLE = 446  # offset in sector 0
LINUX_PARTITION = 0x83
BLOCK = 4096  # bytes of an ext2 block
UUID = "ca1100ca-1100-4a11-8a11-ca1100ca1100"
EPOCH = 1704067200  # seconds since 1970 of every time stamp in the image: 2024-01-01
BOOT_IMAGE = Path("/usr/lib/grub/i386-pc/boot.img")
GRUB_MENU = Path(__file__).with_name("grub.cfg")
SYSTEM_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # mke2fs is in /usr/sbin


class DiskError(Exception):
    """The image cannot be built; the text is one line that names the cause."""


def partition_table(sectors: int) -> bytes:
    """The four entries of the partition table: one active Linux partition of `sectors`."""
    no_geometry = b"\xfe\xff\xff"  # "beyond what cylinders and heads can say": use the sector numbers
    entry = struct.pack("<B3sB3sII", 0x80, no_geometry, LINUX_PARTITION, no_geometry, PARTITION_START, sectors)
    return entry.ljust(64, b"\0") + b"\x55\xaa"


def boot_area(core: Path) -> bytes:
    """Sector 0 without its partition table, then GRUB's core image. Raises DiskError."""
    try:
        boot, rest = BOOT_IMAGE.read_bytes(), core.read_bytes()
    except OSError as problem:
        raise DiskError(f"{problem.filename}: {problem.strerror}") from problem
    if len(rest) > (PARTITION_START - 1) * SECTOR:
        raise DiskError(f"{core}: {len(rest)} bytes do not fit before the partition")
    return boot[:SECTOR] + rest


def fill_tree(tree: Path, arguments: argparse.Namespace) -> None:
    """Lays out the partition's files in `tree`, all with the same time."""
    if arguments.root:
        shutil.copytree(arguments.root, tree, symlinks=True, dirs_exist_ok=True)
    cairn, grub = tree / "boot/cairn", tree / "boot/grub"
    cairn.mkdir(parents=True)
    grub.mkdir()
    if arguments.kernel:
        shutil.copy(arguments.kernel, cairn / "kernel.elf")
    if arguments.programs:
        shutil.copy(arguments.programs, cairn / "programs.cpio")
    (grub / "grub.cfg").write_text(GRUB_MENU.read_text().replace("@OPTIONS@", arguments.options))
    for folder, _, files in os.walk(tree):
        for path in [folder, *(os.path.join(folder, name) for name in files)]:
            os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


def make_ext2(image: Path, tree: Path, size: int) -> None:
    """Makes the partition's file system of `size` bytes from `tree`. Raises DiskError."""
    offset = PARTITION_START * SECTOR
    extended = f"offset={offset},root_owner=0:0,hash_seed={UUID}"
    command = ["mke2fs", "-q", "-F", "-t", "ext2", "-b", str(BLOCK), "-m", "0", "-L", "cairn", "-U", UUID,
               "-E", extended, "-d", str(tree), str(image), str(size // BLOCK)]
    environment = {"PATH": SYSTEM_PATH, "E2FSPROGS_FAKE_TIME": str(EPOCH), "SOURCE_DATE_EPOCH": str(EPOCH)}
    run_tool(command, environment)
    # mke2fs copies the change times of the tree, which nobody can set.
    paths = sorted(path.relative_to(tree) for path in tree.rglob("*"))
    lines = [f'set_inode_field "/{path}" ctime @{EPOCH}' for path in paths]
    run_tool(["debugfs", "-w", "-f", "-", f"{image}?offset={offset}"], environment, "\n".join(lines))


def run_tool(command: list[str], environment: dict[str, str], commands: str = "") -> None:
    """Runs a tool of e2fsprogs with `commands` as its input. Raises DiskError if it fails."""
    try:
        run = subprocess.run(command, env=environment, input=commands, capture_output=True, text=True, check=False)
    except FileNotFoundError as problem:
        raise DiskError(f"{command[0]} not found: install e2fsprogs") from problem
    if run.returncode != 0:
        raise DiskError(f"{command[0]} failed: {(run.stderr.strip() or run.stdout.strip()).splitlines()[-1]}")


def make_disk(arguments: argparse.Namespace) -> None:
    """Builds the image beside its final name and renames it. Raises DiskError."""
    target = Path(arguments.image)
    size = arguments.size * 1024 * 1024
    area = boot_area(Path(arguments.core))
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".disk-") as scratch:
        tree, image = Path(scratch) / "tree", Path(scratch) / "disk.img"
        tree.mkdir()
        fill_tree(tree, arguments)
        with image.open("wb") as disk:
            disk.truncate(PARTITION_START * SECTOR + size)
        make_ext2(image, tree, size)
        with image.open("r+b") as disk:
            disk.write(area)
            disk.seek(PARTITION_TABLE)
            disk.write(partition_table(size // SECTOR))
        image.replace(target)


def main() -> int:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(description="Builds the raw disk that Cairn boots from.")
    parser.add_argument("image", help="the file to write")
    parser.add_argument("--core", required=True, help="GRUB's core image (grub-mkimage -O i386-pc)")
    parser.add_argument("--kernel", help="kernel.elf; without it the disk says that it has none")
    parser.add_argument("--programs", help="programs.cpio")
    parser.add_argument("--root", help="a folder whose files go into the partition too")
    parser.add_argument("--options", default="", help="words for the kernel's command line")
    parser.add_argument("--size", type=int, default=32, help="MiB of the partition (default 32)")
    arguments = parser.parse_args()
    try:
        make_disk(arguments)
    except (DiskError, OSError) as problem:
        print(f"make_disk.py: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
