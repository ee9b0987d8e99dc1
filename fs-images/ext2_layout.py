"""Where things are in an ext2 image: just enough to patch one, for recipes and damage.

Reads a whole image in memory (bytes, bytearray or mmap); positions are bytes from the image's start.
It trusts the image, which mke2fs made a moment ago; damaged ones are for the kernel to read.
Source: the kernel's documentation, "The Second Extended Filesystem"; e2fsprogs, ext2_fs.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

SUPERBLOCK = 1024  # bytes from the start
GROUP_DESCRIPTOR = 32  # bytes each
ROOT_INODE = 2
FAST_SYMLINK = 60  # bytes: shorter targets stand in the inode

# name: (offset, size) of the fields that recipes and damage touch.
SUPERBLOCK_FIELDS = {
    "s_inodes_count": (0, 4), "s_blocks_count": (4, 4), "s_r_blocks_count": (8, 4), "s_free_blocks_count": (12, 4),
    "s_free_inodes_count": (16, 4), "s_first_data_block": (20, 4), "s_log_block_size": (24, 4),
    "s_log_cluster_size": (28, 4), "s_blocks_per_group": (32, 4), "s_clusters_per_group": (36, 4),
    "s_inodes_per_group": (40, 4), "s_mtime": (44, 4), "s_wtime": (48, 4), "s_mnt_count": (52, 2),
    "s_max_mnt_count": (54, 2), "s_magic": (56, 2), "s_state": (58, 2), "s_errors": (60, 2), "s_creator_os": (72, 4),
    "s_rev_level": (76, 4), "s_first_ino": (84, 4), "s_inode_size": (88, 2), "s_block_group_nr": (90, 2),
    "s_feature_compat": (92, 4), "s_feature_incompat": (96, 4), "s_feature_ro_compat": (100, 4),
    "s_reserved_gdt_blocks": (206, 2), "s_def_hash_version": (252, 1), "s_first_meta_bg": (260, 4),
}
GROUP_FIELDS = {
    "bg_block_bitmap": (0, 4), "bg_inode_bitmap": (4, 4), "bg_inode_table": (8, 4), "bg_free_blocks_count": (12, 2),
    "bg_free_inodes_count": (14, 2), "bg_used_dirs_count": (16, 2), "bg_flags": (18, 2),
}
INODE_FIELDS = {
    "i_mode": (0, 2), "i_uid": (2, 2), "i_size": (4, 4), "i_atime": (8, 4), "i_ctime": (12, 4), "i_mtime": (16, 4),
    "i_dtime": (20, 4), "i_gid": (24, 2), "i_links_count": (26, 2), "i_blocks": (28, 4), "i_flags": (32, 4),
    **{f"i_block[{i}]": (40 + 4 * i, 4) for i in range(15)},
    "i_generation": (100, 4), "i_file_acl": (104, 4), "i_size_high": (108, 4), "i_uid_high": (120, 2),
    "i_gid_high": (122, 2),
}
EXTRA_INODE_FIELDS = {  # of inodes larger than 128 bytes
    "i_extra_isize": (128, 2), "i_ctime_extra": (132, 4), "i_mtime_extra": (136, 4), "i_atime_extra": (140, 4),
    "i_crtime": (144, 4), "i_crtime_extra": (148, 4),
}
_FORMATS = {1: "<B", 2: "<H", 4: "<I"}


@dataclass(frozen=True)
class DirectoryEntry:
    """One record of a directory, in use or not (inode 0)."""

    position: int  # of the record in the image
    length: int  # of the record
    inode: int
    file_type: int
    name: bytes


@dataclass(frozen=True)
class Pointer:
    """One block number of a file's block map."""

    position: int  # of the number in the image
    level: int  # 0 points at data, 1 to 3 at an indirect block of that depth
    index: int  # the first data block of the file that it serves
    block: int  # 0 is a hole


