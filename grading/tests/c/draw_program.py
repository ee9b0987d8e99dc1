"""Draws a program: `python3 grading draw FILE [WORDS…]`.

First the file, as linkers see it (sections) and as the kernel does (segments), then the pages that its segments become.
Then the stack that it finds, with these words for arguments: the newest kernel in build/ that has lab C runs the program
on a machine of its own, up to the first instruction, which is a jump to itself there; what lies on the stack is read
from outside.
"""

from __future__ import annotations

import argparse
import struct
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from grading import ROOT
from grading.judge import page_walk
from grading.judge.check import CheckFailed
from grading.machine.failures import GuestFailure, HarnessFault
from grading.machine.machine import Machine
from grading.machine.registers import Registers
from grading.tests.c import stack
from grading.tests.c.elf_files import EXECUTABLE, HEADER, INTERPRETER, LOAD, MAGIC, PAGE, PROGRAM, SECTION, SHARED
from grading.tests.c.guest import Guest, make_disk

NO_BITS = 8  # sh_type of sections that take no bytes
SPIN = b"\xeb\xfe"  # a jump to itself
STACK_TOP = 0x7FFF_FFFF_F000  # kUserStackTop
PATIENCE = 400  # looks at the processor
TYPES = {LOAD: "LOAD", 2: "DYNAMIC", INTERPRETER: "INTERP", 4: "NOTE", 6: "PHDR", 7: "TLS", 0x6474E550: "GNU_EH_FRAME",
         0x6474E551: "GNU_STACK", 0x6474E552: "GNU_RELRO", 0x6474E553: "GNU_PROPERTY"}
AUXILIARY = {stack.PHDR: "AT_PHDR", stack.PHENT: "AT_PHENT", stack.PHNUM: "AT_PHNUM", stack.PAGESZ: "AT_PAGESZ", stack.BASE: "AT_BASE",
             stack.FLAGS: "AT_FLAGS", stack.ENTRY: "AT_ENTRY", stack.UID: "AT_UID", stack.EUID: "AT_EUID", stack.GID: "AT_GID",
             stack.EGID: "AT_EGID", stack.HWCAP: "AT_HWCAP", stack.CLKTCK: "AT_CLKTCK", stack.SECURE: "AT_SECURE",
             stack.RANDOM: "AT_RANDOM", stack.EXECFN: "AT_EXECFN"}


class DrawError(Exception):
    """It can't be drawn; the message is one line that says why."""


