"""`cairn signals`: what a process does about each signal, and which wait for it."""

from __future__ import annotations

import signal

import gdb

from grading.gdb.command import Command
from grading.gdb.kernel import elements, number
from grading.gdb.processes import Process, process_of
from grading.gdb.programs import Program

FIRST_REAL_TIME, COUNT = 32, 64
FLAGS = {  # kernel/process/signal_action.h, by Linux's names
    0x1: "NOCLDSTOP", 0x2: "NOCLDWAIT", 0x4: "SIGINFO", 0x800: "EXPOSE_TAGBITS", 0x0400_0000: "RESTORER", 0x0800_0000: "ONSTACK",
    0x1000_0000: "RESTART", 0x4000_0000: "NODEFER", 0x8000_0000: "RESETHAND"}


def signal_name(which: int) -> str:
    """SIGINT, SIGRT_3."""
    return f"SIGRT_{which - FIRST_REAL_TIME}" if which >= FIRST_REAL_TIME else signal.Signals(which).name


def names(mask: int) -> str:
    """A set of signals: `[INT TERM]`."""
    return f"[{' '.join(signal_name(bit + 1).removeprefix('SIG') for bit in range(COUNT) if mask >> bit & 1)}]"


def flag_names(flags: int) -> str:
    """`RESTART|SIGINFO`; 0 if there are none."""
    return "|".join(name for bit, name in FLAGS.items() if flags & bit) or "0"


def place_of(address: int, process: Process) -> str:
    """A handler, by name if there are symbols of its program."""
    name = Program.named(process.name).symbol(address)
    if not name:
        block = gdb.block_for_pc(address)
        name = str(block.function) if block is not None and block.function is not None else ""
    return f"{address:#x} {name}".rstrip()


def waiting(pending: gdb.Value) -> str:
    """A PendingSignals: those that are pending, and what is queued of them, in order."""
    queued = [f"{signal_name(int(each['info']['signal']))} code {int(each['info']['code'])}" for each in elements(pending["queue_"], "QueuedSignal", "link")]
    return names(number(pending["set_"])) + (f", queued: {', '.join(queued)}" if queued else "")


class Signals(Command):
    """a process's handlers and masks, and the signals that are pending and queued"""

    name = "signals"
    arguments = "PID"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 1, 1)
        process = process_of(words[0])
        value = process.value
        print(f"pending {waiting(value['pending'])}")
        for thread in process.threads:
            stack = thread["alternate_stack"]
            alternate = f", alternate stack {int(stack['start']):#x}, {int(stack['size'])} bytes" if int(stack["size"]) else ""
            print(f"thread {number(thread['tid'])} pending {waiting(thread['pending'])}, blocked {names(number(thread['blocked_signals']))}{alternate}")
        ignored, caught = number(value["ignored_signals"]), number(value["caught_signals"])
        for which in range(1, COUNT + 1):
            if ignored >> which - 1 & 1:
                print(f"{signal_name(which):10} ignored")
            elif caught >> which - 1 & 1:  # other actions may be left over
                action = value["actions"][which - 1]
                handler, flags, mask = int(action["handler"]), int(action["flags"]), int(action["mask"])
                print(f"{signal_name(which):10} {place_of(handler, process)}, flags {flag_names(flags)}, mask {names(mask)}")


def register() -> None:
    Signals()
