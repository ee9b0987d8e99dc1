"""The guest's physical memory, read and written from outside.

QEMU keeps the guest's memory in a memfd, a file without a name. The harness opens it by way of QEMU's
descriptor in /proc, which works into a cell, too, and beside a person's debugger. So looking takes a system
call, nothing is asked of QEMU or of the guest, and there is no limit that a file system in memory has.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from grading.machine.failures import HarnessFault

FOUR_GIB = 1 << 32
LOW_MEMORY_LIMIT = 0x8000_0000  # q35 puts the rest above 4 GiB once memory reaches 2.75 GiB
LOW_MEMORY_MAXIMUM = 0xB000_0000
NAME = "memory-backend-memfd"  # what QEMU calls the file, after the kind of object


class Layout:
    """The guest's memory as the q35 machine lays it out."""

    def __init__(self, memory_mib: int) -> None:
        self.size = memory_mib << 20
        self.low = self.size if self.size < LOW_MEMORY_MAXIMUM else LOW_MEMORY_LIMIT

    def offset(self, address: int, size: int = 1) -> int | None:
        """How far into the memory these physical bytes lie; None unless all of them are memory."""
        if 0 <= address and address + size <= self.low:
            return address
        if FOUR_GIB <= address and address + size <= FOUR_GIB + self.size - self.low:
            return address - FOUR_GIB + self.low
        return None


class GuestMemory:
    """The memory of one QEMU."""

    def __init__(self, layout: Layout, pid: int) -> None:
        """`pid`: a QEMU that has started, with qemu.machine(shared_memory=True). Raises HarnessFault."""
        self._layout = layout
        self._file = _open(Path(f"/proc/{pid}/fd"), layout.size)

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes of physical memory from `address`; zeros unless all of them are memory."""
        offset = self._layout.offset(address, size)
        return bytes(size) if offset is None else os.pread(self._file, size, offset)

    def write(self, address: int, data: bytes) -> None:
        """Writes physical memory; nothing unless all of these bytes are memory."""
        offset = self._layout.offset(address, len(data))
        if offset is not None:
            os.pwrite(self._file, data, offset)

    def close(self) -> None:
        os.close(self._file)


def _open(descriptors: Path, size: int) -> int:
    """The memfd among a process' descriptors, if it has this size and can't change it."""
    with contextlib.suppress(OSError):
        for descriptor in descriptors.iterdir():
            if NAME in os.readlink(descriptor):
                file = os.open(descriptor, os.O_RDWR | os.O_CLOEXEC)
                if os.fstat(file).st_size == size and fcntl.fcntl(file, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
                    return file
                os.close(file)
    raise HarnessFault(f"QEMU's memory can't be opened: {descriptors} has no {NAME} of {size >> 20} MiB for us")
