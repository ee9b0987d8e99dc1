"""`cairn syscalls`: the table of system calls, and who implements each."""

from __future__ import annotations

import re
from pathlib import Path

import gdb

from grading.gdb.command import Command
from grading.gdb.kernel import Trouble
from grading.gdb.programs import system_calls

HANDLERS = "SyscallTable"


def handlers() -> gdb.Value:
    """The table from which calls are dispatched, by number. Raises Trouble."""
    for symbol in gdb.lookup_static_symbols("cairn::(anonymous namespace)::table"):
        if str(symbol.type).endswith(HANDLERS):
            return symbol.value()["handlers"]
    raise Trouble("the kernel has no table of system calls: build it again (make kernel)")


def brought_by(source: str) -> str:
    """Whose file that is: a lab's, of the kernel's for one, or there in every stage."""
    lab = re.match(r"labs/(\w)-|kernel/standins/(\w)|kernel/\w+/lab_(\w)/", source)
    if lab is None:
        return "every stage"
    if lab[1]:
        return f"lab {lab[1]}'s own"
    return f"until lab {lab[2]}" if lab[2] else f"from lab {lab[3]} on"


def source_of(address: int) -> tuple[str, int]:
    """The file of a function, as the kernel's build names it, and the line; ? without."""
    block = gdb.block_for_pc(address)
    while block is not None and (block.function is None or block.superblock.function is not None):
        block = block.superblock  # what is inlined there has a block of its own
    if block is None:
        return "?", 0
    return str(Path(block.function.symtab.filename)).removeprefix("./"), block.function.line


class Calls(Command):
    """system calls: number, name, who implements it and where"""

    name = "syscalls"
    arguments = "[NAME|NUMBER]"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 0, 1)
        table = handlers()
        shown = {number: name for number, name in system_calls().items() if not words or words[0] in (name, str(number))}
        if not shown:
            raise Trouble(f"there is no system call {words[0]} in kernel/syscalls/table.h")
        for number, name in shown.items():
            address = int(table[number])
            if not address:
                print(f"{number:4} {name:18} absent in this stage: ENOSYS")
                continue
            source, line = source_of(address)
            print(f"{number:4} {name:18} {brought_by(source):16} {source}:{line}")


def register() -> None:
    Calls()
