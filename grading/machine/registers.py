"""A vCPU's registers, read from QEMU's monitor, which knows all of them in every mode."""

from __future__ import annotations

import re
from dataclasses import dataclass

from grading.machine.failures import HarnessFault


GS = re.compile(r"^GS *= *[0-9a-fA-F]+ +([0-9a-fA-F]+)", re.MULTILINE)  # its selector, then its base


@dataclass(frozen=True)
class Registers:
    """Registers of a vCPU, as QEMU's `info registers` prints them."""

    rip: int
    rsp: int
    rflags: int
    cs: int
    cpl: int
    cr0: int
    cr2: int
    cr3: int
    cr4: int
    efer: int
    gs_base: int
    halted: bool
    gprs: dict[str, int]


def parse_registers(text: str) -> Registers:
    """The output of `info registers`; 32-bit names become their 64-bit ones."""
    values = {name.upper(): int(value, 16) for name, value in re.findall(r"\b(\w+) ?= *([0-9a-fA-F]+)\b", text)}
    wide = {f"R{name[1:]}": value for name, value in values.items() if re.fullmatch("E[A-Z]{2}", name)}
    values |= {name: value for name, value in wide.items() if name not in values}
    names = ("RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", *(f"R{number}" for number in range(8, 16)))
    try:
        return Registers(
            rip=values["RIP"],
            rsp=values["RSP"],
            rflags=values["RFL"],
            cs=values["CS"],
            cpl=values["CPL"],
            cr0=values["CR0"],
            cr2=values["CR2"],
            cr3=values["CR3"],
            cr4=values["CR4"],
            efer=values["EFER"],
            gs_base=int(segment[1], 16) if (segment := GS.search(text)) else values["GS"],
            halted=bool(values["HLT"]),
            gprs={name.lower(): values.get(name, 0) for name in names},
        )
    except KeyError as missing:
        raise HarnessFault(f"QEMU's `info registers` lacks {missing}") from None
