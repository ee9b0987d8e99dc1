"""A small client of QEMU's machine protocol (QMP), enough for the harness."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

from grading.machine.failures import GuestSilent, HarnessFault
from grading.machine.progress import SILENT_CPU_S

PATIENCE_S = 600  # a QEMU that lives but doesn't answer for so long is a fault of the host
POLL_S = 0.2
LEAVING_S = 5  # after it said that the guest has shut down


class QmpEnded(Exception):
    """QEMU closed the connection."""


class Qmp:
    """Runs QMP commands one at a time; events are kept in `events`.

    A guest can keep QEMU's devices busy without end, so that it never gets to its commands: that shows in the CPU time
    which QEMU uses meanwhile (cpu_time: seconds), and is the guest's fault (GuestSilent), whatever asked.
    """

    def __init__(self, link: socket.socket, alive: Callable[[], bool], cpu_time: Callable[[], float]) -> None:
        self._link = link
        self._alive = alive
        self._cpu_time = cpu_time
        self._buffer = b""
        self.events: list[dict[str, Any]] = []
        self.stuck = False  # QEMU said that the guest has ended, and neither answered nor ended itself
        link.settimeout(POLL_S)

    def greet(self) -> None:
        """Waits for QEMU's greeting and leaves negotiation mode. Raises QmpEnded."""
        self._receive()
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> Any:
        """The command's return value. Raises QmpEnded, GuestSilent, or HarnessFault when QEMU refuses the command."""
        request = json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"
        try:
            self._link.sendall(request)
        except OSError:
            raise QmpEnded from None
        while True:
            answer = self._receive()
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise HarnessFault(f"QEMU refused {command}: {answer['error'].get('desc')}")
            elif "return" in answer:
                return answer["return"]

    def monitor(self, line: str, cpu: int = 0) -> str:
        """The output of a command of QEMU's human monitor, as asked of a vCPU."""
        return str(self.execute("human-monitor-command", **{"command-line": line, "cpu-index": cpu}))

    def final_events(self) -> list[dict[str, Any]]:
        """All events up to the end of the connection; for use when QEMU has ended."""
        try:
            while True:
                answer = self._receive()
                if "event" in answer:
                    self.events.append(answer)
        except QmpEnded:
            return self.events

    def _receive(self) -> dict[str, Any]:
        start, start_cpu = time.monotonic(), None
        while b"\n" not in self._buffer:
            try:
                data = self._link.recv(65536)
            except TimeoutError:
                waited = time.monotonic() - start
                if waited > LEAVING_S and any(event["event"] == "SHUTDOWN" for event in self.events):
                    self.stuck = True  # as QEMU 7.2 is for ever when a request meets its monitor_cleanup()
                start_cpu = self._cpu_time() if start_cpu is None else start_cpu
                if self.stuck or not self._alive():
                    data = b""
                elif self._cpu_time() - start_cpu > SILENT_CPU_S:
                    raise GuestSilent(f"the guest keeps QEMU's devices busy: it answered nothing for {SILENT_CPU_S:.0f} s of CPU time")
                elif waited > PATIENCE_S:
                    raise HarnessFault(f"QEMU did not answer on QMP for {PATIENCE_S} s") from None
                else:
                    continue
            except ConnectionError:
                data = b""
            if not data:
                raise QmpEnded
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer
