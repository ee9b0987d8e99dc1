"""What user addresses mean: the symbols of build/user/NAME.elf, and the names of system calls."""

from __future__ import annotations

import functools
import re
import subprocess
from bisect import bisect_right
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def user_symbol(program: str, address: int) -> str:
    """`main+6`, or nothing if the program's ELF isn't there or doesn't know the address."""
    elf = ROOT / "build" / "user" / f"{program}.elf"
    if not re.fullmatch(r"[\w.-]+", program) or not elf.is_file():
        return ""
    symbols = _symbols(elf, elf.stat().st_mtime_ns)
    at = bisect_right(symbols, (address, chr(0x10FFFF))) - 1
    if at < 0 or symbols[at][1] in ("_end", "_edata"):
        return ""
    start, name = symbols[at]
    return f"{name}+{address - start}" if address > start else name


@functools.lru_cache(maxsize=16)
def _symbols(elf: Path, _modified: int) -> list[tuple[int, str]]:
    listed = subprocess.run(["nm", "-n", "-C", "--defined-only", elf], capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^([0-9a-f]+) [A-Za-z] (.+)$", listed, re.MULTILINE)
    return [(int(address, 16), name) for address, name in found]


@functools.lru_cache(maxsize=1)
def _system_calls() -> dict[int, str]:
    table = ROOT / "kernel" / "syscalls" / "table.h"
    source = table.read_text() if table.exists() else ""
    return {int(number): name for number, name in re.findall(r"\bX\((\d+), (\w+),", source)}


def system_call(number: int) -> str:
    """`read` for 0; the number of one that Cairn doesn't know."""
    return _system_calls().get(number, f"number {number}")
