#!/usr/bin/python3
"""Draws how an ext2 lies on a disk: `fs-images/draw_layout.py DISK [PATH]`.

DISK is an image of a file system, or of a disk whose partition holds one (build/b/kept-disk.img is
what `make qemu LAB=b` uses). Without PATH: the block groups. With one: the way from the root to
that file's inode and its blocks. The image is only read.
"""

from __future__ import annotations

import argparse
import mmap
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from ext2_layout import FAST_SYMLINK, ROOT_INODE, SUPERBLOCK, Layout  # noqa: E402

from grading.judge.disk_image import partitions  # noqa: E402
from grading.machine.failures import HarnessFault  # noqa: E402

MAGIC = 0xEF53
WIDTH = 64  # characters of a group's map
TYPES = {1: "fifo", 2: "character device", 4: "directory", 6: "block device", 8: "regular file", 10: "symbolic link", 12: "socket"}


class DrawError(Exception):
    """It can't be drawn; the message is one line that says why."""


def open_layout(path: Path) -> Layout:
    """The file system in an image or in the first partition of it that has one. Raises DrawError, OSError."""
    try:
        offsets = [0, *(partition.offset for partition in partitions(path))]
    except HarnessFault:
        offsets = [0]
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise DrawError(f"{path}: it is empty")
        image = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    for offset in offsets:
        magic = bytes(image[offset + SUPERBLOCK + 56 : offset + SUPERBLOCK + 58])
        if len(magic) == 2 and struct.unpack("<H", magic)[0] == MAGIC:
            return Layout(image[offset:])
    raise DrawError(f"{path}: no ext2 in it")


