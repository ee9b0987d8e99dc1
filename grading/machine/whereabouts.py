"""Where a guest's processors are: their instruction and the calls that led there, as functions, files and lines.

Registers and stacks come from QEMU's monitor: the guest may be stuck in anything. The chain of frame pointers is
followed as long as it leads upwards. Names and lines come from the kernel's ELF, which a submission may have
made: binutils reads it in a cell then.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from grading.machine.failures import HarnessFault
from grading.machine.registers import Registers, parse_registers
from grading.machine.sandbox import Cell, Limits, launch, tool
from grading.machine.text import printable

Monitor = Callable[[str], str]

FRAMES = 24
LONG_MODE_ACTIVE = 1 << 10  # in EFER
KERNEL_HALF = 1 << 63
LIMITS = Limits(memory_mib=2048, processes=16, file_mib=64, cpu_s=60)
BACKSTOP_S = 120
INLINED = " (inlined by) "
KERNEL_ADDRESS = re.compile(r"\b0xffffffff8[0-9a-f]{7}\b")  # as the kernel prints one of its code
WORDS = re.compile(r"[0-9a-fA-F]+: 0x([0-9a-f]{16}) 0x([0-9a-f]{16})")


def processors(monitor: Monitor) -> list[tuple[Registers, list[int]]]:
    """Each processor's registers, and its addresses: the instruction, then where each function was called from."""
    sections = re.split(r"^CPU#\d+", monitor("info registers -a"), flags=re.MULTILINE)[1:]
    found = []
    for number, section in enumerate(sections):
        registers = parse_registers(section)
        monitor(f"cpu {number}")
        found.append((registers, [registers.rip, *_callers(monitor, registers)]))
    monitor("cpu 0")
    return found


def _callers(monitor: Monitor, registers: Registers) -> list[int]:
    frame = registers.gprs["rbp"]
    if not registers.efer & LONG_MODE_ACTIVE or registers.cpl != 0:
        return []
    addresses: list[int] = []
    while len(addresses) < FRAMES and frame & KERNEL_HALF and frame % 8 == 0:
        match = WORDS.search(monitor(f"x /2gx {frame:#x}"))
        if match is None or int(match[2], 16) == 0:
            break
        addresses.append(int(match[2], 16) - 1)  # the call, not what comes after it
        above = int(match[1], 16)
        if above <= frame:
            break
        frame = above
    return addresses


def symbolised(kernel: Path, addresses: Sequence[int], boxed: bool) -> list[str]:
    """For each address `function (file:line)`, or "" where the ELF says nothing of it. Raises HarnessFault."""
    if not addresses:
        return []
    command = [tool("addr2line", "binutils"), "-f", "-C", "-p", "-i", "-e", str(kernel), *(f"{address:#x}" for address in addresses)]
    process = launch(command, Cell(LIMITS, files=(kernel,)) if boxed else None, stdout=subprocess.PIPE)
    try:
        output, _ = process.popen.communicate(timeout=BACKSTOP_S)
    except subprocess.TimeoutExpired:
        raise HarnessFault(f"addr2line took longer than {BACKSTOP_S} s") from None
    finally:
        process.kill()
    lines = [printable(line) for line in output.decode(errors="replace").splitlines()]
    found: list[list[str]] = []  # for each address its function, then those that it was inlined into
    for line in lines:
        if not line.startswith(INLINED):
            found.append([])
        if found:
            found[-1].append(line.removeprefix(INLINED))
    places = [_place(calls) for calls in found[: len(addresses)]]
    return places + [""] * (len(addresses) - len(places))


def _place(calls: list[str]) -> str:
    """The innermost of the functions that is in this tree, or else the innermost: a loop may be in an atomic's load()."""
    found = [match for call in calls if (match := re.fullmatch(r"(.+) at (?:\./)?(.+?):(\d+)(?: \(.*\))?", call))]
    ours = [match for match in found if not match[2].startswith("/")] or found
    return f"{ours[0][1].replace('cairn::', '')} ({ours[0][2]}:{ours[0][3]})" if ours and ours[0][1] != "??" else ""


def described(monitor: Monitor, kernel: Path, boxed: bool) -> tuple[str, str]:
    """In words: the lab's function that is innermost on any processor, or ""; and all processors' calls."""
    innermost, lines = "", []
    for number, (registers, addresses) in enumerate(processors(monitor)):
        state = "halted" if registers.halted else "in user mode" if registers.cpl == 3 else "running"
        lines.append(f"processor {number}, {state}:")
        for address, place in zip(addresses, symbolised(kernel, addresses, boxed), strict=True):
            lines.append(f"  {address:x} {place}".rstrip())
            innermost = innermost or (place if "(labs/" in place else "")
    return innermost, "\n".join(lines)


def with_lines(text: str, kernel: Path, boxed: bool) -> str:
    """The text of a panic with file and line behind what stands at an address of the kernel's code."""
    lines = text.split("\n")
    addresses = {number: int(match[0], 16) for number, line in enumerate(lines)
                 if (match := KERNEL_ADDRESS.search(line)) and line.lstrip().startswith("#")}
    first = min(addresses, default=0)  # where it happened; the others are where calls return to
    wanted = [address - (number != first) for number, address in addresses.items()]
    for number, place in zip(addresses, symbolised(kernel, wanted, boxed), strict=True):
        if place:
            lines[number] += f"  {place[place.rindex('('):]}"
    return "\n".join(lines)
