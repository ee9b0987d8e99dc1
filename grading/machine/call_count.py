"""Counts how often a function of the guest is called, from outside: by a breakpoint of QEMU's GDB stub.

A counter in the kernel's memory is only as true as the code that is linked with it. A breakpoint stands in
QEMU, where no guest sees or moves it.
"""

from __future__ import annotations

import re
import select
import socket
import struct
import threading
from pathlib import Path

from grading.machine.failures import BadReply, HarnessFault

PACKET = re.compile(rb"\$([^#]*)#..", re.DOTALL)
SYMTAB, FUNCTION = 2, 2  # of a section and of a symbol
HEADER, SECTION, SYMBOL = struct.Struct("<16s2HI3QI6H"), struct.Struct("<2I4Q2I2Q"), struct.Struct("<I2BHQQ")


def address_of(kernel: Path, name: str) -> int:
    """Where a function starts, given its mangled name. Raises BadReply unless the ELF has exactly one."""
    data = kernel.read_bytes()
    try:
        found = {value for symbol, value in _functions(data) if symbol == name.encode()}
    except (struct.error, IndexError, ValueError, OverflowError):
        raise BadReply("the kernel's ELF has a damaged table of symbols") from None
    if len(found) != 1:
        raise BadReply(f"the kernel's ELF should have one function {name}, not {len(found)}")
    return found.pop()


def _functions(data: bytes) -> list[tuple[bytes, int]]:
    header = HEADER.unpack_from(data)
    start, size, count = header[6], header[11], header[12]
    sections = [SECTION.unpack_from(data, start + size * i) for i in range(count)]
    table = next((section for section in sections if section[1] == SYMTAB), sections[0])
    strings = data[sections[table[6]][4] :][: sections[table[6]][5]]
    symbols = SYMBOL.iter_unpack(data[table[4] : table[4] + table[5] // SYMBOL.size * SYMBOL.size])
    return [(strings[name : strings.index(b"\0", name)], value) for name, info, _, _, value, _ in symbols if info & 15 == FUNCTION]


def packet(body: str) -> bytes:
    """A request framed as the remote serial protocol wants it."""
    return f"${body}#{sum(body.encode()) & 0xFF:02x}".encode()


class CallCount(threading.Thread):
    """Counts while it runs, and lets the machine go on at each call. Nobody else talks to the stub meanwhile."""

    def __init__(self, link: socket.socket, address: int) -> None:
        super().__init__(name="call-count", daemon=True)
        self.calls = 0
        self._link = link
        self._address = address
        self._buffer = b""
        self._wake, self._waker = socket.socketpair()

    def begin(self) -> None:
        """Sets the breakpoint; the machine stands still. Raises HarnessFault."""
        self._breakpoint("Z")
        self.start()

    def end(self) -> None:
        """Ends counting."""
        self._waker.send(b"x")
        self.join()
        self._wake.close()
        self._waker.close()

    def clear(self) -> None:
        """Takes the breakpoint away after the end; the machine stands still. Raises HarnessFault."""
        self._breakpoint("z")

    def run(self) -> None:
        try:
            while self._await_packet():
                if self._receive()[:1] == "T":
                    self._link.sendall(b"+" + packet("s"))  # a single step overrides breakpoints
                    self._receive()
                    self._link.sendall(b"+" + packet("c"))
                    self.calls += 1
        except OSError:
            return  # the machine has ended; whoever waits for it finds out why

    def _await_packet(self) -> bool:
        """Waits for a packet, which acknowledgements aren't; False if end() came first."""
        while not PACKET.search(self._buffer):
            if self._wake in select.select([self._link, self._wake], [], [])[0]:
                return False
            self._take_in()
        return True

    def _breakpoint(self, change: str) -> None:
        self._link.sendall(packet(f"{change}0,{self._address:x},1"))
        answer = "T"
        while answer[:1] in ("T", "S"):  # notices of stops that came before
            answer = self._receive()
            self._link.sendall(b"+")
        if answer != "OK":
            raise HarnessFault(f"QEMU's GDB stub refused a breakpoint at {self._address:#x}: {answer[:40]}")

    def _receive(self) -> str:
        """The next packet's body."""
        while not (found := PACKET.search(self._buffer)):
            self._take_in()
        self._buffer = self._buffer[found.end() :]
        return found[1].decode("ascii")

    def _take_in(self) -> None:
        data = self._link.recv(65536)
        if not data:
            raise ConnectionError("QEMU closed the GDB stub")
        self._buffer += data
