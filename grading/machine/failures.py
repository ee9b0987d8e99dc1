"""What can go wrong in a graded run, sorted by who is to blame.

GuestFailure and check.CheckFailed cost points. HarnessFault never does: it is tried once
more and then ends the grading with status 2.
"""

from __future__ import annotations


class GuestFailure(Exception):
    """The kernel under test did something wrong; the text says what was seen."""


class GuestExited(GuestFailure):
    """The machine ended before the test did.

    reason: `debug-exit`, `shutdown`, `reset` or `crash`; code: QEMU's exit status.
    """

    def __init__(self, reason: str, code: int, text: str = "") -> None:
        super().__init__(text or f"the machine ended by itself ({reason}, QEMU's status {code})")
        self.reason = reason
        self.code = code


class NotImplementedInLab(GuestFailure):
    """The kernel, or a student's program, said that an item isn't written yet."""

    def __init__(self, item: str) -> None:
        super().__init__(f"{item} is not implemented yet")
        self.item = item


class GuestPanic(GuestFailure):
    """The kernel panicked; the text is what it printed."""


class GuestSilent(GuestFailure):
    """The guest hung: see progress.py for the rules."""


class GuestFlood(GuestFailure):
    """The guest wrote more to a serial port than any correct kernel would."""


class BadReply(GuestFailure):
    """The guest broke the channel's protocol or left out a value that was asked for."""


class CommandError(GuestFailure):
    """A monitor command failed that should have succeeded; `errno` is its name, such as ENOMEM."""

    def __init__(self, command: str, errno: str, message: str) -> None:
        super().__init__(f"`{command}` failed: {errno} {message}".rstrip())
        self.command = command
        self.errno = errno


class HarnessFault(Exception):
    """The harness or the host failed, not the kernel under test.

    guest_may_cause: a guest could bring this about (QEMU itself crashed), so when a second
    try ends alike it counts against the guest.
    """

    def __init__(self, text: str, guest_may_cause: bool = False) -> None:
        super().__init__(text)
        self.guest_may_cause = guest_may_cause
