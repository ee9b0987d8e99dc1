"""C1: what an ELF file says of itself, by the monitor's `elf`, which calls read_elf() and for_each_section() alone."""

from __future__ import annotations

import dataclasses
import random
import string
import struct

from grading.grader.rubric import item
from grading.judge.check import check
from grading.tests.c.conftest import Guests
from grading.tests.c.elf_files import (
    EXECUTABLE,
    GNU_STACK,
    HEADER,
    INTERPRETER,
    LOAD,
    PAGE,
    PHDR,
    PROGRAM,
    SECTION,
    SHARED,
    Elf,
    Program,
    R,
    W,
    X,
    exit_with,
    small,
    with_programs,
)
from grading.tests.c.hostile import Hostile, cut_headers, draw_cases, headers, interpreters, segments

C1_INTERPRETERS = ("unterminated", "of-1-byte", "of-no-byte", "too-long", "beyond-end", "cut-by-end", "negative-offset")
LOWEST, HIGHEST = 0x1000, 0x7FFFFFFFF000 - (8 << 20)  # of the pages of a program with fixed addresses
NOT_C1 = ("shared-entry-in-kernel",)  # where it will lie is known when it is loaded


def access(flags: int) -> str:
    """r-x for R | X."""
    return "".join(letter if flags & bit else "-" for letter, bit in (("r", R), ("w", W), ("x", X)))


def draw_elf(rng: random.Random, kind: int, *, phdr: bool, stack: int | None, interpreter: bytes, alignment: int) -> Elf:
    """A program of random segments, in random order, with what else is asked for, and what must not count: an empty segment
    far away, a first PT_GNU_STACK that says the contrary, a second PT_INTERP."""
    base = 0x400000 if kind == EXECUTABLE else rng.choice((0, 0x7000))
    programs, address = [], base + 0x10000
    for _ in range(rng.randrange(1, 6)):
        address += rng.randrange(1, 40) * PAGE
        start, size = address + rng.randrange(PAGE), rng.randrange(1, 9000)
        programs.append(Program(start, rng.randbytes(size), rng.choice((R, R | W, R | X)), size + rng.choice((0, rng.randrange(1, 30000))),
                                alignment=rng.choice((0, 3, PAGE, 3 * PAGE, 4 * PAGE))))
        address = start + programs[-1].size
    programs[0] = dataclasses.replace(programs[0], alignment=alignment)
    if phdr:
        programs.append(Program(base + 0x123456, bytes(8), type=PHDR))
    if stack is not None:
        programs.append(Program(0, type=GNU_STACK, flags=stack))
    if interpreter:
        programs.append(Program(base + 0x500, interpreter, type=INTERPRETER))
    programs += [Program(rng.randrange(1 << 40), type=rng.choice((0, 2, 4, 7, 0x6474E550, 0x6474E552))) for _ in range(rng.randrange(3))]
    rng.shuffle(programs)
    programs.append(Program(base + 0x9000, b"last", R))
    if kind == EXECUTABLE:
        programs.append(Program(0x6000_0000_0000, b"", R, 0, offset=0))
    if stack is not None:
        programs.insert(0, Program(0, type=GNU_STACK, flags=stack ^ X))
    if interpreter:
        programs.append(Program(base + 0x600, b"x", type=INTERPRETER))
    return with_programs(programs, exit_with(0), base, type=kind)


def shown_programs(elf: Elf) -> list[str]:
    """The lines that `elf` prints for the program headers."""
    return [f"program type={program.type:#x} access={access(program.flags)} offset={program.offset:#x} file_size={len(program.content):#x} "
            f"address={program.address:#x} memory_size={program.size:#x}" for program in elf.placed()]


