"""Programs that are wrong in one way each, and a few that only look so: what exec makes of them is in hostile.tsv.

That table is Linux's word: `python3 -m grading.tests.c.linux_errors` runs them all on the host and writes it. Where Linux
finds the mistake only after the caller's memory is gone, it kills the process; Cairn refuses there, too (`refused`).
"""

from __future__ import annotations

import random
import string
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grading.tests.c.elf_files import (
    GNU_STACK,
    HEADER,
    INTERPRETER,
    LOAD,
    MAGIC,
    PAGE,
    PROGRAM,
    SHARED,
    Elf,
    Program,
    R,
    W,
    X,
    entry_of,
    exit_with,
    small,
    with_programs,
)

TABLE = Path(__file__).with_name("hostile.tsv")
KERNEL = 0xFFFF_8000_0000_0000
TOP = 1 << 47  # the user half's end, but for its last page
RW = R | W


@dataclass(frozen=True)
class Hostile:
    """One file. Interpreters are named by relative paths: the caller's current directory has all of them."""

    name: str
    content: bytes
    refused: str = ""  # Cairn's error where Linux kills
    mode: int = 0o755


def cut_headers() -> Iterator[Hostile]:
    """A right program cut at each byte of its headers."""
    whole = with_programs([Program(0x600000, b"data", RW)], exit_with(0)).to_bytes()
    for size in range(HEADER.size + 2 * PROGRAM.size):
        yield Hostile(f"cut-{size}", whole[:size])


def headers() -> Iterator[Hostile]:
    """Fields of the ELF header."""
    for position in range(4):
        yield Hostile(f"magic-{position}", small(patches={position: b"x"}).to_bytes())
    for kind in (0, 1, 4, 0xFFFF):
        yield Hostile(f"type-{kind}", small(header={"type": kind}).to_bytes())
    for machine in (0, 40, 183, 0xFFFF):
        yield Hostile(f"machine-{machine}", small(header={"machine": machine}).to_bytes())
    for size in (0, 1, 32, 55, 57, 0xFFFF):
        yield Hostile(f"program-size-{size}", small(header={"program_size": size}).to_bytes())
    for count in (0, 1171, 0xFFFF):  # how many are too many differs; these are for each Linux
        big = small(header={"program_count": count}).to_bytes() + bytes(70000)
        yield Hostile(f"program-count-{count}", big)
    for offset in (0x10000, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1):
        yield Hostile(f"program-offset-{offset:#x}", small(header={"program_offset": offset}).to_bytes())
    yield Hostile("most-programs", with_programs([Program(0, type=0)] * 72, exit_with(3)).to_bytes())
    yield Hostile("version-0", small(3, header={"version": 0}).to_bytes())
    yield Hostile("header-size-0", small(3, header={"header_size": 0}).to_bytes())
    yield Hostile("shorter-than-a-header", header_in_itself(HEADER.size - 1), "ENOEXEC")
    yield Hostile("header-in-itself", header_in_itself(HEADER.size), "EINVAL")
    yield Hostile("class-32", small(3, patches={4: b"\1"}).to_bytes())
    yield Hostile("big-endian", small(3, patches={5: b"\2"}).to_bytes())
    yield Hostile("sections-nowhere", small(3, header={"section_offset": 1 << 62, "section_count": 9}).to_bytes())


def header_in_itself(size: int) -> bytes:
    """A file that is nothing but a header, whose only program header is its own first bytes; no PT_LOAD."""
    return small(header={"program_offset": 0}).to_bytes()[:size]


