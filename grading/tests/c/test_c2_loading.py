"""C2: segments, zeros, break and stack, as the host finds them in the page tables and the memory of programs that run."""

from __future__ import annotations

import random

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.tests.c.conftest import Guests, ProgramFile
from grading.tests.c.elf_files import GNU_STACK, PAGE, SHARED, Elf, Program, R, W, X, entry_of, exit_with, small, store_registers, touch, wait_for_ever, with_programs
from grading.tests.c.exec_calls import call
from grading.tests.c.guest import PUPPET, STARTS, Guest
from grading.tests.c.hostile import draw_cases, segments
from grading.tests.c.test_c1_elf import access

pytestmark = stands_on(STARTS)

STACK_TOP = 0x7FFFFFFFF000
FIRST_STACK = 64 << 10  # bytes
KILLED = "killed signal=11"


def draw_program(rng: random.Random, base: int, kind: int) -> Elf:
    """A program with data, constants and zeros at random places that reads a byte of each page and then waits."""
    programs, address = [], base + 0x20000
    for flags in (R | W, R, R | W, R | W):
        address += rng.randrange(2, 30) * PAGE
        start = address + rng.randrange(PAGE)
        content = rng.randbytes(rng.randrange(1, 3 * PAGE))
        zeros = rng.randrange(1, 4 * PAGE) if flags & W else rng.randrange(PAGE, 3 * PAGE)
        programs.append(Program(start, content, flags, len(content) + zeros))
        address = start + programs[-1].size
    programs.append(Program(address + 5 * PAGE, b"", R | W, rng.randrange(1, 3 * PAGE)))  # nothing but zeros
    code_at, code = entry_of(programs, base), b""
    for program in programs:
        first = program.address // PAGE * PAGE
        code += touch(code_at + len(code), first, -(-(program.address + program.size - first) // PAGE))
    return with_programs(programs, code + wait_for_ever(), base, type=kind)


def check_memory(guest: Guest, pid: int, elf: Elf, base: int) -> None:
    """Every segment's bytes and zeros are in memory, with its rights."""
    memory = guest.memory(pid)
    data = elf.to_bytes()
    for program in elf.placed():
        start, size, offset = base + program.address, len(program.content), program.offset or 0
        what = f"the segment at {program.address:#x} (file_size {size:#x}, memory_size {program.size:#x}, {access(program.flags)})"
        check(expected=data[offset : offset + size], seen=memory.read(start, size, what), what=what)
        first, end = start // PAGE * PAGE, -(-(start + program.size) // PAGE) * PAGE
        before = data[offset // PAGE * PAGE : offset]
        check(expected=before, seen=memory.read(first, start - first, what), what=f"the part of the file in front of {what}")
        zeros_at = start + size if program.flags & W else -(-(start + size) // PAGE) * PAGE
        zeros = memory.read(zeros_at, max(0, end - zeros_at), what)
        check(expected=b"", seen=zeros.strip(b"\0")[:16], what=f"what isn't 0 behind the file's part of {what}")
        for page in range(first, end, PAGE):
            mapping = memory.pages.at(page)
            assert mapping
            check(expected=(True, bool(program.flags & X)), seen=(mapping.user, mapping.executable), what=f"user, executable of page {page:#x} of {what}")
            check_that(not mapping.writable or program.flags & W, expected="not writable", seen="writable", what=f"page {page:#x} of {what}")
        regions = [region for region in guest.regions(pid) if region[0] < end and region[1] > first]
        check(expected=[(access(program.flags), "program")] * len(regions), seen=[region[2:] for region in regions], what=f"rights and kinds of the regions of {what}")


@item("C2", points=5)
def test_segments_are_in_memory(guest_with: Guests, rng: random.Random) -> None:
    """The bytes of each segment at its address, what the file has in front of it in its page, zeros behind, its rights."""
    programs = {f"/p{number}": draw_program(rng, rng.choice((0x400000, 0x10000, 0x7000_0000_0000)), 2) for number in range(3)}
    guest = guest_with({path: elf.to_bytes() for path, elf in programs.items()})
    for path, elf in programs.items():
        pid = guest.start(path)
        check_memory(guest, pid, elf, 0)
        guest.end(pid)


@item("C2", points=2)
def test_regions_of_segments(guest_with: Guests) -> None:
    """Each segment's region has just the rights of its flags, and keeps the program's file, even one that is removed."""
    programs = [Program(0x600000 + 0x10000 * flags, b"segment", flags) for flags in range(8)]
    elf = with_programs([*programs, Program(0x700000, b"text" * (75 * PAGE), R)], wait_for_ever())
    guest = guest_with({"/p": elf.to_bytes()})
    caller = guest.caller()
    pid = guest.start("/p")
    regions = {region[0]: region[2:] for region in guest.regions(pid)}
    wanted = {hex(program.address): (access(program.flags), "program") for program in programs}
    check(expected=wanted, seen={hex(program.address): regions.get(program.address) for program in programs}, what="rights and kinds of regions by their start")
    free = []
    for step in (lambda: None, lambda: caller.unlink("/p"), lambda: guest.end(pid)):
        step()
        caller.sync()
        free.append(caller.statfs("/").free_blocks)
    check(expected=free[0], seen=free[1], what="free blocks of the disk after the file of a program that runs was removed, and before")
    check_that(free[2] >= free[1] + 300, expected=f"at least {free[1] + 300}", seen=free[2], what="free blocks after the program was ended")


@item("C2", points=4)
def test_shared_objects_lie_at_a_random_base(guest_with: Guests, rng: random.Random) -> None:
    """A relocatable program lies whole at a base that differs from run to run and fits its alignment."""
    elf = draw_program(rng, rng.choice((0, 0x3000)), SHARED)
    elf.programs[1:] = [Program(**{**vars(program), "alignment": 0x10000}) if number == 0 else program for number, program in enumerate(elf.programs[1:])]
    guest = guest_with({"/p": elf.to_bytes()})
    lowest = elf.placed()[0].address
    bases = set()
    for _ in range(3):
        pid = guest.start("/p")
        base = min(region[0] for region in guest.regions(pid) if region[3] == "program") - lowest
        check(expected=0, seen=base % 0x10000, what=f"the base {base:#x} modulo the alignment 0x10000")
        check_memory(guest, pid, elf, base)
        bases.add(base)
        guest.end(pid)
    check_that(len(bases) == 3, expected="three bases", seen=[f"{base:#x}" for base in sorted(bases)], what="where three runs of one program lie")


@item("C2", points=4)
def test_runs_share_the_page_cache(guest_with: Guests, rng: random.Random) -> None:
    """Two runs of a program have its text, and data nobody wrote, in the same frames: those of the page cache."""
    elf = draw_program(rng, 0x400000, 2)
    data = elf.to_bytes()
    guest = guest_with({"/p": data})
    first, second = guest.start("/p"), guest.start("/p")
    reader = guest.caller()
    fd = reader.open("/p")
    pages = -(-len(data) // PAGE)
    area = call(reader, "mmap", 0, len(data), 1, 1, fd, 0)
    reader.do("crc", area, len(data))
    cache = guest.pages(reader.pid)
    check(expected=pages, seen=sum(area <= page < area + pages * PAGE for page in cache), what="pages of the file that a process has mapped and read")
    for pid in (first, second):
        mine = guest.pages(pid)
        for program in elf.placed():
            offset, last = (program.offset or 0) // PAGE * PAGE, (program.offset or 0) + len(program.content)
            has_tail = program.flags & W and program.size > len(program.content)
            for at in range(offset, last, PAGE):
                if not program.content or (has_tail and at + PAGE >= last):
                    continue  # zeros share its last page: that is the process's own
                page = program.address // PAGE * PAGE + at - offset
                mapping, cached = mine.at(page), cache.at(area + at)
                assert mapping and cached
                check(expected=hex(cached.physical), seen=hex(mapping.physical), what=f"the frame of page {page:#x} of pid {pid}, which shows byte {at:#x} of the file",
                      hint="segments are private regions that show the file's inode")
                check(expected=False, seen=mapping.writable, what=f"whether pid {pid} may write to page {page:#x} of the page cache")


@item("C2", points=3)
def test_the_break_starts_behind_the_program(guest_with: Guests, program: ProgramFile) -> None:
    """brk(0) is the end of the program's highest page, and memory that it gives reads as zeros."""
    guest = guest_with({f"/elf/{PUPPET}": program(PUPPET)})
    caller = guest.elf_caller()
    start = call(caller, "brk", 0)
    end = max(region[1] for region in guest.regions(caller.pid) if region[3] == "program")
    check(expected=hex(end), seen=hex(start), what="the break of a program that has just begun, its highest page ends there")
    check(expected=hex(start + 3 * PAGE + 5), seen=hex(call(caller, "brk", start + 3 * PAGE + 5)), what="the break after it was moved")
    check(expected=b"", seen=caller.load(start, 256).strip(b"\0"), what="what isn't 0 in memory behind the old break")


@item("C2", points=3)
def test_the_stack_grows_to_its_guard(guest_with: Guests, program: ProgramFile) -> None:
    """The stack ends at the top of the user half, grows with use, and far below it there is nothing."""
    guest = guest_with({"/elf/puppet": program("puppet"), "/x": with_programs([Program(0, type=GNU_STACK, flags=R | W | X)], wait_for_ever()).to_bytes(),
                        "/n": small().to_bytes()})
    puppets = guest.puppets
    puppets.program = "/elf/puppet"
    pid = puppets.start()
    before = stack_of(guest, pid)
    check(expected=(STACK_TOP, "rw-"), seen=before[1:3], what="where the stack ends, and its rights")
    puppets.do(pid, "stack", 500)
    after = stack_of(guest, pid)
    check_that(after[0] <= before[1] - 500 * PAGE, expected=f"at most {before[1] - 500 * PAGE:#x}", seen=hex(after[0]), what="the stack's lowest page after 500 pages of it were used")
    said = puppets.crash(pid, "stack", 4000)
    check_that("SIGSEGV" in said, expected="SIGSEGV", seen=said, what="the end of a process that uses 16 MiB of stack")
    executable = guest.start("/x")
    check(expected=(STACK_TOP - FIRST_STACK, STACK_TOP, "rwx"), seen=stack_of(guest, executable)[:3],
          what="the stack of a program that has just begun, whose PT_GNU_STACK has PF_X: start, end, rights")


def stack_of(guest: Guest, pid: int) -> tuple[int, int, str, str]:
    """The region of the stack."""
    stacks = [region for region in guest.regions(pid) if region[3] == "stack"]
    check(expected=1, seen=len(stacks), what="regions of kind stack")
    return stacks[0]


@item("C2", points=3)
def test_segments_that_linux_takes(guest_with: Guests, rng: random.Random) -> None:
    """Overlapping, unsorted, empty and odd segments run as on Linux; what can't be loaded is refused."""
    files = [file for file in segments() if file.refused in ("", "EFAULT") or file.name == "shared-entry-in-kernel"]
    cases = draw_cases(rng, files)
    guest = guest_with({f"/h/{case.name}": case.content for case in cases})
    for case in cases:
        wanted = case.wanted
        seen = guest.run(f"/h/{case.name}")
        said = {"exited": f"exited status={wanted[7:]}", "killed": KILLED}.get(wanted[:6], "exited status=127")
        check(expected=said, seen=seen, what=f"how `{case.file.name}` ends ({wanted} on Linux, or refused)")


@item("C2", points=3)
def test_the_interpreter_lies_beside_the_program(guest_with: Guests, rng: random.Random) -> None:
    """The interpreter is loaded as well, apart from the program, and runs first; the break is behind the program."""
    loader = draw_program(rng, 0, SHARED)
    elf = with_programs([Program(0x500000, b"/lib/loader\0", R, type=3), Program(0x700010, rng.randbytes(5000), R | W, 9000)], exit_with(9))
    asker = with_programs([Program(0x200000, bytes(128), R | W)], b"", 0, type=SHARED)
    asker = with_programs(asker.programs[1:], ask_for_the_break(asker.entry, 0x200000) + wait_for_ever(), 0, type=SHARED)
    asked = with_programs([Program(0x500000, b"/lib/asker\0", R, type=3), Program(0x700010, b"data", R | W, 9000)], exit_with(9))
    guest = guest_with({"/p": elf.to_bytes(), "/lib/loader": loader.to_bytes(), "/q": asked.to_bytes(), "/lib/asker": asker.to_bytes()})
    pid = guest.start("/p")
    regions = [region for region in guest.regions(pid) if region[3] == "program"]
    base = next(region[0] for region in regions if region[0] > 0x1000000)
    check_memory(guest, pid, loader, base - loader.placed()[0].address // PAGE * PAGE)
    own = [region for region in regions if region[0] < 0x1000000]
    check(expected=0x400000, seen=min(region[0] for region in own), what="the lowest address of the program itself")
    guest.end(pid)
    pid = guest.start("/q")
    data = max(region[0] for region in guest.regions(pid) if region[3] == "program")  # the interpreter's
    check(expected="0x703000", seen=hex(guest.memory(pid).word(data, "what brk() gave")), what="the break of a program with an interpreter, whose last page ends there")


def ask_for_the_break(code_at: int, area: int) -> bytes:
    """brk(0), its result stored at `area`."""
    call_brk = b"\xb8\x0c\0\0\0\x31\xff\x0f\x05"
    return call_brk + store_registers(code_at + len(call_brk), area)
