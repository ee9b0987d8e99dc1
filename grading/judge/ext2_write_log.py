"""Every state of a disk between two writes: replays what QEMU's blklogwrites recorded.

    replay = Replay(image_before, WriteLog(log))
    for count in range(len(replay.log) + 1):
        cut = replay.after(count)         # a scratch copy with the first `count` writes, as a power cut leaves it
        ext2_judge.repair(cut)

QEMU brings the number of entries in the header up to date at a flush and every 4,096 entries unless it has
log-super-update-interval=1, so a log without that ends at its last flush.

The log starts with a block that holds its header; then each entry has a block for itself, and the data it
wrote. Source: QEMU, block/blklogwrites.c; the kernel's documentation, "dm-log-writes".
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from grading.judge.ext2_images import copy_sparse
from grading.machine.failures import HarnessFault

MAGIC = 0x6A736677736872
VERSION = 1
SECTOR = 512  # bytes; what entries count in unless the header says otherwise
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8  # flags
KNOWN_FLAGS = FLUSH | FUA | DISCARD | MARK
MEMORY_FOLDER = Path("/dev/shm")


@dataclass(frozen=True)
class Write:
    """One entry. Offsets and lengths are bytes on the disk; `data` is empty for a flush or a discard."""

    offset: int
    length: int
    flags: int
    data: memoryview

    @property
    def is_flush(self) -> bool:
        """Whether everything before was to be on the disk when this was done."""
        return bool(self.flags & FLUSH)


class WriteLog:
    """A log, indexed once; entries are read as they are asked for. Raises HarnessFault for a broken log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < 28:
                raise HarnessFault(f"{path} holds no log of writes: it has {size} bytes")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        magic, version, count, self.sector = struct.unpack_from("<QQQI", self._map)
        if magic != MAGIC or version != VERSION or self.sector % SECTOR or not self.sector:
            raise HarnessFault(f"{path} holds no log of writes of version {VERSION}")
        self._entries = list(self._index(count))

    def _index(self, count: int) -> Iterator[tuple[int, int, int, int]]:
        """(offset, length, flags, position of the data in the log) of each entry."""
        position = self.sector
        for number in range(count):
            if position + 32 > len(self._map):
                raise HarnessFault(f"{self._path} ends in entry {number} of {count}")
            sector, sectors, flags, extra = struct.unpack_from("<QQQQ", self._map, position)
            if flags & ~KNOWN_FLAGS:
                raise HarnessFault(f"{self._path}: entry {number} has the flags {flags:#x}")
            position += self.sector
            length = sectors * self.sector
            yield sector * self.sector, length, flags, position
            position += (extra + self.sector - 1) // self.sector * self.sector if flags & MARK else 0
            position += 0 if flags & (DISCARD | MARK) else length
            if position > len(self._map):
                raise HarnessFault(f"{self._path} ends in the data of entry {number} of {count}")

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Write]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Write:
        offset, length, flags, position = self._entries[number]
        held = 0 if flags & (DISCARD | MARK) else length
        return Write(offset, length, flags, memoryview(self._map)[position : position + held])

    def flushes(self) -> list[int]:
        """Numbers of the entries that are flushes: a cut after entry n keeps all that was flushed by then."""
        return [number for number in range(len(self)) if self[number].is_flush]


class Replay:
    """A disk at any point of a log; going forward costs only the writes between. Use as a context manager."""

    def __init__(self, base: Path, log: WriteLog) -> None:
        self.log = log
        self._base = base
        self._folder = tempfile.TemporaryDirectory(prefix="cairn-replay-",
                                                   dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None)
        self._disk = copy_sparse(base, Path(self._folder.name) / "disk")
        self._scratch = Path(self._folder.name) / "cut"
        self._file = self._disk.open("r+b")
        self._done = 0

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Removes the scratch files."""
        self._file.close()
        self._folder.cleanup()

    def disk(self, count: int) -> Path:
        """The disk with the first `count` entries applied: for reading only, and until the next call."""
        if count < self._done:
            self._file.close()
            copy_sparse(self._base, self._disk)
            self._file = self._disk.open("r+b")
            self._done = 0
        for number in range(self._done, count):
            self._apply(self.log[number])
        self._done = count
        return self._disk

    def after(self, count: int) -> Path:
        """A copy of that disk, which may be changed (e2fsck does) until the next call."""
        return copy_sparse(self.disk(count), self._scratch)

    def _apply(self, write: Write) -> None:
        descriptor = self._file.fileno()
        if write.flags & DISCARD:
            os.pwrite(descriptor, bytes(write.length), write.offset)
        elif write.length and not write.flags & MARK:
            os.pwrite(descriptor, write.data, write.offset)


def apply_prefix(base: Path, log: WriteLog, count: int, target: Path) -> Path:
    """Writes to `target` what `base` is after the first `count` entries. For one cut; Replay is for many."""
    with Replay(base, log) as replay:
        return copy_sparse(replay.disk(count), target)
