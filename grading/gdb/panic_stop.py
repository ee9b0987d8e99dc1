"""Stops at a panic: where the kernel says it, with the caller's frame and the machine as they are."""

from __future__ import annotations

import gdb

FUNCTIONS = ("cairn::panic(char const*)", "cairn::panic_at(cairn::TrapFrame const&, char const*)")


class PanicStop(gdb.Breakpoint):
    """A breakpoint without a number of its own, so that a person's begin at 1."""

    def __init__(self, function: str) -> None:
        super().__init__(f"-function {function}", internal=True)

    def stop(self) -> bool:
        message = gdb.selected_frame().read_var("message").string(errors="replace")
        print(f"\nThe kernel panics: {message}\n`bt` and `up` show where; `continue` prints what it has to say.")
        return True


def register() -> None:
    """Sets the breakpoints, if a kernel is loaded that has the functions."""
    for function in FUNCTIONS:
        if gdb.lookup_global_symbol(function) is not None:
            PanicStop(function)
