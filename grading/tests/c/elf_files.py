"""ELF files made byte by byte, right and wrong ones, with a few instructions in them.

Source: System V ABI, "Object Files", "Program Header"; Intel SDM 2, for the instructions.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

PAGE = 4096
EXECUTABLE, SHARED = 2, 3  # e_type
X86_64 = 62
LOAD, INTERPRETER, PHDR, GNU_STACK = 1, 3, 6, 0x6474E551
X, W, R = 1, 2, 4
STRINGS = 3  # sh_type
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM = struct.Struct("<IIQQQQQQ")
SECTION = struct.Struct("<IIQQQQIIQQ")
MAGIC = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")


@dataclass(frozen=True)
class Program:
    """A program header, and the bytes of the file that it is about."""

    address: int
    content: bytes = b""
    flags: int = R
    memory_size: int | None = None  # None: as much as there is content
    type: int = LOAD
    alignment: int = PAGE
    offset: int | None = None  # None: the first place behind the earlier ones that fits the address

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return len(self.content) if self.memory_size is None else self.memory_size


@dataclass
class Elf:
    """A file. `header` and `patches` replace what would be right: fields by name, bytes by offset."""

    programs: list[Program]
    entry: int
    type: int = EXECUTABLE
    sections: list[tuple[bytes, int, int, int]] = field(default_factory=list)  # (name, type, offset, size)
    header: dict[str, int] = field(default_factory=dict)
    patches: dict[int, bytes] = field(default_factory=dict)

    def placed(self) -> list[Program]:
        """The programs with their offsets."""
        end = HEADER.size + PROGRAM.size * len(self.programs)
        placed = []
        for program in self.programs:
            offset = program.offset
            if offset is None:
                offset = end + (program.address - end) % PAGE if program.type == LOAD else end
            end = max(end, offset + len(program.content))
            placed.append(dataclasses.replace(program, offset=offset))
        return placed

    def to_bytes(self) -> bytes:
        """The file's content."""
        programs = self.placed()
        data = bytearray()
        for program in programs:
            _put(data, program.offset or 0, program.content)
        section_fields = self._put_sections(data)
        fields = {"identification": MAGIC, "type": self.type, "machine": X86_64, "version": 1, "entry": self.entry,
                  "program_offset": HEADER.size, "section_offset": 0, "flags": 0, "header_size": HEADER.size,
                  "program_size": PROGRAM.size, "program_count": len(programs), "section_size": SECTION.size, "section_count": 0,
                  "names_index": 0, **section_fields, **self.header}
        _put(data, 0, HEADER.pack(*fields.values()))
        table = b"".join(PROGRAM.pack(program.type, program.flags, program.offset, program.address, program.address,
                                      len(program.content), program.size, program.alignment) for program in programs)
        _put(data, HEADER.size, table)
        for offset, content in self.patches.items():
            _put(data, offset, content)
        return bytes(data)

    def _put_sections(self, data: bytearray) -> dict[str, int]:
        if not self.sections:
            return {}
        names, headers = b"\0", [SECTION.pack(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)]
        for name, kind, offset, size in self.sections:
            headers.append(SECTION.pack(len(names), kind, 0, 0, offset, size, 0, 0, 1, 0))
            names += name + b"\0"
        own = len(names)
        names += b".shstrtab\0"
        headers.append(SECTION.pack(own, STRINGS, 0, 0, len(data), len(names), 0, 0, 1, 0))
        data += names
        start = len(data)
        data += b"".join(headers)
        return {"section_offset": start, "section_count": len(headers), "names_index": len(headers) - 1}


def _put(data: bytearray, offset: int, content: bytes) -> None:
    if len(data) < offset + len(content):
        data.extend(bytes(offset + len(content) - len(data)))
    data[offset : offset + len(content)] = content


# -- instructions ----------------------------------------------------------------------------------

REGISTERS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")


def exit_with(status: int) -> bytes:
    """_exit(status)."""
    return b"\xbf" + struct.pack("<I", status) + b"\xb8\x3c\0\0\0\x0f\x05"


def wait_for_ever() -> bytes:
    """poll() of nothing, again and again; the stack pointer stays as it is."""
    body = b"\x31\xff\x31\xf6\xba\xff\xff\xff\xff\xb8\x07\0\0\0\x0f\x05"
    return body + b"\xeb" + struct.pack("<b", -len(body) - 2)


def store_registers(code_at: int, area: int) -> bytes:
    """Stores all registers but rip and flags at `area`, 8 bytes each in the order of REGISTERS. The code is at `code_at`."""
    code = b""
    for number in range(16):
        prefix = 0x4C if number >= 8 else 0x48
        target = area + 8 * number
        code += bytes([prefix, 0x89, (number & 7) << 3 | 5]) + struct.pack("<i", target - (code_at + len(code) + 7))
    return code


def touch(code_at: int, start: int, pages: int) -> bytes:
    """Reads a byte at `start` and at each page behind it."""
    code = b"\x48\x8d\x35" + struct.pack("<i", start - (code_at + 7))
    code += b"\xb9" + struct.pack("<I", pages)
    return code + b"\x8a\x06" + b"\x48\x81\xc6\x00\x10\x00\x00" + b"\xe2\xf5"


def small(status: int = 0, base: int = 0x400000, **fields: object) -> Elf:
    """A program that exits with a status: headers and code in one segment."""
    code = exit_with(status)
    start = HEADER.size + PROGRAM.size
    program = Program(base, bytes(start) + code, R | X, offset=0)
    return Elf([program], base + start, **fields)  # type: ignore[arg-type]


def with_programs(programs: Sequence[Program], code: bytes, base: int = 0x400000, **fields: object) -> Elf:
    """A program whose first segment has the headers and, from entry on, the code; `programs` are further headers."""
    start = HEADER.size + PROGRAM.size * (1 + len(programs))
    first = Program(base, bytes(start) + code, R | X, offset=0)
    return Elf([first, *programs], base + start, **fields)  # type: ignore[arg-type]


def entry_of(programs: Iterable[Program], base: int = 0x400000) -> int:
    """Where with_programs() puts the code."""
    return base + HEADER.size + PROGRAM.size * (1 + len(list(programs)))
