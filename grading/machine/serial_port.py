"""The guest's serial lines, drained by one thread so that the guest never blocks on them.

The thread logs what arrives, keeps it for the readers and wakes them. A guest that floods a
port costs a bounded amount of memory and disk: beyond FLOOD_LIMIT bytes everything is read and
dropped, and the port is marked as flooded.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import deque
from pathlib import Path

from grading.machine.text import decode

FLOOD_LIMIT = 4 << 20  # bytes a port may write in one machine's life
BATCH_S = 0.0001  # a UART sends byte by byte: waiting a little saves a wake-up for most
RECEIVE = 1 << 20  # bytes taken at once: more than a socket holds
WINDOW = 256 << 10  # bytes of a console kept for reading


class SerialPort:
    """One serial line. Fields are touched under the pump's lock only."""

    def __init__(self, name: str, link: socket.socket, log: Path) -> None:
        self.name = name
        self.received = 0  # bytes in all
        self.flooded = False
        self.closed = False
        self.link = link
        self._log = open(log, "wb", buffering=0)  # noqa: SIM115 - closed by close()

    def feed(self, data: bytes) -> None:
        """Takes what arrived (at most FLOOD_LIMIT bytes in all)."""
        room = FLOOD_LIMIT - self.received
        self.received += len(data)
        if len(data) > room:
            self.flooded = True
            data = data[: max(room, 0)]
        if data:
            self._log.write(data)
            self.keep(data)

    def keep(self, data: bytes) -> None:
        """Stores `data` for whoever reads the port."""
        raise NotImplementedError

    def send_some(self, data: bytes) -> bytes:
        """Sends what the line takes without waiting; returns the rest."""
        try:
            return data[self.link.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) :]
        except BlockingIOError:
            return data
        except OSError:
            return b""  # the machine is gone; the reader finds out why

    def close(self) -> None:
        self.link.close()
        self._log.close()


class ConsolePort(SerialPort):
    """COM1: keeps the last WINDOW bytes."""

    def __init__(self, link: socket.socket, log: Path) -> None:
        super().__init__("COM1", link, log)
        self._window = bytearray()
        self._start = 0  # position of the window's first byte in all that was received

    def keep(self, data: bytes) -> None:
        self._window += data
        excess = len(self._window) - WINDOW
        if excess > 0:
            del self._window[:excess]
            self._start += excess

    def since(self, position: int) -> tuple[int, str]:
        """The text kept from byte `position` on, and the position where that text starts."""
        start = max(position, self._start)
        return start, decode_keeping_length(bytes(self._window[start - self._start :]))

    @property
    def text(self) -> str:
        return decode(bytes(self._window))


class ChannelPort(SerialPort):
    """COM2: keeps everything until the channel takes it."""

    def __init__(self, link: socket.socket, log: Path) -> None:
        super().__init__("COM2", link, log)
        self._pending: deque[bytes] = deque()  # its operations are atomic, so take() needs no lock

    def keep(self, data: bytes) -> None:
        self._pending.append(data)

    def take(self) -> bytes:
        return b"".join(self._pending.popleft() for _ in range(len(self._pending)))


class Pump(threading.Thread):
    """Drains ports into their readers. `changed` is notified whenever something arrived or ended.

    Whoever sees data of a port sees all that had arrived before on the ports named ahead of it: with the
    console first, a reply on the channel comes after what the guest printed before it replied.
    """

    def __init__(self, *ports: SerialPort) -> None:
        super().__init__(name="serial-pump", daemon=True)
        self.changed = threading.Condition()
        self.error: OSError | None = None  # why draining ended early, such as a full disk
        self._ports = ports
        self._wake, self._waker = socket.socketpair()

    def run(self) -> None:
        try:
            self._drain_all()
        except OSError as error:
            with self.changed:
                self.error = error
                self.changed.notify_all()

    def _drain_all(self) -> None:
        with selectors.DefaultSelector() as selector:
            for port in self._ports:
                selector.register(port.link, selectors.EVENT_READ, port)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self.ended:
                ready = selector.select()
                time.sleep(BATCH_S)
                for key, _ in ready:
                    if key.data is None:
                        return
                    self._drain(key.data)
                for link in [key.fileobj for key in selector.get_map().values() if key.data and key.data.closed]:
                    selector.unregister(link)

    def _drain(self, port: SerialPort) -> None:
        data = received(port)
        earlier = [(other, received(other)) for other in self._ports[: self._ports.index(port)] if not other.closed]
        with self.changed:
            for each, its_data in (*earlier, (port, data)):
                if its_data:
                    each.feed(its_data)
                elif its_data is not None:
                    each.closed = True
            self.changed.notify_all()

    @property
    def received(self) -> int:
        """Bytes received on all ports."""
        return sum(port.received for port in self._ports)

    @property
    def ended(self) -> bool:
        return all(port.closed for port in self._ports)

    def flooded_port(self) -> SerialPort | None:
        return next((port for port in self._ports if port.flooded), None)

    def stop(self) -> None:
        """Ends the thread and closes the ports."""
        self._waker.send(b"x")
        self.join()
        self._wake.close()
        self._waker.close()
        for port in self._ports:
            port.close()


def received(port: SerialPort) -> bytes | None:
    """What has arrived by now: b"" at the line's end, None if there is nothing."""
    try:
        return port.link.recv(RECEIVE, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except ConnectionError:
        return b""


def decode_keeping_length(data: bytes) -> str:
    """One character a byte, so that positions in the text are positions in the data."""
    return data.decode("latin-1")
