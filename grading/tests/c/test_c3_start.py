"""C3: the first stack and registers of a program, and what is left of the old one."""

from __future__ import annotations

import os
import random
import string
import struct

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.tests.c import stack
from grading.tests.c.conftest import Guests, ProgramFile
from grading.tests.c.elf_files import HEADER, PAGE, PROGRAM, REGISTERS, SHARED, Elf, Program, R, W, entry_of, exit_with, store_registers, wait_for_ever, with_programs
from grading.tests.c.exec_calls import call, exec_and_wait, exec_as
from grading.tests.c.guest import PUPPET, STARTS, Guest

pytestmark = stands_on(STARTS)

AREA = 0x600000
STACK_TOP = 0x7FFFFFFFF000
SIGHUP, SIGUSR1, SIGTERM = 1, 10, 15
SIG_IGN, SA_RESTORER = 1, 0x04000000


ASK_PROCESSOR = b"\xb8\x01\0\0\0\x0f\xa2"  # CPUID, leaf 1


def teller(base: int = 0x400000, kind: int = 2, interpreter: bytes = b"", first: bytes = b"") -> Elf:
    """A program that stores its first registers, or what they are after some code, at AREA and waits."""
    programs = [Program(AREA + base - 0x400000, bytes(128), R | W)]
    if interpreter:
        programs.append(Program(base + 0x300000, interpreter, R, type=3))
    code_at = entry_of(programs, base)
    return with_programs(programs, first + store_registers(code_at + len(first), AREA + base - 0x400000) + wait_for_ever(), base, type=kind)


def registers(guest: Guest, pid: int, area: int = AREA) -> dict[str, int]:
    """What such a program stored."""
    return dict(zip(REGISTERS, struct.unpack("<16Q", guest.memory(pid).read(area, 128, "the registers that the program stored")), strict=True))


def draw_strings(rng: random.Random, most: int) -> list[bytes]:
    """Random strings, empty ones among them."""
    return ["".join(rng.choices(string.ascii_letters + string.digits + " =", k=rng.choice((0, 1, 7, 8, 9, rng.randrange(300))))).encode()
            for _ in range(rng.randrange(1, most))]


@item("C3", points=6)
def test_the_stack_word_by_word(guest_with: Guests, rng: random.Random) -> None:
    """argc, argv, envp, every auxiliary entry and the strings, at a stack pointer that is a multiple of 16."""
    guest = guest_with({"/dir/teller": teller().to_bytes(), "/processor": teller(first=ASK_PROCESSOR).to_bytes()})
    capabilities = hex(registers(guest, exec_and_wait(guest, "/processor"))["rdx"])
    randoms = set()
    for _ in range(4):
        arguments, environment = draw_strings(rng, 12), draw_strings(rng, 9)
        pid = exec_and_wait(guest, "/dir/teller", arguments, environment)
        first = stack.FirstStack.read(guest.memory(pid), registers(guest, pid)["rsp"])
        check(expected=arguments, seen=first.arguments, what="argv")
        check(expected=environment, seen=first.environment, what="envp")
        aux = first.auxiliary
        check(expected=set(), seen=stack.REQUIRED - set(aux), what="types that the auxiliary vector lacks")
        elf = teller()
        expected = {stack.PHDR: 0x400000 + HEADER.size, stack.PHENT: PROGRAM.size, stack.PHNUM: len(elf.programs), stack.PAGESZ: PAGE, stack.BASE: 0,
                    stack.FLAGS: 0, stack.ENTRY: elf.entry, stack.UID: 0, stack.EUID: 0, stack.GID: 0, stack.EGID: 0, stack.CLKTCK: 100, stack.SECURE: 0}
        check(expected=expected, seen={kind: aux[kind] for kind in expected}, what="values of the auxiliary vector by type")
        check(expected=capabilities, seen=hex(aux[stack.HWCAP]), what="AT_HWCAP, which is CPUID's leaf 1, EDX")
        check(expected=b"/dir/teller", seen=first.memory.string(aux[stack.EXECFN], "AT_EXECFN"), what="AT_EXECFN")
        randoms.add(first.memory.read(aux[stack.RANDOM], 16, "AT_RANDOM"))
        places = [*first.strings, aux[stack.EXECFN], aux[stack.RANDOM]]
        outside = [hex(place) for place in places if not first.pointer < place < STACK_TOP]
        check(expected=[], seen=outside, what="strings that don't lie between the stack pointer and the stack's top")
        guest.end(pid)
    check_that(len(randoms) == 4 and b"\0" * 16 not in randoms, expected="four random values", seen=[value.hex() for value in randoms], what="the 16 bytes of AT_RANDOM in four runs")