@dataclass(frozen=True)
class Segment:
    """A program header."""

    type: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int

    @property
    def name(self) -> str:
        rights = "".join(letter if self.flags & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
        return f"{TYPES.get(self.type, hex(self.type))} {rights}"

    def holds(self, start: int, end: int) -> bool:
        """Whether bytes of the file are all in it."""
        return self.offset <= start and end <= self.offset + self.file_size


@dataclass
class File:
    """An ELF file. Source: elf(5)."""

    path: Path
    data: bytes
    type: int
    entry: int
    segments: list[Segment] = field(default_factory=list)
    parts: list[tuple[int, int, str]] = field(default_factory=list)  # (start, end, name) of what lies in the file

    @classmethod
    def read(cls, path: Path) -> File:
        """Raises DrawError, OSError."""
        data = path.read_bytes()
        if len(data) < HEADER.size or data[:7] != MAGIC[:7]:
            raise DrawError(f"{path}: it isn't an ELF file of 64 bits")
        _, kind, _, _, entry, programs, sections, _, _, _, count, _, section_count, names = HEADER.unpack_from(data)
        if kind not in (EXECUTABLE, SHARED):
            raise DrawError(f"{path}: it isn't a program")
        file = cls(path, data, kind, entry)
        try:
            for i in range(count):
                kind, flags, offset, address, _, size, memory_size, _ = PROGRAM.unpack_from(data, programs + i * PROGRAM.size)
                file.segments.append(Segment(kind, flags, offset, address, size, memory_size))
            file.parts = [(0, HEADER.size, "ELF header"), (programs, programs + count * PROGRAM.size, "program headers")]
            headers = [SECTION.unpack_from(data, sections + i * SECTION.size) for i in range(section_count)]
        except struct.error:
            raise DrawError(f"{path}: its headers are cut off") from None
        for name, kind, _, _, offset, size, *_ in headers[1:]:
            start = headers[names][4] + name
            text = data[start : data.index(b"\0", start)].decode(errors="replace")
            if kind != NO_BITS and size:
                file.parts.append((offset, offset + size, text))
        if headers:
            file.parts.append((sections, sections + section_count * SECTION.size, "section headers"))
        file.parts.sort()
        return file

    @property
    def loaded(self) -> list[Segment]:
        return [each for each in self.segments if each.type == LOAD]

    def offset_of(self, address: int) -> int:
        """Where in the file the byte at an address is. Raises DrawError."""
        for each in self.loaded:
            if each.address <= address < each.address + each.file_size:
                return each.offset + address - each.address
        raise DrawError(f"{self.path}: its entry {address:#x} is in no segment's bytes")


def draw_file(file: File) -> Iterator[str]:
    """Both views, side by side: parts in order of offset, and which segments have them."""
    kind = "at its own addresses" if file.type == EXECUTABLE else "wherever the kernel puts it"
    yield f"{file.path.name}: {len(file.data)} bytes, a program that runs {kind}; entry {file.entry:#x}"
    yield ""
    width = max(len(name) for _, _, name in file.parts) + 2
    yield f"      offset ┌{'─' * (width + 8)}┐"
    for start, end, name in file.parts:
        holders = [each.name for each in file.segments if each.file_size and each.holds(start, end)]
        loaded = [each for each in file.loaded if each.holds(start, end)]
        where = f" ─▶ {loaded[0].address + start - loaded[0].offset:#x}" if loaded else ""
        yield f"{start:#12x} │ {name:{width}}{end - start:>5} │{where:16}  {', '.join(holders)}".rstrip()
    yield f"{len(file.data):#12x} └{'─' * (width + 8)}┘"


def draw_pages(file: File) -> Iterator[str]:
    """What the segments become, page by page where something ends or begins."""
    yield ""
    yield "in memory"
    shown: dict[int, int] = {}
    for each in file.loaded:
        first, last = each.address & -PAGE, (each.address + each.memory_size - 1) & -PAGE
        bytes_end = each.address + each.file_size
        yield f"  {each.name}  {each.address:#x} to {each.address + each.memory_size:#x}: {(last - first) // PAGE + 1} pages, {each.memory_size - each.file_size} bytes of zeros"
        for page in sorted({first, (bytes_end - 1) & -PAGE if each.file_size else first, last}):
            yield f"    {page:#12x} {_page_of(each, page, bytes_end, shown)}"
        for page in range(each.offset & -PAGE, each.offset + each.file_size, PAGE):
            shown.setdefault(page, first + page - (each.offset & -PAGE))


def _page_of(segment: Segment, page: int, bytes_end: int, shown: dict[int, int]) -> str:
    """A page in words. `shown`: at which addresses pages of the file are already."""
    if page >= bytes_end or not segment.file_size:
        return "zeros"
    in_file = (segment.offset & -PAGE) + page - (segment.address & -PAGE)
    words = f"the file's page at {in_file:#x}"
    if in_file in shown:
        words += f", a second time: it is at {shown[in_file]:#x}, too"
    if bytes_end < page + PAGE and segment.memory_size > segment.file_size:
        words += f", zeros from {bytes_end:#x} on"
    return words


def first_stack(file: File, words: list[str]) -> list[str]:
    """The stack at its first instruction, and which kernel that was. Raises DrawError, CheckFailed, GuestFailure."""
    kernels = sorted((path for stage in ("c", "all") if (path := ROOT / "build" / stage / "kernel.elf").is_file()), key=lambda path: path.stat().st_mtime)
    if not kernels:
        raise DrawError("there is no kernel with lab C: make kernel LAB=c")
    if any(each.type == INTERPRETER for each in file.segments):
        raise DrawError(f"{file.path}: its interpreter would begin: link it statically to see its stack")
    if any("'" in word for word in words):
        raise DrawError("the monitor has no way to write a ' within a word: leave it out")
    at = file.offset_of(file.entry)
    spinning = file.data[:at] + SPIN + file.data[at + len(SPIN) :]
    name = f"/bin/{file.path.name}"
    with tempfile.TemporaryDirectory() as folder:
        disk = make_disk(Path(folder), {name: spinning})
        with Machine(kernels[-1], None, options="channel root=vda log=error", disks=[disk]) as machine:
            guest = Guest(machine)
            pid = machine.channel.command(" ".join(["run", *(f"'{word}'" for word in (name, *words)), "&"])).number("pid")
            for _ in range(PATIENCE):
                with machine.stopped():
                    registers = machine.registers()
                    is_there = registers.cpl == 3 and _code_at(machine, registers) == SPIN
                if is_there:
                    first = stack.FirstStack.read(guest.memory(pid), registers.rsp)
                    return ["", f"its first stack, under {kernels[-1].relative_to(ROOT)}", *draw_stack(first)]
    raise DrawError(f"{file.path}: it doesn't come to its first instruction")


def _code_at(machine: Machine, registers: Registers) -> bytes:
    """What the processor executes; nothing where nothing is mapped."""
    page = page_walk.walk_address(machine, registers.cr3, registers.rip)
    return b"" if page is None else machine.read_phys(page.physical + registers.rip - page.virtual, len(SPIN))


def draw_stack(first: stack.FirstStack) -> Iterator[str]:
    """From the stack pointer upwards, which is downwards on paper."""
    count, at = len(first.arguments), first.pointer
    rows = [(at, "argc", str(count))]
    strings = first.arguments + first.environment
    names = [f"argv[{i}]" for i in range(count)] + [f"envp[{i}]" for i in range(len(first.environment))]
    for i, (name, pointer) in enumerate(zip(names, first.strings)):
        if i == count:
            at += 8
            rows.append((at, "", "0"))
        at += 8
        rows.append((at, name, f"{pointer:#x} ─▶ \"{strings[i].decode(errors='replace')}\""))
    ends = 1 if first.environment else 2
    for _ in range(ends):
        at += 8
        rows.append((at, "", "0"))
    at += 8
    for kind, value in first.auxiliary.items():
        rows.append((at, AUXILIARY.get(kind, f"type {kind}"), _auxiliary(first, kind, value)))
        at += 16
    rows.append((at, "AT_NULL", "0"))
    width = max(len(value) for _, _, value in rows)
    yield f"{'stack pointer':>16} ─▶ ┌{'─' * (width + 13)}┐"
    for address, name, value in rows:
        yield f"{address:#19x} │ {name:10} {value:{width}} │"
    yield f"{'':19} │ {'…':{width + 11}} │"
    yield f"{STACK_TOP:#19x} └{'─' * (width + 13)}┘"


def _auxiliary(first: stack.FirstStack, kind: int, value: int) -> str:
    if kind == stack.RANDOM:
        return f"{value:#x} ─▶ {first.memory.read(value, 16).hex()}"
    if kind == stack.EXECFN:
        return f"{value:#x} ─▶ \"{first.memory.string(value, 'AT_EXECFN').decode(errors='replace')}\""
    return hex(value) if value >= PAGE else str(value)


def main() -> int:
    """Exit status 1 if it can't be drawn."""
    parser = argparse.ArgumentParser(description="Draws a program's file, its pages and the stack that it finds.")
    parser.add_argument("file", type=Path)
    parser.add_argument("words", nargs="*", help="arguments of the program")
    arguments = parser.parse_args()
    try:
        file = File.read(arguments.file)
        print(*draw_file(file), *draw_pages(file), sep="\n")
        print(*first_stack(file, arguments.words), sep="\n")
    except (DrawError, GuestFailure, HarnessFault, CheckFailed, OSError) as error:
        print(f"grading draw: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
