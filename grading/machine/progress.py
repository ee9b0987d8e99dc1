"""When does a guest count as hung? Never by the clock on the wall: a slow host is no wrong answer.

While the harness waits for something, the guest has hung when
  - it stayed silent on all ports while its QEMU used SILENT_CPU_S of CPU time, or
  - it stayed silent while of the last HEARTBEATS looks at the vCPU, at least HEARTBEAT_S apart,
    all but a few found it halted (or the machine suspended): nothing is going to wake it.
A guest that keeps talking without ever giving what is waited for is stopped at TALKING_FACTOR
times those limits.

A right kernel never hangs; a wrong one may in every test. After PATIENT_FOR hangs this process's
limits shrink to IMPATIENCE of themselves, still many times what any test's silence takes, so that
such a submission doesn't keep its grader for an hour.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

SILENT_CPU_S = 20.0  # the longest silence of a right kernel takes 4 s on a usual machine
HEARTBEATS = 160
PATIENT_FOR = 3  # hangs
IMPATIENCE = 0.3
HEARTBEATS_AWAKE = 4  # so many of them may find the vCPU awake: a timer tick leads nowhere
HEARTBEAT_S = 0.05
TALKING_FACTOR = 10


hangs = 0  # that this process has seen


class Watch:
    """Watches one wait. `look()` is called about every HEARTBEAT_S and tells what is wrong, if anything.

    received: bytes the guest has written so far; cpu_time: seconds QEMU has used; halted: asks
    QEMU whether the vCPU is halted (expensive, so asked at most once per HEARTBEAT_S).
    """

    def __init__(
        self,
        received: Callable[[], int],
        cpu_time: Callable[[], float],
        halted: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._received, self._cpu_time, self._halted, self._clock = received, cpu_time, halted, clock
        share = 1.0 if hangs < PATIENT_FOR else IMPATIENCE
        self._silent_cpu = SILENT_CPU_S * share
        self._most_beats = int(HEARTBEATS * share)
        self._awake_beats = int(HEARTBEATS_AWAKE * share)
        self._start_cpu = self._silent_since_cpu = cpu_time()
        self._last_received = received()
        self._beats: deque[bool] = deque(maxlen=self._most_beats)
        self._halted_beats = 0
        self._next_beat = clock() + HEARTBEAT_S

    def look(self) -> str | None:
        """None while there is hope, otherwise in words how the guest hung."""
        global hangs
        verdict = self._verdict()
        if verdict is not None:
            hangs += 1
        return verdict

    def _verdict(self) -> str | None:
        cpu = self._cpu_time()
        received = self._received()
        if received != self._last_received:
            self._last_received = received
            self._silent_since_cpu = cpu
            self._beats.clear()
        if self._clock() >= self._next_beat:
            self._beat()
        if cpu - self._silent_since_cpu > self._silent_cpu:
            return f"it ran for {self._silent_cpu:.0f} s of CPU time without a word"
        if len(self._beats) == self._most_beats and sum(self._beats) >= self._most_beats - self._awake_beats:
            return "its CPU is halted and nothing wakes it"
        if cpu - self._start_cpu > TALKING_FACTOR * self._silent_cpu or self._halted_beats > TALKING_FACTOR * self._most_beats:
            return "it keeps writing other things"
        return None

    def _beat(self) -> None:
        halted = self._halted()
        self._beats.append(halted)
        self._halted_beats += halted
        self._next_beat = self._clock() + HEARTBEAT_S