@item("C3", points=2)
def test_a_relocatable_program_knows_where_it_is(guest_with: Guests) -> None:
    """AT_PHDR, AT_ENTRY and AT_BASE of a relocatable program with a relocatable interpreter, which begins."""
    guest = guest_with({"/p": teller(0, SHARED, b"/ld\0").to_bytes(), "/ld": teller(0, SHARED).to_bytes()})
    pid = exec_and_wait(guest, "/p", [b"p"], [])
    starts = sorted(region[0] for region in guest.regions(pid) if region[3] == "program" and region[2] == "r-x")
    check(expected=2, seen=len(starts), what="regions of text: the program's and the interpreter's")
    program, interpreter = starts
    seen = registers(guest, pid, interpreter + AREA - 0x400000)
    aux = stack.FirstStack.read(guest.memory(pid), seen["rsp"]).auxiliary
    elf = teller(0, SHARED, b"/ld\0")
    expected = {stack.PHDR: program + HEADER.size, stack.PHNUM: len(elf.programs), stack.ENTRY: program + elf.entry, stack.BASE: interpreter}
    check(expected=expected, seen={kind: aux[kind] for kind in expected}, what="where program and interpreter are, by type of the auxiliary vector")


@item("C3", points=2)
def test_registers_are_zero(guest_with: Guests) -> None:
    """All registers but the stack pointer are 0 when a program begins, whatever they were."""
    guest = guest_with({"/teller": teller().to_bytes()})
    for _ in range(2):
        pid = exec_and_wait(guest, "/teller", [b"a", b"b"], [b"c"])
        seen = {name: hex(value) for name, value in registers(guest, pid).items() if value and name != "rsp"}
        check(expected={}, seen=seen, what="registers that aren't 0 at the program's first instruction")
        guest.end(pid)


@item("C3", points=3)
def test_the_old_memory_is_gone(guest_with: Guests, rng: random.Random) -> None:
    """Nothing of the old program's memory is mapped, and its frames are free again; the pid stays."""
    guest = guest_with({"/teller": teller().to_bytes()})
    guest.end(exec_and_wait(guest, "/teller"))
    before = guest.frames_in_use()
    caller = guest.caller()
    area = caller.do("mmap", 200, 3)
    caller.do("fill", area, 200 * PAGE, rng.getrandbits(60), 0)
    exec_as(guest, caller, "/teller", [b"x"], [])
    allowed = [(0x400000, 0x401000), (AREA, AREA + PAGE)]
    others = [region for region in guest.regions(caller.pid) if region[3] != "stack" and region[:2] not in allowed]
    check(expected=[], seen=others, what="regions that aren't the new program's")
    check_that(len(guest.pages(caller.pid)) <= 2 + 16, expected="its text, its data, its stack", seen=f"{len(guest.pages(caller.pid))} pages", what="what it has mapped")
    guest.end(caller.pid)
    check(expected=before, seen=guest.frames_in_use(), what="frames in use after the program was killed, and before it was started")


