"""Directories with more entries than `mke2fs -d` makes in reasonable time (it searches the whole
directory for each new name).

mke2fs is given a placeholder, a plain file as long as the directory will be. Afterwards the records
are written into its blocks, the inodes that they name are made, and the file becomes a directory.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from pathlib import Path

from e2fsprogs import REPAIRED, run_tool
from ext2_layout import Layout
from image_builder import SECOND, TYPE_BITS, Builder
from manifest import Entry, content_digest

FILE_TYPE_FILE, FILE_TYPE_DIRECTORY = 1, 2  # in directory entries


def _record(name: str) -> int:
    """Bytes of a directory record with this name."""
    return 8 + (len(name.encode()) + 3) // 4 * 4


def _blocks(names: Sequence[str], block_size: int) -> list[list[str]]:
    """The names split over blocks; the first has 24 bytes less, for `.` and `..`."""
    blocks: list[list[str]] = [[]]
    room = block_size - 24
    for name in names:
        if _record(name) > room:
            blocks.append([])
            room = block_size
        blocks[-1].append(name)
        room -= _record(name)
    return blocks


def placeholder(builder: Builder, path: str, names: Sequence[str], block_size: int) -> str:
    """Adds the file that will become the directory `path` with these names. Returns the path."""
    size = len(_blocks(names, block_size)) * block_size
    builder.placeholder(path, size)
    return path


def fill(builder: Builder, image: Path, path: str, names: Sequence[str], target: str | None = None) -> None:
    """Makes the placeholder the directory: each name a new empty file, or with `target` a link to that file."""
    with image.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        layout = Layout(content)
        inodes = layout.paths()
        children = [inodes[target]] * len(names) if target else layout.take_inodes(len(names))
        _write_records(layout, inodes[path], inodes[path.rpartition("/")[0] or "/"], names, children)
        _turn_into_directory(layout, path, inodes)
        if target:
            links = layout.inode(inodes[target], "i_links_count") + len(names)
            layout.set_inode(inodes[target], "i_links_count", links)
            for name in names:
                builder.second_name(f"{path}/{name}", target)
        else:
            _make_inodes(builder, layout, path, names, children)


def index_directories(image: Path) -> None:
    """Gives every directory larger than a block its hash tree, as `e2fsck -D` does. Raises ToolError."""
    run_tool(["e2fsck", "-fyD", str(image)], allowed=REPAIRED)


def _write_records(layout: Layout, inode: int, parent: int, names: Sequence[str], children: Sequence[int]) -> None:
    places = [block for _, block in layout.data_blocks(inode)]
    child = iter(children)
    for number, block_names in enumerate(_blocks(names, layout.block_size)):
        records = [(name.encode(), next(child), FILE_TYPE_FILE) for name in block_names]
        if number == 0:
            records = [(b".", inode, FILE_TYPE_DIRECTORY), (b"..", parent, FILE_TYPE_DIRECTORY), *records]
        block = bytearray()
        for i, (name, target, kind) in enumerate(records):
            length = 8 + (len(name) + 3) // 4 * 4
            if i == len(records) - 1:
                length = layout.block_size - len(block)
            block += (struct.pack("<IHBB", target, length, len(name), kind) + name).ljust(length, b"\0")
        start = places[number] * layout.block_size
        layout.image[start : start + layout.block_size] = block  # type: ignore[index]


def _turn_into_directory(layout: Layout, path: str, inodes: dict[str, int]) -> None:
    """The inode's type, the types and counts elsewhere that depend on it."""
    inode, parent = inodes[path], inodes[path.rpartition("/")[0] or "/"]
    layout.set_inode(inode, "i_mode", TYPE_BITS["directory"] << 12 | 0o755)
    layout.set_inode(inode, "i_links_count", 2)
    layout.set_inode(parent, "i_links_count", layout.inode(parent, "i_links_count") + 1)
    group = layout.group_of(inode)
    layout.set_group(group, "bg_used_dirs_count", layout.group(group, "bg_used_dirs_count") + 1)
    entry = next(entry for entry in layout.entries(parent) if entry.inode == inode)
    layout.put(entry.position + 7, 1, FILE_TYPE_DIRECTORY)


def _make_inodes(builder: Builder, layout: Layout, path: str, names: Sequence[str], children: Sequence[int]) -> None:
    """New inodes of empty files that differ in owner and time."""
    random_bits, empty, mode = builder.rng.getrandbits, content_digest(0, []), TYPE_BITS["file"] << 12 | 0o644
    extra = 32 if layout.inode_size > 128 else 0  # i_extra_isize
    inode_format = struct.Struct(f"<HHIIIIIHH100xH{layout.inode_size - 130}x" if extra else "<HHIIIIIHH100x")
    for name, inode in zip(names, children, strict=True):
        time, owner = (1 << 30) + random_bits(29), random_bits(16)
        fields = (mode, owner, 0, time, time, time, 0, 0, 1)
        inode_format.pack_into(layout.image, layout.inode_position(inode), *fields, *([extra] if extra else []))
        entry = Entry("file", 0o644, owner, inode=inode, digest=empty)
        entry.atime = entry.mtime = entry.ctime = time * SECOND
        builder.manifest[f"{path}/{name}"] = entry

