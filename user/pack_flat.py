#!/usr/bin/python3
"""Packs a static ELF program into a flat image, the format that stages a and b run.

A flat image is a header of 80 bytes, then the bytes of the text, then the bytes of the data:

    offset  size  field (little endian)
         0     8  magic "CAIRNFLT"
         8     4  version, 1
        12     4  CRC-32 (zlib's) of everything after the header
        16     8  entry address
        24    16  text: address (page aligned), size in bytes    mapped r-x
        40    16  data: address (page aligned), size in bytes    mapped rw-
        56     8  bss: size in bytes, zeros right after the data mapped rw-
        64    16  reserved, 0

Usage: pack_flat.py PROGRAM.elf IMAGE.flat. Exits 1 with one line where the ELF does not fit.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

PAGE = 4096
MAGIC = b"CAIRNFLT"
VERSION = 1
HEADER = struct.Struct("<8sIIQQQQQQ16x")
assert HEADER.size == 80

ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
ET_EXEC, EM_X86_64, PT_LOAD, PT_INTERP = 2, 62, 1, 3
PF_X, PF_W = 1, 2


class Unpackable(Exception):
    """The ELF is not the kind a flat image can hold; the text says why."""


@dataclass
class Segment:
    """A PT_LOAD segment, extended downwards to the start of its first page."""

    address: int
    content: bytes
    memory_size: int
    flags: int

    @property
    def end(self) -> int:
        """First address after the segment in memory."""
        return self.address + self.memory_size


def read_elf(elf: bytes) -> tuple[int, list[Segment]]:
    """Returns the entry address and the loadable segments. Raises Unpackable."""
    if len(elf) < ELF_HEADER.size or elf[:6] != b"\x7fELF\x02\x01":
        raise Unpackable("not a 64-bit little-endian ELF file")
    _, kind, machine, _, entry, table, _, _, _, entry_size, count, _, _, _ = ELF_HEADER.unpack_from(elf)
    if machine != EM_X86_64 or kind != ET_EXEC:
        raise Unpackable("not a static x86-64 executable: link with -static -no-pie")
    segments = []
    for i in range(count):
        kind, flags, offset, address, _, size, memory_size, _ = PROGRAM_HEADER.unpack_from(elf, table + i * entry_size)
        if kind == PT_INTERP:
            raise Unpackable("wants a dynamic linker: link with -static")
        if kind != PT_LOAD or memory_size == 0:
            continue
        before = address % PAGE
        if offset < before or offset + size > len(elf):
            raise Unpackable(f"segment at {address:#x} lies outside the file")
        content = elf[offset - before : offset + size]
        segments.append(Segment(address - before, content, memory_size + before, flags))
    return entry, segments


def pack(elf: bytes) -> bytes:
    """Returns the flat image of an ELF program. Raises Unpackable."""
    entry, segments = read_elf(elf)
    if any(s.flags & PF_W and s.flags & PF_X for s in segments):
        raise Unpackable("a segment is both writable and executable")
    texts = [s for s in segments if s.flags & PF_X]
    others = [s for s in segments if not s.flags & PF_X]
    if len(texts) != 1 or len(others) > 1:
        raise Unpackable("wants one text and at most one data segment: link with -z noseparate-code")
    text = texts[0]
    data = others[0] if others else Segment(-(-text.end // PAGE) * PAGE, b"", 0, PF_W)
    if text.memory_size != len(text.content):
        raise Unpackable("the text has uninitialised bytes")
    if not text.address <= entry < text.end:
        raise Unpackable(f"the entry {entry:#x} is not in the text")
    if text.address < data.end and data.address < -(-text.end // PAGE) * PAGE:
        raise Unpackable("text and data share a page: link with -z max-page-size=4096")
    body = text.content + data.content
    bss = data.memory_size - len(data.content)
    header = HEADER.pack(MAGIC, VERSION, zlib.crc32(body), entry, text.address, len(text.content),
                         data.address, len(data.content), bss)
    return header + body


def main(arguments: list[str]) -> int:
    """Packs arguments[0] into arguments[1]; the image appears whole or not at all."""
    if len(arguments) != 2:
        print("usage: pack_flat.py PROGRAM.elf IMAGE.flat", file=sys.stderr)
        return 2
    source, target = map(Path, arguments)
    try:
        image = pack(source.read_bytes())
    except (OSError, Unpackable) as problem:
        print(f"pack_flat.py: {source}: {problem}", file=sys.stderr)
        return 1
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    partial.write_bytes(image)
    os.replace(partial, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