def segments() -> Iterator[Hostile]:
    """What PT_LOADs say."""
    def more(name: str, refused: str, *programs: Program, **fields: object) -> Hostile:
        return Hostile(name, with_programs(list(programs), exit_with(4), **fields).to_bytes(), refused)

    yield more("file-beyond-memory", "EINVAL", Program(0x600000, bytes(64), RW, 32))
    yield more("incongruent", "EINVAL", Program(0x600010, bytes(64), RW, offset=0x1000))
    for address in (KERNEL, KERNEL + 0x400000, 1 << 63, (1 << 64) - PAGE, TOP, TOP - PAGE):
        yield more(f"address-{address:#x}", "EINVAL", Program(address, bytes(64), RW))
    for size in ((1 << 64) - 1, (1 << 64) - PAGE, (1 << 64) - 0x600000, 1 << 63, TOP, TOP - 0x600000):
        yield more(f"memory-{size:#x}", "EINVAL", Program(0x600000, bytes(64), RW, size))
    yield more("file-size-huge", "EINVAL", Program(0x600000, b"", RW, 64), patches={HEADER.size + PROGRAM.size + 32: struct.pack("<Q", 1 << 63)})
    yield more("offset-huge", "EINVAL", Program(0x600000, b"", RW, 64), patches={
        HEADER.size + PROGRAM.size + 8: struct.pack("<QQQQQ", 1 << 63, 0x600000, 0, 64, 64)})
    yield Hostile("entry-in-kernel", small(header={"entry": KERNEL}).to_bytes(), "EINVAL")
    yield Hostile("entry-noncanonical", small(header={"entry": TOP}).to_bytes(), "EINVAL")
    yield Hostile("entry-unmapped", small(header={"entry": 0x900000}).to_bytes())
    yield Hostile("entry-in-data", with_programs([Program(0x600000, exit_with(4), RW)], b"", header={"entry": 0x600000}).to_bytes())
    yield Hostile("no-load", Elf([Program(0, type=GNU_STACK, flags=RW)], 0x400000).to_bytes(), "EINVAL")
    yield Hostile("shared-no-load", Elf([Program(0, type=GNU_STACK, flags=RW)], 0x1000, SHARED).to_bytes(), "EINVAL")
    yield Hostile("shared-too-large", with_programs([Program(TOP, bytes(64), RW)], exit_with(4), 0, type=SHARED).to_bytes(), "EINVAL")
    yield Hostile("shared-entry-in-kernel", small(base=0, type=SHARED, header={"entry": KERNEL}).to_bytes(), "EINVAL")
    yield more("zeros-beyond-end", "EFAULT", Program(0x600000, b"", RW, 64), patches={
        HEADER.size + PROGRAM.size + 8: struct.pack("<QQQQQ", 0x100000, 0x600000, 0, 32, 64)})
    # Right ones.
    yield more("empty-load", "", Program(0x600000, b"", RW, 0, offset=0))
    yield more("file-beyond-end", "", Program(0x600000, b"", R, 64), patches={
        HEADER.size + PROGRAM.size + 8: struct.pack("<QQQQQ", 0x100000, 0x600000, 0, 64, 64)})
    yield more("unsorted", "", Program(0x300000, b"lower", RW))
    yield more("odd-alignment", "", Program(0x600000, b"x", RW, alignment=3))
    yield Hostile("overlapping", overlapping().to_bytes())
    yield Hostile("shared", small(5, 0, type=SHARED).to_bytes())
    yield Hostile("shared-high", small(5, 0x70000000, type=SHARED).to_bytes())


def overlapping() -> Elf:
    """The second segment has the first one's page, with other code at the entry."""
    entry = entry_of([None], 0x400000)  # type: ignore[list-item]
    second = bytes(entry - 0x400000) + exit_with(6)
    return with_programs([Program(0x400000, second, R | X, type=LOAD)], exit_with(5))


def interpreters() -> Iterator[Hostile]:
    """PT_INTERP, and what it leads to."""
    def named(name: str, content: bytes, **patched: int) -> Hostile:
        program = Program(0x500000, content, R, type=INTERPRETER)
        elf = with_programs([program], exit_with(7))
        place = elf.placed()[1]
        fields = {"offset": place.offset or 0, "size": len(content), **patched}
        at = HEADER.size + PROGRAM.size
        elf.patches = {at + 8: struct.pack("<Q", fields["offset"]), at + 32: struct.pack("<QQ", fields["size"], fields["size"])}
        return Hostile(f"interpreter-{name}", elf.to_bytes())

    yield named("good", b"ld-good\0")
    yield named("unterminated", b"ld-good")
    yield named("of-1-byte", b"\0")
    yield named("of-no-byte", b"", size=0)
    yield named("too-long", b"/" * PAGE + b"\0")
    yield named("longest", b"./" * 2044 + b"ld-good\0")
    yield named("empty", b"\0\0")
    yield named("beyond-end", b"ld-good\0", offset=1 << 20)
    yield named("cut-by-end", b"ld-good\0", size=4000)
    yield named("negative-offset", b"ld-good\0", offset=1 << 63)
    for target in ("missing", "folder", "forbidden", "text", "short", "machine", "headers", "none", "nested"):
        yield named(target, f"ld-{target}\0".encode())
    yield Hostile("ld-good", small(8, 0, type=SHARED).to_bytes())
    yield Hostile("ld-forbidden", small(8, 0, type=SHARED).to_bytes(), mode=0o644)
    yield Hostile("ld-text", b"no ELF at all, but longer than an ELF header: " + b"x" * 100)
    yield Hostile("ld-short", b"\x7fELF")
    yield Hostile("ld-machine", small(8, 0, type=SHARED, header={"machine": 3}).to_bytes())
    yield Hostile("ld-headers", small(8, 0, type=SHARED, header={"program_size": 55}).to_bytes())
    yield Hostile("ld-none", small(8, 0, type=SHARED, header={"program_count": 0}).to_bytes())
    yield Hostile("ld-nested", with_programs([Program(0x300, b"ld-missing\0", type=INTERPRETER, offset=0x300)], exit_with(8), 0, type=SHARED).to_bytes())
    yield Hostile("ld-kernel", with_programs([Program(KERNEL, bytes(8), RW)], exit_with(8)).to_bytes(), "EINVAL")


