"""Damages an ext2 image as a seed says: fields of its metadata get wrong, absurd or swapped values.

For feeding thousands of broken images to a kernel, which may refuse them or return errors, but must
neither crash nor hang. Finding the fields takes milliseconds and is done once for a base image
(Damager); each damaged image then costs little more than its copy.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from ext2_layout import (
    EXTRA_INODE_FIELDS,
    GROUP_FIELDS,
    INODE_FIELDS,
    SUPERBLOCK,
    SUPERBLOCK_FIELDS,
    Layout,
)

MOST_CHANGES = 4  # fields damaged in one image
# How often each kind of metadata is hit. Superblock and groups are small but kill a mount early, so
# that the rest of the damage is never met; most images must get beyond them.
WEIGHTS = {"superblock": 2, "group": 2, "bitmap": 1, "inode": 6, "indirect": 4, "directory": 5}


@dataclass(frozen=True)
class Target:
    """A field of the metadata. area: which kind of metadata, a key of WEIGHTS."""

    area: str
    name: str
    position: int  # bytes from the start of the image
    size: int


class Damager:
    """Makes damaged versions of one image."""

    def __init__(self, base: bytes) -> None:
        self.base = bytes(base)
        self._targets: dict[str, list[Target]] = {}
        for target in find_targets(Layout(self.base)):
            self._targets.setdefault(target.area, []).append(target)
        self._areas = sorted(self._targets)
        self._weights = [WEIGHTS[area] for area in self._areas]
        self._blocks = Layout(self.base).blocks

    def image(self, seed: int) -> tuple[bytearray, str]:
        """The damaged image of this seed, and what was done to it: `inode 12 i_size: 0x1000 -> 0xffffffff; …`."""
        content = bytearray(self.base)
        return content, self.apply(content, seed)

    def apply(self, content: bytearray, seed: int) -> str:
        """The same in place, on a copy of the base image."""
        rng = random.Random(f"damage {seed}")
        done = []
        for _ in range(rng.randint(1, MOST_CHANGES)):
            (area,) = rng.choices(self._areas, self._weights)
            target = rng.choice(self._targets[area])
            before = int.from_bytes(content[target.position : target.position + target.size], "little")
            after = self._value(rng, target, before)
            content[target.position : target.position + target.size] = after.to_bytes(target.size, "little")
            done.append(f"{target.name}: {before:#x} -> {after:#x}")
        return "; ".join(done)

    def _value(self, rng: random.Random, target: Target, before: int) -> int:
        """Another value for a field: flipped, at a limit, near, random, or a plausible block number."""
        limit = 1 << 8 * target.size
        other = rng.choice(self._targets[target.area])
        choices = (
            lambda: before ^ 1 << rng.randrange(8 * target.size),
            lambda: rng.choice((0, 1, limit - 1, limit // 2, limit // 2 - 1)),
            lambda: before + rng.choice((-1, 1, 2, -4, 4, 256, before)),
            lambda: rng.randrange(limit),
            lambda: rng.randrange(self._blocks + 2),  # inside the image, or just beyond
            lambda: int.from_bytes(self.base[other.position : other.position + other.size], "little"),
        )
        after = rng.choice(choices)() % limit
        return after if after != before else before ^ 1


def damage(image: bytearray, seed: int) -> str:
    """Damages an intact image in place; returns what was done to it."""
    return Damager(bytes(image)).apply(image, seed)


def find_targets(layout: Layout) -> Iterator[Target]:
    """Every field worth damaging, of structures in use."""
    for name, (offset, size) in SUPERBLOCK_FIELDS.items():
        yield Target("superblock", f"superblock {name}", SUPERBLOCK + offset, size)
    for group in range(layout.groups):
        for name, (offset, size) in GROUP_FIELDS.items():
            yield Target("group", f"group {group} {name}", layout.group_position(group) + offset, size)
        for name in ("bg_block_bitmap", "bg_inode_bitmap"):
            start = layout.group(group, name) * layout.block_size
            for i in range(8):
                yield Target("bitmap", f"group {group} {name[3:]} byte {i}", start + i, 1)
    inodes = sorted(set(layout.paths().values()) | {7, 8})
    fields = {**INODE_FIELDS, **(EXTRA_INODE_FIELDS if layout.inode_size > 128 else {})}
    for inode in inodes:
        for name, (offset, size) in fields.items():
            yield Target("inode", f"inode {inode} {name}", layout.inode_position(inode) + offset, size)
        mode = layout.inode(inode, "i_mode") >> 12
        if mode in (4, 8) or (mode == 10 and layout.size(inode) >= 60):
            yield from _indirect_targets(layout, inode)
        if mode == 4:
            yield from _directory_targets(layout, inode)


def _indirect_targets(layout: Layout, inode: int) -> Iterator[Target]:
    """The numbers in a file's indirect blocks, holes next to them included."""
    for pointer in layout.pointers(inode):
        if pointer.level > 0:
            start = pointer.block * layout.block_size
            for i in (*range(8), layout.block_size // 4 - 1):
                yield Target("indirect", f"inode {inode} level {pointer.level} block {pointer.block} [{i}]", start + 4 * i, 4)


def _directory_targets(layout: Layout, inode: int) -> Iterator[Target]:
    for entry in layout.entries(inode):
        where = f"directory {inode} entry {entry.name.decode(errors='replace')[:20]!r}"
        for name, offset, size in (("inode", 0, 4), ("rec_len", 4, 2), ("name_len", 6, 1), ("file_type", 7, 1), ("name", 8, 1)):
            yield Target("directory", f"{where} {name}", entry.position + offset, size)