class Layout:
    """An image's structures; `image` may be written through `put` if it is writable."""

    def __init__(self, image: bytes | bytearray | memoryview) -> None:
        self.image = image
        self._tables: dict[int, int] = {}
        self.block_size = 1024 << self.superblock("s_log_block_size")
        self.inode_size = self.superblock("s_inode_size")
        self.inodes_per_group = self.superblock("s_inodes_per_group")
        self.blocks_per_group = self.superblock("s_blocks_per_group")
        self.first_block = self.superblock("s_first_data_block")
        self.inodes = self.superblock("s_inodes_count")
        self.blocks = self.superblock("s_blocks_count")
        self.groups = -(-(self.blocks - self.first_block) // self.blocks_per_group)

    # Fields

    def get(self, position: int, size: int) -> int:
        return int(struct.unpack_from(_FORMATS[size], self.image, position)[0])

    def put(self, position: int, size: int, value: int) -> None:
        struct.pack_into(_FORMATS[size], self.image, position, value)

    def superblock(self, name: str) -> int:
        offset, size = SUPERBLOCK_FIELDS[name]
        return self.get(SUPERBLOCK + offset, size)

    def set_superblock(self, name: str, value: int) -> None:
        offset, size = SUPERBLOCK_FIELDS[name]
        self.put(SUPERBLOCK + offset, size, value)

    def group_position(self, group: int) -> int:
        return (self.first_block + 1) * self.block_size + group * GROUP_DESCRIPTOR

    def group(self, group: int, name: str) -> int:
        offset, size = GROUP_FIELDS[name]
        return self.get(self.group_position(group) + offset, size)

    def set_group(self, group: int, name: str, value: int) -> None:
        offset, size = GROUP_FIELDS[name]
        self.put(self.group_position(group) + offset, size, value)

    def _inode_table(self, group: int) -> int:
        """Where a group's inodes begin; looked up once, since images with many inodes ask for each."""
        if group not in self._tables:
            self._tables[group] = self.group(group, "bg_inode_table") * self.block_size
        return self._tables[group]

    def group_of(self, inode: int) -> int:
        return (inode - 1) // self.inodes_per_group

    def inode_position(self, inode: int) -> int:
        group, index = divmod(inode - 1, self.inodes_per_group)
        return self._inode_table(group) + index * self.inode_size

    def inode(self, inode: int, name: str) -> int:
        offset, size = INODE_FIELDS.get(name) or EXTRA_INODE_FIELDS[name]
        return self.get(self.inode_position(inode) + offset, size)

    def set_inode(self, inode: int, name: str, value: int) -> None:
        offset, size = INODE_FIELDS.get(name) or EXTRA_INODE_FIELDS[name]
        self.put(self.inode_position(inode) + offset, size, value)

    # Contents

    def size(self, inode: int) -> int:
        """Bytes of the file."""
        regular = self.inode(inode, "i_mode") >> 12 == 8
        return self.inode(inode, "i_size") | (self.inode(inode, "i_size_high") << 32 if regular else 0)

    def pointers(self, inode: int) -> Iterator[Pointer]:
        """The block map, depth first, with the pointers to indirect blocks before what they hold; no holes."""
        base = self.inode_position(inode) + INODE_FIELDS["i_block[0]"][0]
        for i in range(12):
            yield from self._below(base + 4 * i, 0, i)
        per_block, index = self.block_size // 4, 12
        for level in (1, 2, 3):
            yield from self._below(base + 4 * (11 + level), level, index)
            index += per_block**level

    def _below(self, position: int, level: int, index: int) -> Iterator[Pointer]:
        block = self.get(position, 4)
        if block == 0:
            return
        yield Pointer(position, level, index, block)
        if level > 0:
            per_block = self.block_size // 4
            for i, inner in enumerate(struct.unpack_from(f"<{per_block}I", self.image, block * self.block_size)):
                if inner:
                    step = per_block ** (level - 1)
                    yield from self._below(block * self.block_size + 4 * i, level - 1, index + i * step)

    def data_blocks(self, inode: int) -> list[tuple[int, int]]:
        """(index in the file, block number) of every data block that isn't a hole."""
        return [(pointer.index, pointer.block) for pointer in self.pointers(inode) if pointer.level == 0]

    def entries(self, inode: int) -> Iterator[DirectoryEntry]:
        """All records of a directory."""
        for _, block in self.data_blocks(inode):
            position, end = block * self.block_size, (block + 1) * self.block_size
            while position < end:
                child, length, name_length, file_type = struct.unpack_from("<IHBB", self.image, position)
                name = bytes(self.image[position + 8 : position + 8 + name_length])
                yield DirectoryEntry(position, length, child, file_type, name)
                position += max(length, 8)

    def walk(self, inode: int = ROOT_INODE, path: str = "") -> Iterator[tuple[str, DirectoryEntry]]:
        """(path, entry) of everything below a directory, the directory itself left out."""
        for entry in self.entries(inode):
            if entry.inode == 0 or entry.name in (b".", b".."):
                continue
            below = f"{path}/{entry.name.decode(errors='surrogateescape')}"
            yield below, entry
            if self.inode(entry.inode, "i_mode") >> 12 == 4:
                yield from self.walk(entry.inode, below)

    def paths(self) -> dict[str, int]:
        """The inode of every path, `/` included."""
        return {"/": ROOT_INODE, **{path: entry.inode for path, entry in self.walk()}}

    # Allocation

    def free_blocks(self) -> Iterator[int]:
        """The numbers of all blocks that are free."""
        for group in range(self.groups):
            bitmap, start = self.group(group, "bg_block_bitmap") * self.block_size, self.first_block + group * self.blocks_per_group
            for i in range(min(self.blocks_per_group, self.blocks - start)):
                if not self.image[bitmap + i // 8] & 1 << i % 8:
                    yield start + i

    def take_inodes(self, count: int) -> list[int]:
        """Marks `count` free inodes as used, lowest first, and keeps every count right."""
        taken: list[int] = []
        for group in range(self.groups):
            bitmap = self.group(group, "bg_inode_bitmap") * self.block_size
            before = len(taken)
            for i in range(self.inodes_per_group):
                if len(taken) == count:
                    break
                byte, bit = bitmap + i // 8, 1 << i % 8
                if not self.image[byte] & bit:
                    self.image[byte] |= bit  # type: ignore[index]
                    taken.append(group * self.inodes_per_group + i + 1)
            used = len(taken) - before
            self.set_group(group, "bg_free_inodes_count", self.group(group, "bg_free_inodes_count") - used)
        if len(taken) < count:
            raise ValueError(f"the image has only {len(taken)} free inodes, {count} were wanted")
        self.set_superblock("s_free_inodes_count", self.superblock("s_free_inodes_count") - count)
        return taken
