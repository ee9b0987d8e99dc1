"""What user addresses mean: the functions of build/user/NAME.elf, and the names of system calls."""

from __future__ import annotations

import functools
import re
import subprocess
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from grading import ROOT

CODE_END = "_fini"  # behind it there are constants


@dataclass(frozen=True)
class Function:
    """A function of a program; `end` is where the next one starts."""

    name: str
    start: int
    end: int


class Program:
    """The functions of a program, from its ELF; none if that isn't there."""

    def __init__(self, functions: list[tuple[int, str]]) -> None:
        self._functions = functions

    @classmethod
    def named(cls, name: str) -> Program:
        """build/user/NAME.elf as it is now."""
        elf = ROOT / "build" / "user" / f"{name}.elf"
        if not re.fullmatch(r"[\w.-]+", name) or not elf.is_file():
            return cls([])
        return _loaded(elf, elf.stat().st_mtime_ns)

    def function(self, address: int) -> Function | None:
        """The function that an address lies in."""
        after = bisect_right(self._functions, address, key=lambda function: function[0])
        if not 0 < after < len(self._functions):
            return None
        start, name = self._functions[after - 1]
        return None if name == CODE_END else Function(name, start, self._functions[after][0])

    def symbol(self, address: int) -> str:
        """`main+6`; nothing for an address in no function."""
        function = self.function(address)
        if function is None:
            return ""
        return f"{function.name}+{address - function.start}" if address > function.start else function.name


@functools.lru_cache(maxsize=16)
def _loaded(elf: Path, _modified: int) -> Program:
    listed = subprocess.run(["nm", "-n", "--defined-only", elf], capture_output=True, text=True, check=False).stdout
    found = {int(address, 16): name for address, name in re.findall(r"^([0-9a-f]+) [TtWw] (.+)$", listed, re.MULTILINE)}
    return Program(sorted(found.items()))


@functools.lru_cache(maxsize=1)
def system_calls() -> dict[int, str]:
    """The names of the calls that Cairn knows, by number."""
    table = ROOT / "kernel" / "syscalls" / "table.h"
    source = table.read_text() if table.exists() else ""
    return {int(number): name for number, name in re.findall(r"\bX\((\d+), (\w+),", source)}


def system_call(number: int) -> str:
    """`read` for 0; the number of one that Cairn doesn't know."""
    return system_calls().get(number, f"number {number}")
