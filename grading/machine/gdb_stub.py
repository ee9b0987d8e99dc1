"""A small client of QEMU's GDB stub: reads and writes physical memory, 10 µs a read.

The stub works on a stopped machine only: any byte sent to it stops a running one. So callers
stop the machine through QMP first (Machine.stopped()) and resume it afterwards; the stub's own
notices of each stop are skipped here.
"""

from __future__ import annotations

import select
import socket

from grading.machine.failures import HarnessFault

CHUNK = 2000  # bytes; the stub's packets hold 4096 characters
TIMEOUT_S = 600


class GdbStub:
    """One connection to the stub, switched to physical addresses."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._buffer = b""
        self._physical = False
        link.settimeout(TIMEOUT_S)

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes of physical memory; the machine must be stopped."""
        self._use_physical_addresses()
        data = bytearray()
        while len(data) < size:
            length = min(CHUNK, size - len(data))
            answer = self._ask(f"m{address + len(data):x},{length:x}")
            data += self._hex(answer, f"reading {length} bytes at {address + len(data):#x}")
        return bytes(data)

    def write(self, address: int, data: bytes) -> None:
        """Writes physical memory; the machine must be stopped."""
        self._use_physical_addresses()
        for offset in range(0, len(data), CHUNK // 2):
            chunk = data[offset : offset + CHUNK // 2]
            answer = self._ask(f"M{address + offset:x},{len(chunk):x}:{chunk.hex()}")
            if answer != "OK":
                raise HarnessFault(f"QEMU's GDB stub refused a write to {address + offset:#x}: {answer[:40]}")

    def _use_physical_addresses(self) -> None:
        if not self._physical:
            if self._ask("Qqemu.PhyMemMode:1") != "OK":
                raise HarnessFault("QEMU's GDB stub has no physical memory mode")
            self._physical = True

    def _ask(self, request: str) -> str:
        self._skip_notices()
        try:
            self._link.sendall(packet(request))
            while True:
                answer = self._receive()
                self._link.sendall(b"+")
                if answer[:1] not in ("T", "S"):  # notice of a stop
                    return answer
        except TimeoutError:
            raise HarnessFault(f"QEMU's GDB stub did not answer for {TIMEOUT_S} s") from None

    def _receive(self) -> str:
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start + 1)
            if start >= 0 and end >= 0 and len(self._buffer) >= end + 3:
                body = self._buffer[start + 1 : end]
                given = self._buffer[end + 1 : end + 3]
                self._buffer = self._buffer[end + 3 :]
                if f"{checksum(body):02x}".encode() != given:
                    raise HarnessFault("QEMU's GDB stub sent a damaged packet")
                return body.decode("ascii")
            data = self._link.recv(65536)
            if not data:
                raise ConnectionError("QEMU closed the GDB stub")
            self._buffer += data

    def _skip_notices(self) -> None:
        while select.select([self._link], [], [], 0)[0] and self._link.recv(65536):
            pass
        self._buffer = b""

    @staticmethod
    def _hex(answer: str, doing: str) -> bytes:
        try:
            return bytes.fromhex(answer)
        except ValueError:
            raise HarnessFault(f"QEMU's GDB stub failed ({answer[:20]}) {doing}") from None


def checksum(body: bytes) -> int:
    return sum(body) & 0xFF


def packet(request: str) -> bytes:
    """`request` framed as the remote serial protocol wants it."""
    body = request.encode("ascii")
    return b"$" + body + f"#{checksum(body):02x}".encode()
