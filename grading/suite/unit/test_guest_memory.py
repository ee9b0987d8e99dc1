"""The file that holds a guest's memory, found among a process' descriptors: here this process' own."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import pytest

from grading.machine.failures import HarnessFault
from grading.machine.memory import FOUR_GIB, NAME, GuestMemory, Layout

MIB = 1 << 20


@pytest.fixture
def file(request: pytest.FixtureRequest) -> Iterator[int]:
    """A memfd as QEMU makes it, or, by parameters, of another size or without its seals."""
    size, seals = getattr(request, "param", (8 * MIB, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW))
    descriptor = os.memfd_create(NAME, os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    yield descriptor
    os.close(descriptor)


def test_reads_and_writes(file: int) -> None:
    memory = GuestMemory(Layout(8), os.getpid())
    data = bytes(range(256)) * 20
    memory.write(0x777, data)
    assert memory.read(0x770, len(data) + 14) == bytes(7) + data + bytes(7)
    assert os.pread(file, len(data), 0x777) == data
    memory.close()


@pytest.mark.parametrize("address", [8 * MIB - 8, 8 * MIB, FOUR_GIB, -8, 0xFFFF_FFFF_FFFF_FFFF, 1 << 70])
def test_what_is_not_memory_is_zero_and_stays_so(file: int, address: int) -> None:
    os.pwrite(file, b"\xff" * 8, 8 * MIB - 8)
    memory = GuestMemory(Layout(8), os.getpid())
    memory.write(address, b"\x55" * 16)
    assert memory.read(address, 16) == bytes(16)
    assert os.pread(file, 9, 8 * MIB - 8) == b"\xff" * 8
    memory.close()


@pytest.mark.parametrize("file", [(4 * MIB, fcntl.F_SEAL_SHRINK), (8 * MIB, 0)], indirect=True)
def test_a_file_that_could_not_be_read_later_is_refused(file: int) -> None:
    with pytest.raises(HarnessFault, match="memory can't be opened"):
        GuestMemory(Layout(8), os.getpid())


def test_a_process_that_has_gone() -> None:
    with pytest.raises(HarnessFault, match="memory can't be opened"):
        GuestMemory(Layout(8), 0)
