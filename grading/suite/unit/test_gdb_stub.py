"""The client of QEMU's GDB stub, against a made-up stub."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from grading.machine.failures import HarnessFault
from grading.machine.gdb_stub import GdbStub, packet


class Stub(threading.Thread):
    """Answers packets from 64 KiB of memory, in pieces, with notices of stops in between."""

    def __init__(self, link: socket.socket) -> None:
        super().__init__(daemon=True)
        self.link = link
        self.memory = bytearray(range(256)) * 256
        self.lengths: list[int] = []

    def run(self) -> None:
        buffer = b""
        while data := self.link.recv(4096):
            buffer += data
            while b"#" in buffer and len(buffer) >= buffer.index(b"#") + 3:
                end = buffer.index(b"#") + 3
                request, buffer = buffer[:end].lstrip(b"+")[1:-3].decode(), buffer[end:]
                reply = packet("T02thread:01;") + b"+" + packet(self.answer(request))
                for start in range(0, len(reply), 100):
                    self.link.sendall(reply[start : start + 100])

    def answer(self, request: str) -> str:
        if request[0] not in "mM":
            return "OK"
        place, _, data = request[1:].partition(":")
        address, length = (int(word, 16) for word in place.split(","))
        self.lengths.append(length)
        if address + length > len(self.memory):
            return "E22"
        if request[0] == "m":
            return self.memory[address : address + length].hex()
        self.memory[address : address + length] = bytes.fromhex(data)
        return "OK"


@pytest.fixture
def pair() -> Iterator[tuple[GdbStub, Stub]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stub = Stub(theirs)
        stub.start()
        yield GdbStub(ours), stub
        ours.shutdown(socket.SHUT_RDWR)
        stub.join()


def test_reads_in_chunks(pair: tuple[GdbStub, Stub]) -> None:
    client, stub = pair
    assert client.read(0x123, 10_000) == bytes(stub.memory[0x123 : 0x123 + 10_000])
    assert max(stub.lengths) <= 2000


def test_writes_in_chunks(pair: tuple[GdbStub, Stub]) -> None:
    client, stub = pair
    data = bytes(reversed(range(256))) * 20
    client.write(0x777, data)
    assert client.read(0x770, len(data) + 14)[7:-7] == data
    assert max(stub.lengths) <= 2000


def test_errors(pair: tuple[GdbStub, Stub]) -> None:
    client, _ = pair
    with pytest.raises(HarnessFault, match="E22"):
        client.read(0xFFF8, 16)
    with pytest.raises(HarnessFault, match="refused a write"):
        client.write(0xFFF8, bytes(16))


def test_framing() -> None:
    assert packet("m0,8") == b"$m0,8#01"
