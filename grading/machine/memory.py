"""Where a guest's physical memory lies, and a second way to reach it.

Usually the GDB stub reads and writes guest memory. When a person's debugger holds the stub, the
guest's memory is a file that QEMU and the harness both map.
"""

from __future__ import annotations

import mmap
import tempfile

FOUR_GIB = 1 << 32
LOW_MEMORY_LIMIT = 0x8000_0000  # q35 puts the rest above 4 GiB once memory reaches 2.75 GiB
LOW_MEMORY_MAXIMUM = 0xB000_0000


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


class SharedMemory:
    """The guest's memory in a temporary file; offers what gdb_stub.GdbStub does."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._file = tempfile.NamedTemporaryFile(prefix="cairn-memory-")  # noqa: SIM115 - closed by close()
        self._file.truncate(layout.size)
        self._map = mmap.mmap(self._file.fileno(), layout.size)

    @property
    def path(self) -> str:
        return self._file.name

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes of physical memory; what isn't memory reads as zero."""
        offset = self._layout.offset(address, size)
        return bytes(size) if offset is None else self._map[offset : offset + size]

    def write(self, address: int, data: bytes) -> None:
        offset = self._layout.offset(address, len(data))
        if offset is not None:
            self._map[offset : offset + len(data)] = data

    def close(self) -> None:
        self._map.close()
        self._file.close()
