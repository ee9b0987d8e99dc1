"""GDB commands that print Cairn's own structures: `cairn help` in GDB lists them.

.gdbinit calls load(). Everything is read from the machine's memory through DWARF types and the
direct map, so it works whichever page table is loaded and whatever the labs' code does. `make gdb`
starts GDB (machine/gdb_command.py); all that is here runs inside of it.
"""

from __future__ import annotations


def load() -> None:
    """Registers commands, pretty-printers, the unwinder of the entry code, the stop at panics. Inside GDB only."""
    from grading.gdb import backtrace, calls, command, files, frames, maps, page_tables, panic_stop, printers, ps, regions, signals, stacks, threads

    command.Help()
    for module in (ps, threads, page_tables, regions, maps, frames, files, signals, calls, backtrace):
        module.register()
    printers.register()
    stacks.register()
    panic_stop.register()