@item("C3", points=3)
def test_descriptors_close_or_stay(guest_with: Guests, program: ProgramFile, rng: random.Random) -> None:
    """Descriptors with close-on-exec are closed, the others stay open at their positions."""
    guest = guest_with({f"/elf/{PUPPET}": program(PUPPET), "/data": bytes(range(200))})
    caller = guest.caller()
    kept, closed = [], []
    for number in range(rng.randrange(8, 40)):
        closing = rng.random() < 0.5
        fd = caller.open("/data", os.O_RDONLY | (os.O_CLOEXEC if closing else 0))
        caller.lseek(fd, number, os.SEEK_SET)
        (closed if closing else kept).append((fd, number))
    after = exec_as(guest, caller, f"/elf/{PUPPET}", [b"again"], [])
    for fd, number in kept:
        check(expected=number, seen=after.attempt().lseek(fd, 0, os.SEEK_CUR), what=f"the position of descriptor {fd}, open before exec without close-on-exec")
    for fd, _ in closed:
        check(expected=-9, seen=after.attempt().lseek(fd, 0, os.SEEK_CUR), what=f"lseek() of descriptor {fd}, open before exec with close-on-exec (-9: EBADF)")


@item("C3", points=2)
def test_the_process_is_the_same(guest_with: Guests, program: ProgramFile) -> None:
    """pid, parent, current directory, umask and signals blocked, pending, ignored stay; handlers go, the name is the new program's."""
    guest = guest_with({f"/elf/{PUPPET}": program(PUPPET), "/folder/inside": b"x"})
    parent = guest.caller()
    child = parent.fork()
    child.chdir("/folder")
    call(child, "umask", 0o27)
    mask = child.buffer(16)
    mask.store(struct.pack("<Q", 1 << 9 | 1 << 11))  # SIGUSR1, SIGUSR2
    call(child, "rt_sigprocmask", 2, mask.address, 0, 8)
    action = child.buffer(32)
    for signal, handler in ((SIGHUP, SIG_IGN), (SIGTERM, action.address)):
        action.store(struct.pack("<4Q", handler, SA_RESTORER, action.address, 0))
        call(child, "rt_sigaction", signal, action.address, 0, 8)
    call(child, "kill", child.pid, SIGUSR1)
    after = exec_as(guest, child, f"/elf/{PUPPET}", [b"again"], [])
    check(expected=(child.pid, parent.pid), seen=(call(after, "getpid"), call(after, "getppid")), what="pid and parent after exec")
    check(expected=0o27, seen=call(after, "umask", 0), what="the umask after exec")
    after.open("inside", os.O_RDONLY)
    seen = after.buffer(16)
    call(after, "rt_sigprocmask", 0, 0, seen.address, 8)
    check(expected=1 << 9 | 1 << 11, seen=struct.unpack("<Q", seen.load(8))[0], what="the mask of blocked signals after exec")
    call(after, "rt_sigpending", seen.address, 8)
    check(expected=1 << SIGUSR1 - 1, seen=struct.unpack("<Q", seen.load(8))[0], what="the pending signals after exec")
    for signal, handler in ((SIGHUP, SIG_IGN), (SIGTERM, 0)):
        call(after, "rt_sigaction", signal, 0, seen.address, 8)
        check(expected=handler, seen=struct.unpack("<Q", seen.load(8))[0], what=f"what is done about signal {signal} after exec (0: the default, 1: nothing)")
    check(expected=PUPPET, seen=guest.puppets.processes()[child.pid]["name"], what="the name that `ps` shows")


@item("C3", points=2)
def test_nothing_leaks(guest_with: Guests) -> None:
    """A hundred fork-less runs and failed ones leave no frame behind."""
    guest = guest_with({"/nine": with_programs([Program(AREA, b"data", R | W, 9000)], exit_with(9)).to_bytes(), "/wrong": b"\x7fELF", "/teller": teller().to_bytes()})
    started = exec_and_wait(guest, "/teller")
    check_that(0 < STACK_TOP - registers(guest, started)["rsp"] < PAGE, expected="in the stack's highest page", seen=hex(registers(guest, started)["rsp"]),
               what="the stack pointer of a program that runs meanwhile")
    for _ in range(3):
        guest.run("/nine")
    before = guest.frames_in_use()
    for number in range(100):
        path = "/wrong" if number % 4 == 3 else "/nine"
        check(expected="exited status=127" if path == "/wrong" else "exited status=9", seen=guest.run(path), what=f"how run {number} of {path} ends")
    check(expected=before, seen=guest.frames_in_use(), what="frames of processes after a hundred runs, and before them")
