"""Stacks: unwinding through the entry code, and looking at a thread that doesn't run.

Two unwinders are put before GDB's own. One leads from the entry code to what was interrupted, so
that GDB's `bt`, `up` and `finish` work there too. The other pretends, while asked to, that the
caller of the current frame is the code in which a sleeping thread stopped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import gdb
import gdb.unwinder

from grading.gdb import kernel
from grading.gdb.entry_code import REGISTERS, EntryCode
from grading.gdb.kernel import unsigned

SWITCHED = ("r15", "r14", "r13", "r12", "rbx", "rbp", "rip")  # on a switched stack, lowest first (switch_stacks)

entry_code: EntryCode | None = None


@dataclass(frozen=True)
class FrameId:
    """As GDB wants it: a number that a frame and no other has, and its function."""

    sp: gdb.Value
    pc: gdb.Value


class EntryUnwinder(gdb.unwinder.Unwinder):
    """From the entry code to the code it interrupted, or to its caller."""

    def __init__(self) -> None:
        super().__init__("cairn entry code")

    def __call__(self, pending: gdb.PendingFrame) -> gdb.UnwindInfo | None:
        pc = unsigned(pending.read_register("rip"))
        if entry_code is None or not entry_code.start <= pc < entry_code.end:
            return None
        try:
            return self.unwind(pending, entry_code, pc)
        except (gdb.error, KeyError):  # memory or a register that isn't known
            return None

    def unwind(self, pending: gdb.PendingFrame, code: EntryCode, pc: int) -> gdb.UnwindInfo:
        now = {name: pending.read_register(name) for name in REGISTERS}
        registers: dict[str, int | gdb.Value] = {name: value for name, value in now.items() if not value.is_optimized_out}
        way = code.way_back(pc, lambda name: unsigned(registers[name]))
        if way is None:
            return _info(pending, unsigned(registers["rsp"]), pc, registers | {"rip": 0})  # GDB ends a backtrace at 0
        if way.slot is None:
            return _info(pending, unsigned(registers["rsp"]), pc, registers | {"rip": registers["rcx"]})
        registers |= {name: _word(slot) for name, slot in way.pops.items()}
        registers |= {"rip": _word(way.slot), "rsp": way.slot + 8}
        if way.trap:
            registers["rsp"] = code.trap_frame(way)["rsp"]
        return _info(pending, way.slot, pc, registers)


class SleeperUnwinder(gdb.unwinder.Unwinder):
    """While `registers` are set, they are those of the caller of the CPU's innermost function."""

    def __init__(self) -> None:
        super().__init__("cairn sleeping thread")
        self.registers: dict[str, int | gdb.Value] | None = None
        self.stands_at = (0, 0)  # the CPU's rip and rsp

    def __call__(self, pending: gdb.PendingFrame) -> gdb.UnwindInfo | None:
        if self.registers is None or _position(pending) != self.stands_at:
            return None
        return _info(pending, 0, 0, self.registers)


sleeper = SleeperUnwinder()


def _info(pending: gdb.PendingFrame, sp: int, pc: int, registers: Mapping[str, int | gdb.Value]) -> gdb.UnwindInfo:
    info = pending.create_unwind_info(FrameId(gdb.Value(sp), gdb.Value(pc)))
    for name, value in registers.items():
        info.add_saved_register(name, value if isinstance(value, gdb.Value) else gdb.Value(value))
    return info


def _position(frame: gdb.Frame | gdb.PendingFrame) -> tuple[int, int]:
    return unsigned(frame.read_register("rip")), unsigned(frame.read_register("rsp"))


def _word(address: int) -> int:
    return int.from_bytes(kernel.read(address, 8), "little")


@contextlib.contextmanager
def frame_of_sleeper(thread: gdb.Value) -> Iterator[gdb.Frame | None]:
    """The newest frame of a thread that isn't on a CPU, for as long as the block runs."""
    stack = int(thread["saved_rsp"])
    sleeper.registers = {name: _word(stack + 8 * i) for i, name in enumerate(SWITCHED)}
    sleeper.registers["rsp"] = stack + 8 * len(SWITCHED)
    sleeper.stands_at = _position(gdb.newest_frame())
    gdb.invalidate_cached_frames()
    try:
        frame: gdb.Frame | None = gdb.newest_frame()
        while frame is not None and _position(frame) == sleeper.stands_at:  # functions inlined into the innermost
            frame = frame.older()
        yield frame
    finally:
        sleeper.registers = None
        gdb.invalidate_cached_frames()


def register() -> None:
    """Puts the unwinders in place, for every kernel that GDB loads."""
    gdb.unwinder.register_unwinder(None, EntryUnwinder(), replace=True)
    gdb.unwinder.register_unwinder(None, sleeper, replace=True)
    gdb.events.new_objfile.connect(_find_entry_code)
    _find_entry_code()


def _find_entry_code(_event: object = None) -> None:
    """Now, since names can't be looked up while GDB unwinds."""
    global entry_code
    try:
        entry_code = EntryCode()
    except gdb.error:
        entry_code = None
