"""The streams of bytes of user/tests/stream.h, made on the host's side, and their generator."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Iterable

SHORT_RING, LONG_RING = 4093, 16381
MASK = (1 << 64) - 1
MIX_STEP = 0x9E3779B97F4A7C15  # what the generator's state grows by at each step


def mix(state: int) -> int:
    """One step of the generator "splitmix64" from `state`."""
    z = (state + MIX_STEP) & MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


@functools.lru_cache(maxsize=64)
def _rings(seed: int) -> tuple[bytes, bytes]:
    def ring(start: int, size: int) -> bytes:
        words = [mix((start + i) & MASK) for i in range(size // 8 + 1)]
        return struct.pack(f"<{len(words)}Q", *words)[:size]

    return ring(seed, SHORT_RING), ring(~seed & MASK, LONG_RING)


def _turned(ring: bytes, offset: int, count: int) -> int:
    start = offset % len(ring)
    return int.from_bytes((ring * ((start + count) // len(ring) + 1))[start : start + count], "little")


def stream(seed: int, offset: int, count: int) -> bytes:
    """Bytes [offset, offset + count) of the stream."""
    short, long = _rings(seed)
    return (_turned(short, offset, count) ^ _turned(long, offset, count)).to_bytes(count, "little")


def scribble(content: bytearray, start: int, span: int, steps: int, seed: int, longest: int) -> None:
    """Does to `content` what os_puppet's `scribble` does to a file; grows it with zeros where needed."""
    position = 0
    for step in range(steps):
        length = 1 + mix((seed + 2 * step) & MASK) % longest
        offset = start + mix((seed + 2 * step + 1) & MASK) % (span - length + 1)
        put(content, offset, stream(seed, position, length))
        position += length


def put(content: bytearray, offset: int, data: bytes) -> None:
    """Writes into a file's content as pwrite() does: with zeros up to the offset."""
    if not data:
        return
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def listing_sums(entries: Iterable[tuple[bytes, int, int]]) -> tuple[int, int, int]:
    """What os_puppet's `list` says of a directory with these (name, d_type, inode): names, types, inodes."""
    names = types = inodes = 0
    for name, kind, inode in entries:
        crc = zlib.crc32(name)
        names += mix(crc)
        types += mix(crc ^ kind << 32)
        inodes += mix((crc ^ inode << 32) & MASK)
    return names & MASK, types & MASK, inodes & MASK