def metadata_of(layout: Layout, group: int) -> dict[int, str]:
    """The blocks of a group that belong to the file system itself: what each is, as one letter."""
    first = layout.first_block + group * layout.blocks_per_group
    blocks: dict[int, str] = {}
    table_blocks = -(-layout.inodes_per_group * layout.inode_size // layout.block_size)
    inode_table = layout.group(group, "bg_inode_table")
    for block in range(inode_table, inode_table + table_blocks):
        blocks[block] = "T"
    blocks[layout.group(group, "bg_block_bitmap")] = "B"
    blocks[layout.group(group, "bg_inode_bitmap")] = "I"
    sparse = layout.superblock("s_feature_ro_compat") & 1
    if not sparse or has_backup(group):
        blocks[first] = "S"
        descriptors = -(-layout.groups * 32 // layout.block_size)
        for block in range(first + 1, first + 1 + descriptors + layout.superblock("s_reserved_gdt_blocks")):
            blocks[block] = "D"
    return blocks


def has_backup(group: int) -> bool:
    """With sparse_super: groups 0, 1 and the powers of 3, 5 and 7 hold a copy of the superblock."""
    if group <= 1:
        return True
    for base in (3, 5, 7):
        power = base
        while power < group:
            power *= base
        if power == group:
            return True
    return False


def draw_groups(layout: Layout) -> Iterator[str]:
    """The superblock's numbers and a map of each group."""
    yield (f"{layout.blocks} blocks of {layout.block_size} bytes, {layout.superblock('s_free_blocks_count')} free; "
           f"{layout.inodes} inodes of {layout.inode_size} bytes, {layout.superblock('s_free_inodes_count')} free")
    yield (f"{layout.groups} groups of {layout.blocks_per_group} blocks and {layout.inodes_per_group} inodes; "
           f"block {layout.first_block} holds the superblock")
    yield "S superblock  D descriptors and room for more  B block bitmap  I inode bitmap  T inode table  # used  . free"
    for group in range(layout.groups):
        yield from draw_group(layout, group)


def draw_group(layout: Layout, group: int) -> Iterator[str]:
    first = layout.first_block + group * layout.blocks_per_group
    count = min(layout.blocks_per_group, layout.blocks - first)
    metadata = metadata_of(layout, group)
    bitmap = layout.group(group, "bg_block_bitmap") * layout.block_size
    yield ""
    yield (f"group {group}: blocks {first}-{first + count - 1}, {layout.group(group, 'bg_free_blocks_count')} free; "
           f"inodes {group * layout.inodes_per_group + 1}-{(group + 1) * layout.inodes_per_group}, "
           f"{layout.group(group, 'bg_free_inodes_count')} free, {layout.group(group, 'bg_used_dirs_count')} directories")
    per_cell = max(1, -(-count // (4 * WIDTH)))
    cells = ""
    for start in range(0, count, per_cell):
        kinds = {metadata.get(first + i) or ("#" if layout.image[bitmap + i // 8] >> i % 8 & 1 else ".")
                 for i in range(start, min(start + per_cell, count))}
        cells += next(kind for kind in "SDBIT#." if kind in kinds)
    for start in range(0, len(cells), WIDTH):
        yield f"  {first + start * per_cell:>8} |{cells[start : start + WIDTH]}|"
    yield f"           each character: {per_cell} block{'s' if per_cell > 1 else ''}; of several kinds, the first in the legend"


def draw_path(layout: Layout, path: str) -> Iterator[str]:
    """The walk to a file, its inode and its blocks. Raises DrawError."""
    inode = ROOT_INODE
    yield f"/ is inode {ROOT_INODE}: {place_of(layout, inode)}"
    for name in path.strip("/").split("/") if path.strip("/") else []:
        found = next((entry for entry in layout.entries(inode) if entry.inode and entry.name == name.encode()), None)
        if found is None:
            raise DrawError(f"{path}: inode {inode} has no entry {name!r}")
        block = found.position // layout.block_size
        yield (f"{name}: an entry of {found.length} bytes in block {block}, offset {found.position % layout.block_size}, "
               f"names inode {found.inode}: {place_of(layout, found.inode)}")
        inode = found.inode
    mode = layout.inode(inode, "i_mode")
    yield ""
    yield (f"inode {inode}: {TYPES.get(mode >> 12, '?')}, mode {mode & 0o7777:04o}, {layout.inode(inode, 'i_links_count')} links, "
           f"{layout.size(inode)} bytes, {layout.inode(inode, 'i_blocks')} sectors")
    if mode >> 12 == 10 and layout.size(inode) < FAST_SYMLINK:
        at = layout.inode_position(inode) + 40
        yield f"  the target stands in the inode: {bytes(layout.image[at : at + layout.size(inode)]).decode(errors='replace')}"
    elif mode >> 12 in (4, 8, 10):
        yield from draw_blocks(layout, inode)


def draw_blocks(layout: Layout, inode: int) -> Iterator[str]:
    """The block map, runs of consecutive blocks in one line."""
    names = {0: "", 1: "indirect block", 2: "double indirect block", 3: "triple indirect block"}
    run: list[int] = []  # first index, first block, length

    def line() -> str:
        index, block, length = run
        last = f"-{index + length - 1}" if length > 1 else ""
        blocks = f"{block}-{block + length - 1}" if length > 1 else str(block)
        return f"  {f'{index}{last}':>16} -> {blocks}"

    for pointer in layout.pointers(inode):
        if run and pointer.level == 0 and (pointer.index, pointer.block) == (run[0] + run[2], run[1] + run[2]):
            run[2] += 1
            continue
        if run:
            yield line()
            run = []
        if pointer.level:
            yield f"  {names[pointer.level]:>16}    {pointer.block}, for file blocks from {pointer.index} on"
        else:
            run = [pointer.index, pointer.block, 1]
    if run:
        yield line()


def place_of(layout: Layout, inode: int) -> str:
    position = layout.inode_position(inode)
    return (f"group {layout.group_of(inode)}, block {position // layout.block_size}, "
            f"offset {position % layout.block_size}")


def main() -> int:
    """Command line; exit status 0, or 1 with a one-line message."""
    parser = argparse.ArgumentParser(description="Draws how an ext2 lies on a disk: its groups, or one file.")
    parser.add_argument("disk", type=Path, help="an image, such as build/b/kept-disk.img")
    parser.add_argument("path", nargs="?", help="a file in it, such as /boot/kernel.elf")
    arguments = parser.parse_args()
    try:
        layout = open_layout(arguments.disk)
        for text in draw_path(layout, arguments.path) if arguments.path else draw_groups(layout):
            print(text)
    except (DrawError, OSError) as error:
        print(f"fs-images/draw_layout.py: {error}", file=sys.stderr)
        return 1
    except (struct.error, IndexError, RecursionError):
        print(f"fs-images/draw_layout.py: {arguments.disk}: the file system is damaged", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
