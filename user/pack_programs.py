#!/usr/bin/python3
"""Writes flat images into one archive (cpio, "newc"), the module that GRUB loads for the kernel.

Usage: pack_programs.py ARCHIVE IMAGE.flat…

Each image becomes a file named after the program (`hello.flat` is `hello`), in alphabetical order.
Nothing of the host enters the archive (no times, owners, inode numbers): the same programs give the
same bytes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

MODE = 0o100755
TRAILER = "TRAILER!!!"


def entry(inode: int, name: str, content: bytes, mode: int = MODE) -> bytes:
    """One newc record: header of 8-digit hex fields, name, content, each padded to 4 bytes."""
    fields = [inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return pad(head) + pad(content)


def pad(content: bytes) -> bytes:
    """Content, zero-filled to a multiple of 4 bytes."""
    return content + bytes(-len(content) % 4)


def main(arguments: list[str]) -> int:
    """Archives arguments[1:] as arguments[0]; the archive appears whole or not at all."""
    if not arguments:
        print("usage: pack_programs.py ARCHIVE IMAGE.flat...", file=sys.stderr)
        return 2
    target = Path(arguments[0])
    images = {Path(image).stem: Path(image) for image in arguments[1:]}
    if len(images) < len(arguments) - 1:
        print("pack_programs.py: two programs have the same name", file=sys.stderr)
        return 1
    records = [entry(i, name, images[name].read_bytes()) for i, name in enumerate(sorted(images), 1)]
    records.append(entry(0, TRAILER, b"", mode=0))
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    partial.write_bytes(b"".join(records))
    os.replace(partial, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