def scripts() -> Iterator[Hostile]:
    """Files that begin with "#!", and those that almost do."""
    yield Hostile("script-good", b"#!ld-good\n")
    for number in range(1, 8):
        yield Hostile(f"script-{number}", f"#! script-{number - 1 or 'good'} x\n".encode())
    for name, text in {
        "empty-line": b"#!\n", "blanks": b"#! \t \n", "nothing": b"#!", "only-blanks": b"#!" + b" " * 300, "no-newline": b"#!ld-good",
        "nul-first": b"#!\0ld-good\n", "nul-behind": b"#!ld-good\0x\n", "missing": b"#!none\n", "folder": b"#!ld-folder\n",
        "forbidden": b"#!ld-forbidden\n", "text": b"#!ld-text\n", "long-name": b"#!" + b"./" * 122 + b"ld-good\n",
        "cut-name": b"#!" + b"./" * 125 + b"ld-good\n", "long-argument": b"#!ld-good " + b"a" * 400 + b"\n",
        "space-first": b" #!ld-good\n", "one-byte": b"#", "carriage-return": b"#!ld-good\r\n",
    }.items():
        yield Hostile(f"script-{name}", text)
    yield Hostile("plain-text", b"echo hello\n")
    yield Hostile("empty", b"")
    yield Hostile("forbidden", small().to_bytes(), mode=0o644)


def all_hostile() -> list[Hostile]:
    """Every file, interpreters and scripts too. "ld-folder" is a directory beside them."""
    return [*cut_headers(), *headers(), *segments(), *interpreters(), *scripts()]


STATUSES = range(3, 9)  # that the right ones among them exit with
NAMED = ("ld-good", "script-good", *(f"script-{number}" for number in range(1, 8)))  # by other files


@dataclass(frozen=True)
class Case:
    """One of the files as a kernel meets it."""

    file: Hostile
    name: str
    content: bytes
    wanted: str  # what Cairn does with it: "ENOEXEC", "exited 3", "killed 11"
    mode: int = 0o755


def draw_cases(rng: random.Random, files: list[Hostile]) -> list[Case]:
    """The files in random order, with what Linux makes of them, so that nobody knows them by their names, their bytes or what they
    exit with: names, exit statuses and bytes that nobody looks at are drawn."""
    linux = linux_results()
    statuses = dict(zip(STATUSES, rng.sample(range(10, 250), len(STATUSES)), strict=True))
    names = {name: _word(rng, len(name)) for name in NAMED}

    def case(file: Hostile) -> Case:
        content = _unused_bytes(rng, file.content)
        for old, new in names.items():
            content = content.replace(old.encode(), new.encode())
        for old, new in statuses.items():
            content = content.replace(exit_with(old), exit_with(new))
        kind, _, number = (file.refused or linux[file.name]).partition(" ")
        wanted = f"exited {statuses[int(number)]}" if kind == "exited" else f"{kind} {number}".strip()
        is_named = file.name.startswith("ld-") or file.name in NAMED
        return Case(file, names.get(file.name, file.name) if is_named else _word(rng, rng.randrange(6, 12)), content, wanted, file.mode)

    cases = [case(file) for file in files]
    rng.shuffle(cases)
    return cases


def _word(rng: random.Random, size: int) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=size))


def _unused_bytes(rng: random.Random, content: bytes) -> bytes:
    """The same ELF file with other padding in its identification, and other flags and physical addresses."""
    if not content.startswith(MAGIC[:4]):
        return content
    data = bytearray(content)
    fields = [(9, 7), (48, 4)]
    count, offset = struct.unpack_from("<H", data, 56)[0] if len(data) >= HEADER.size else 0, struct.unpack_from("<Q", data.ljust(40), 32)[0]
    if offset == HEADER.size:
        fields += [(offset + number * PROGRAM.size + 24, 8) for number in range(min(count, 80))]
    for start, size in fields:
        if start + size <= len(data):
            data[start : start + size] = rng.randbytes(size)
    return bytes(data)


def linux_results() -> dict[str, str]:
    """The table: "ENOEXEC", "exited 3", "killed 11", by name."""
    lines = [line for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("\t") for line in lines)  # type: ignore[misc]