@item("C1", points=4)
def test_headers_are_read(guest_with: Guests, rng: random.Random) -> None:
    """The entry, the pages, where the headers will be, interpreter, stack and alignment of random files, executable and shared."""
    files: dict[str, Elf] = {}
    interpreters_of: dict[str, bytes] = {}
    for number in range(12):
        name = "".join(rng.choices(string.ascii_lowercase, k=rng.randrange(4, 9))) if number % 3 == 0 else ""
        path = f"/f{number}"
        interpreters_of[path] = f"/lib/{name}".encode() if name else b""
        files[path] = draw_elf(rng, EXECUTABLE if number % 4 < 2 else SHARED, phdr=number % 2 == 0, stack=(None, R | W, R | W | X)[number // 2 % 3],
                               interpreter=interpreters_of[path] + b"\0" if name else b"", alignment=(4 * PAGE, 3 * PAGE, 0)[number // 4])
    guest = guest_with({path: elf.to_bytes() for path, elf in files.items()})
    for path, elf in files.items():
        reply = guest.machine.channel.command(f"elf {path}")
        loads = [program for program in elf.placed() if program.type == LOAD and program.size]
        phdr = [program.address for program in elf.placed() if program.type == PHDR]
        stack = [program.flags for program in elf.placed() if program.type == GNU_STACK]
        start = min(program.address for program in loads) // PAGE * PAGE
        end = -(-max(program.address + program.size for program in loads) // PAGE) * PAGE
        facts = {"relocatable": "yes" if elf.type == SHARED else "no", "entry": f"{elf.entry:#x}",
                 "headers": f"{phdr[0] if phdr else loads_base(elf) + HEADER.size:#x}", "start": f"{start:#x}", "end": f"{end:#x}",
                 "alignment": f"{max([PAGE] + [program.alignment for program in loads if program.alignment in (PAGE, 4 * PAGE)]):#x}",
                 "executable_stack": "yes" if stack and stack[-1] & X else "no", "interpreter": interpreters_of[path].decode()}
        check(expected=facts, seen=shown_facts(reply.lines), what=f"what read_elf() finds in a file with these program headers: {shown_programs(elf)}")
        check(expected=shown_programs(elf), seen=[line for line in reply.lines if line.startswith("program ")], what="the program headers")


@item("C1", points=2)
def test_where_the_headers_are(guest_with: Guests, rng: random.Random) -> None:
    """The program headers' address: where the segment that has them in the file puts them, or 0 if none does."""
    first, second = 0x400000 + rng.randrange(1, 99) * PAGE, 0x600000 + rng.randrange(1, 99) * PAGE
    table = 0x2000 + 8 * rng.randrange(1, 40)
    programs = [Program(first, exit_with(0), R | X, offset=0x1000), Program(second, bytes(PAGE), R, offset=0x2000)]
    files = {"/in-memory": moved_headers(Elf(programs, first), table), "/in-none": moved_headers(Elf(programs[:1], first), table)}
    guest = guest_with(files)
    seen = {path: shown_facts(guest.machine.channel.command(f"elf {path}").lines)["headers"] for path in files}
    check(expected={"/in-memory": f"{second + table - 0x2000:#x}", "/in-none": "0x0"}, seen=seen, what=f"where program headers are that stand at byte {table} of the file")


def moved_headers(elf: Elf, offset: int) -> bytes:
    """The same file with its program headers elsewhere."""
    data = bytearray(elf.to_bytes())
    size = PROGRAM.size * len(elf.programs)
    data += bytes(max(0, offset + size - len(data)))
    data[offset : offset + size] = data[HEADER.size : HEADER.size + size]
    data[HEADER.size : HEADER.size + size] = bytes(size)
    struct.pack_into("<Q", data, 32, offset)
    return bytes(data)


def shown_facts(lines: list[str]) -> dict[str, str]:
    """The first line that `elf` prints, by word."""
    return dict(word.partition("=")[::2] for word in lines[0].split(" "))


@item("C1", points=2)
def test_where_programs_may_lie(guest_with: Guests) -> None:
    """The pages of a program with fixed addresses: from the user half's first page to where the stack may grow to, no further."""
    allowed = {f"{first:#x}": with_programs([Program(first, b"x", R)], exit_with(0)).to_bytes() for first in (LOWEST, HIGHEST - PAGE)}
    wrong = {f"{address:#x}": with_programs([Program(address, b"x", R)], exit_with(0)).to_bytes() for address in (0, LOWEST - 1, HIGHEST, HIGHEST + PAGE)}
    across = with_programs([Program(HIGHEST - PAGE, b"x", R, PAGE + 1)], exit_with(0)).to_bytes()
    guest = guest_with({f"/{name}": data for name, data in (allowed | wrong | {"across": across}).items()})
    for name in (*allowed, *wrong, "across"):
        check(expected=None if name in allowed else "EINVAL", seen=guest.machine.channel.try_command(f"elf /{name}").errno,
              what=f"the error of read_elf() for a program with a segment at {name} (allowed: {LOWEST:#x} to {HIGHEST:#x})")


@item("C1", points=2)
def test_a_disk_that_fails(guest_with: Guests) -> None:
    """Where the disk can't read a program's headers, or its sections', that is EIO, not a wrong file."""
    far = 100 * PAGE  # nobody reads so far ahead
    programs = moved_headers(small(), far + 512)
    sections = bytearray(small(sections=[(b".one", 1, 0, 64)]).to_bytes())
    table = struct.unpack_from("<Q", sections, 40)[0]
    sections += bytes(far + 512 - len(sections)) + sections[table:]
    struct.pack_into("<Q", sections, 40, far + 512)
    marks = [b"unreadable program headers", b"unreadable section headers"]
    files = {"/programs": programs[:far] + marks[0].ljust(512, b".") + programs[far + 512 :],
             "/sections": bytes(sections[:far]) + marks[1].ljust(512, b".") + bytes(sections[far + 512 :]), "/right": small(5).to_bytes()}
    whole = guest_with(files)
    check(expected=[None] * 3, seen=[whole.machine.channel.try_command(f"elf {path}").errno for path in files], what="the errors for three right files")
    whole.machine.close()
    guest = guest_with(files, unreadable=marks)
    seen = {path: guest.machine.channel.try_command(f"elf {path}").errno for path in files}
    check(expected={"/programs": "EIO", "/sections": "EIO", "/right": None}, seen=seen, what="the errors where the disk fails in the page with these headers")


def loads_base(elf: Elf) -> int:
    """The address of the segment that has the file's first byte."""
    return next(program.address for program in elf.placed() if program.type == LOAD and program.offset == 0)


@item("C1", points=6)
def test_wrong_files_are_refused(guest_with: Guests, rng: random.Random) -> None:
    """Files cut at each byte of their headers, and each wrong field, give Linux's error, or EINVAL where Linux kills."""
    files = [*cut_headers(), *headers(), *[file for file in segments() if file.refused in ("", "EINVAL") and file.name not in NOT_C1]]
    files += [file for file in interpreters() if file.name.removeprefix("interpreter-") in C1_INTERPRETERS]
    cases = draw_cases(rng, files)
    guest = guest_with({f"/h/{case.name}": case.content for case in cases})
    for case in cases:
        file = case.file
        reply = guest.machine.channel.try_command(f"elf /h/{case.name}")
        error = case.wanted if case.wanted.startswith("E") else None
        # Nobody who only runs a program looks at its sections, so a file may be right but for these.
        seen = None if file.name == "sections-nowhere" and reply.errno == "ENOEXEC" and reply.lines else reply.errno
        check(expected=error, seen=seen, what=f"the error of read_elf() for {describe(file)}")


def describe(file: Hostile) -> str:
    """The file in words."""
    return f"`{file.name}` ({len(file.content)} bytes; python3 -c 'from grading.tests.c.hostile import *' has them all)"


@item("C1", points=2)
def test_more_headers_than_a_page_holds(guest_with: Guests) -> None:
    """73 program headers are read, 74 are ENOEXEC."""
    files = {f"/n{count}": with_programs([Program(0, type=0)] * (count - 1), exit_with(0)).to_bytes() for count in (73, 74)}
    guest = guest_with(files)
    seen = [guest.machine.channel.try_command(f"elf {path}").errno for path in files]
    check(expected=[None, "ENOEXEC"], seen=seen, what="the errors for 73 and 74 program headers")


@item("C1", points=3)
def test_sections_are_named(guest_with: Guests, rng: random.Random) -> None:
    """The section headers of random files, in order, with their names; with numbers that don't fit into the header, too."""
    files: dict[str, bytes] = {}
    wanted: dict[str, list[str]] = {}
    for number in range(8):
        sections = [(b"." + "".join(rng.choices(string.ascii_letters, k=rng.randrange(0, 60))).encode(), rng.randrange(1, 12),
                     rng.randrange(1 << 30), rng.randrange(1 << 20)) for _ in range(rng.randrange(1, 40))]
        elf = small(sections=sections)
        data = elf.to_bytes()
        path = f"/s{number}"
        rest = struct.unpack_from("<Q", data, 40)[0]
        if number % 2:
            data = elsewhere(data, rest)
        lines = [f"section type={kind:#x} address=0x0 offset={offset:#x} size={size:#x} name={name.decode()}" for name, kind, offset, size in sections]
        last = SECTION.unpack_from(data, rest + SECTION.size * (len(sections) + 1))
        first = SECTION.unpack_from(data, rest)
        wanted[path] = [f"section type=0x0 address=0x0 offset=0x0 size={first[5]:#x} name=", *lines,
                        f"section type=0x3 address=0x0 offset={last[4]:#x} size={last[5]:#x} name=.shstrtab"]
        files[path] = data
    files["/none"] = small().to_bytes()
    wanted["/none"] = []
    guest = guest_with(files)
    for path in files:
        lines = [line for line in guest.machine.channel.command(f"elf {path}").lines if line.startswith("section ")]
        check(expected=wanted[path], seen=lines, what=f"the sections of {path}")


def elsewhere(data: bytes, table: int) -> bytes:
    """The same file with the number of its sections, and the names' index, in section 0."""
    changed = bytearray(data)
    count, names = struct.unpack_from("<HH", data, 60)
    struct.pack_into("<HH", changed, 60, 0, 0xFFFF)
    struct.pack_into("<Q", changed, table + 32, count)
    struct.pack_into("<I", changed, table + 40, names)
    return bytes(changed)


@item("C1", points=3)
def test_wrong_sections_are_refused(guest_with: Guests) -> None:
    """Section headers that reach beyond the file, or lead nowhere, are ENOEXEC, and nothing of them is told."""
    sections = [(b".one", 1, 0, 64), (b".two", 1, 64, 64)]
    right = small(sections=sections).to_bytes()
    table = struct.unpack_from("<Q", right, 40)[0]
    names = table + 3 * SECTION.size
    right += right[names:]  # behind the table stands what would be a section of names
    long_name = small(sections=[(b"n" * 128, 1, 0, 0)]).to_bytes()
    changes = {
        "size-of-headers": (58, "<H", 63), "table-beyond-end": (40, "<Q", len(right)), "table-far-beyond": (40, "<Q", 1 << 63),
        "one-too-many": (60, "<H", 6), "many": (60, "<H", 0xFF00), "names-not-one": (62, "<H", 4), "names-not-strings": (names + 4, "<I", 1),
        "names-beyond-end": (names + 24, "<Q", len(right) - 2), "names-too-long": (names + 32, "<Q", len(right)),
        "names-wrap": (names + 24, "<Q", (1 << 64) - 4), "name-beyond-names": (table + SECTION.size, "<I", 1000),
        "name-unterminated": (names + 32, "<Q", 8), "number-in-0-wraps": (60, "<H", 0),
    }
    files = {"/right": right, "/long-name": long_name}
    for name, (offset, kind, value) in changes.items():
        data = bytearray(right)
        struct.pack_into(kind, data, offset, value)
        if name == "number-in-0-wraps":
            struct.pack_into("<Q", data, table + 32, 1 << 58)
        files[f"/{name}"] = bytes(data)
    guest = guest_with(files)
    for path in files:
        reply = guest.machine.channel.try_command(f"elf {path}")
        told = [line for line in reply.lines if line.startswith("section ")]
        wanted = (None, 4) if path == "/right" else ("ENOEXEC", 0)
        check(expected=wanted, seen=(reply.errno, len(told)), what=f"the error of for_each_section() and how many it told of, {path[1:]}")
