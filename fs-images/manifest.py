"""What is in an image, for tests to compare with what a kernel shows: a map from path to Entry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PIECE = 4096  # bytes; the grain of the contents of sparse files
ZEROS = bytes(PIECE)
WHOLE_LIMIT = 16 << 20  # bytes; larger files are hashed by the pieces that hold something


@dataclass
class Entry:
    """One path. Times are nanoseconds since 1970; `digest` is content_digest() of a regular file."""

    kind: str  # file, directory, symlink, fifo, socket, char or block
    mode: int  # the permission bits, set-id and sticky included
    owner: int = 0
    group: int = 0
    size: int = 0
    links: int = 1
    inode: int = 0
    sectors: int = 0  # st_blocks: of 512 bytes, indirect blocks included
    atime: int = 0
    mtime: int = 0
    ctime: int = 0
    digest: str = ""
    target: str = ""  # of a symlink
    device: tuple[int, int] | None = None  # major, minor
    pieces: list[tuple[int, int, str]] = field(default_factory=list)  # sparse: (offset, bytes, SHA-256), zeros between


Manifest = dict[str, Entry]


def content_digest(size: int, pieces: Iterable[tuple[int, bytes]]) -> str:
    """Names a file's content; `pieces` are (offset, data) in order, zeros between them.

    Up to 16 MiB it is the SHA-256 of the content; above, `pieces:` and the SHA-256 of each 4 KiB
    piece that isn't all zero, with its number before it, so that holes cost nothing.
    """
    if size <= WHOLE_LIMIT:
        content = bytearray(size)
        for offset, data in pieces:
            end = min(offset + len(data), size)
            content[offset:end] = data[: end - offset]
        return hashlib.sha256(content).hexdigest()
    total = hashlib.sha256(b"%d:" % size)
    for number, data in _full_pieces(size, pieces):
        if data != ZEROS:
            total.update(b"%d:" % number + data)
    return "pieces:" + total.hexdigest()


def _full_pieces(size: int, pieces: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytearray]]:
    """The data laid out in aligned pieces of 4 KiB; bytes beyond `size` are dropped."""
    number, current = -1, bytearray(PIECE)
    for offset, data in pieces:
        rest = memoryview(data)[: max(size - offset, 0)]  # cut off piece by piece without a copy
        while rest:
            if offset // PIECE != number:
                if number >= 0:
                    yield number, current
                number, current = offset // PIECE, bytearray(PIECE)
            start = offset % PIECE
            part = rest[: PIECE - start]
            current[start : start + len(part)] = part
            offset, rest = offset + len(part), rest[len(part) :]
    if number >= 0:
        yield number, current


def to_json(manifest: Manifest) -> dict[str, dict[str, object]]:
    """As JSON can hold it; fields with their default value are left out."""
    defaults = vars(Entry("", 0))
    return {path: {name: value for name, value in vars(entry).items() if value != defaults[name]}
            for path, entry in manifest.items()}


def from_json(values: dict[str, dict[str, object]]) -> Manifest:
    """The inverse of to_json()."""
    manifest = {}
    for path, fields in values.items():
        entry = Entry(**{"kind": "", "mode": 0, **fields})  # type: ignore[arg-type]
        entry.device = tuple(entry.device) if entry.device else None  # type: ignore[assignment]
        entry.pieces = [tuple(piece) for piece in entry.pieces]  # type: ignore[misc]
        manifest[path] = entry
    return manifest


def read(path: Path) -> Manifest:
    """The manifest in a file that make_image.py wrote."""
    return from_json(json.loads(path.read_text())["entries"])
