"""The CPU time that all machines of a grading may use together.

The limits of progress.py bound one wait. A submission that is slow without end, in test after test, stays within
them; this bounds the whole. It is CPU time, not time on the wall, and several times what a right kernel
takes, so neither a busy nor a slow host makes it an answer.
"""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from pathlib import Path

from grading.machine.failures import GuestFailure

FACTOR = 5  # times what the course's own solution needs


class AllowanceSpent(GuestFailure):
    """The machines of this grading have used what they may."""


@dataclass(frozen=True)
class Allowance:
    """file: where this grading's processes add up what their machines used, of `limit_s` seconds."""

    file: Path
    limit_s: float

    def begin(self) -> None:
        """Nothing is spent."""
        self.file.unlink(missing_ok=True)

    def add(self, seconds: float) -> None:
        """What a machine that has ended used."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with open(self.file, "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            spent = float(file.read() or 0) + seconds
            file.truncate(0)
            file.write(f"{spent:.3f}")

    def spent(self) -> float:
        """Seconds that ended machines used."""
        try:
            with open(self.file) as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                return float(file.read() or 0)
        except FileNotFoundError:
            return 0.0

    def check(self, seconds: float = 0.0) -> None:
        """Raises AllowanceSpent if a machine that has used so much so far makes it too much."""
        if self.spent() + seconds > self.limit_s:
            raise AllowanceSpent(
                f"the machines of this grading have used {self.limit_s:.0f} s of CPU time together, {FACTOR} times what "
                "a right solution needs: look at the tests that took longest"
            )

