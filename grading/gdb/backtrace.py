"""`cairn bt`: from where a thread is in the kernel, across system calls and traps, to user code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import gdb

from grading.gdb import kernel, stacks
from grading.gdb.command import Command
from grading.gdb.kernel import number, one_line, unsigned
from grading.gdb.processes import Cpu, Process, cpu_of, cpu_with, is_on_cpu, process_of, thread_state
from grading.gdb.programs import Program, system_call
from grading.gdb.user_stack import UserMemory, callers

DEPTH = 100  # frames
SYSTEM_CALL = 256  # TrapFrame::vector, kSyscallVector
PAGE_FAULT, FIRST_INTERRUPT = 14, 32
WAITING = re.compile(r"kernel/(sched|lib|sync|arch)/")  # files that say nothing about what a thread waits for


@dataclass(frozen=True)
class Step:
    """A line of a backtrace: a call (`user`: in user code), or with `trap` the crossing to what was
    interrupted (`user`: user code, with its stack pointer `sp`)."""

    pc: int
    function: str
    file: str = ""
    line: int = 0
    inlined: bool = False
    trap: bool = False
    user: bool = False
    sp: int = 0
    guess: bool = False

    @property
    def place(self) -> str:
        """`kernel/sched/mutex.cc:12`"""
        return f"{self.file}:{self.line}" if self.file else ""


def steps_on(cpu: Cpu) -> list[Step]:
    """Where a CPU is."""
    if gdb.selected_thread() != cpu.vcpu:
        cpu.vcpu.switch()
    frame = gdb.newest_frame()
    if unsigned(frame.read_register("cs")) & 3:
        return _user_steps(frame.pc(), unsigned(frame.read_register("rsp")), _owner(cpu.thread))
    return list(_steps(frame, _owner(cpu.thread)))


def steps_of(process: Process, thread: gdb.Value) -> list[Step]:
    """Where a thread of a process is; nothing for one that is just being switched out."""
    cpu = cpu_with(thread)
    if cpu is not None:
        return steps_on(cpu)
    if is_on_cpu(thread):
        return []
    with stacks.frame_of_sleeper(thread) as frame:
        return list(_steps(frame, process))


def place_of(process: Process) -> str:
    """Where a process's first thread is, in a line, and how many others it has."""
    threads = process.threads
    if not threads:
        return "-"
    others = [f"{len(threads) - 1} other threads"] if len(threads) > 1 else []
    return ", ".join([place_of_thread(process, threads[0]), *others])


def place_of_thread(process: Process, thread: gdb.Value) -> str:
    """Where a thread of a process is, in a line."""
    steps = steps_of(process, thread)
    if not steps:
        return "-"
    parts = []
    calls = [step for step in steps if not step.trap and not step.user]
    told = next((step for step in calls if step.file and not WAITING.match(step.file)), calls[0] if calls else None)
    if told is not None:
        parts.append(f"{told.function} ({told.place})" if told.file else told.function)
    parts += [step.function for step in steps if step.trap][-1:]
    user = next((step for step in steps if step.user and not step.trap), None)
    if user is not None:
        parts.append(f"user {user.pc:#x} {user.function}".rstrip())
    return ", ".join(parts)


def _owner(thread: gdb.Value | None) -> Process | None:
    """The process that a thread belongs to."""
    process = int(thread["process"]) if thread is not None else 0
    return Process(kernel.pointer(process, "Process").dereference()) if process else None


def _steps(frame: gdb.Frame | None, process: Process | None) -> Iterator[Step]:
    """From a frame of the kernel outwards, up to and with the process's user code."""
    for _ in range(DEPTH):
        if frame is None or not frame.pc():
            return
        yield _call(frame, frame.pc())
        try:
            crossing = _crossing(frame, frame.pc())
            frame = frame.older()
        except gdb.error as error:
            yield Step(0, f"the stack can't be read further: {one_line(error)}")
            return
        if crossing is not None:
            yield crossing
            if crossing.user:
                yield from _user_steps(crossing.pc, crossing.sp, process)
                return


def _user_steps(pc: int, sp: int, process: Process | None) -> list[Step]:
    """User code and its callers."""
    program = Program.named(process.name if process else "")
    steps = [Step(pc, program.symbol(pc), user=True)]
    if process is not None and process.root is not None and sp:
        for word, sure in callers(program, UserMemory(process.root), pc, sp):
            steps.append(Step(word, program.symbol(word), user=True, guess=not sure))
    return steps


def _call(frame: gdb.Frame, pc: int) -> Step:
    where = frame.find_sal()
    name = frame.name() or _symbol(pc)
    if stacks.entry_code and pc == stacks.entry_code.thread_trampoline:
        name = f"new thread, begins with {short(_symbol(unsigned(frame.read_register('rbx'))))}"
    file = where.symtab.filename.removeprefix("./") if where.symtab else ""
    return Step(pc, short(name), file, where.line, inlined=frame.type() == gdb.INLINE_FRAME)


def _symbol(address: int) -> str:
    """The function that an address lies in."""
    pointer = gdb.Value(address).cast(gdb.lookup_type("void").pointer())
    match = re.search(r"<(.+?)(\+\d+)?>$", str(pointer))
    return match[1] if match else "?"


def _crossing(frame: gdb.Frame, pc: int) -> Step | None:
    """What brought the CPU to entry code that was called from elsewhere through a TrapFrame."""
    code = stacks.entry_code
    if code is None or not code.start <= pc < code.end:
        return None
    way = code.way_back(pc, lambda name: unsigned(frame.read_register(name)))
    if way is None or not way.trap:
        return None
    if way.slot is None:
        return Step(unsigned(frame.read_register("rcx")), "system call", trap=True, user=True)
    saved = code.trap_frame(way)
    return Step(saved["rip"], trap_name(saved), trap=True, user=bool(saved["cs"] & 3), sp=saved["rsp"])


def trap_name(saved: dict[str, int]) -> str:
    """What a TrapFrame is for: `system call read`, `page fault (write, not present)`, `timer interrupt`."""
    if "vector" not in saved:
        return "trap"
    vector, error = saved["vector"], saved["error"]
    if vector == SYSTEM_CALL:
        return f"system call {system_call(error)}"
    if vector == PAGE_FAULT:
        access = "fetch" if error & 16 else "write" if error & 2 else "read"
        return f"page fault ({access}, {'protection' if error & 1 else 'not present'})"
    name = kernel.enumerators("Vector").get(vector, "")
    if not name or name.startswith("first-"):
        return f"{'interrupt' if vector >= FIRST_INTERRUPT else 'exception'} {vector}"
    return name.replace("-vector", "-interrupt").replace("-", " ")


def short(name: str) -> str:
    """A C++ name without this kernel's namespaces, parameters and template arguments."""
    name = re.sub(r"cairn::|\(anonymous namespace\)::", "", name)
    name = re.sub(r"(?<!operator)\([^()]*\)( const)?$", "", name)
    while (shorter := re.sub(r"(?<!operator)<[^<>]*(?<!-)>", "", name)) != name:
        name = shorter
    return name


class Backtrace(Command):
    """calls of the current CPU, or of a process, across traps into user code"""

    name = "bt"
    arguments = "[PID]"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 0, 1)
        if words:
            self.print_process(process_of(words[0]))
            return
        cpu = cpu_of(gdb.selected_thread())
        print(describe(cpu))
        print_steps(steps_on(cpu) if cpu else list(_steps(gdb.newest_frame(), None)))

    def print_process(self, process: Process) -> None:
        threads = process.threads
        if not threads:
            print(f"pid {process.pid} ({process.name}): {process.state}")
            print_steps([])
        for thread in threads:
            cpu, tid = cpu_with(thread), number(thread["tid"])
            state = process.state if len(threads) == 1 else thread_state(thread)
            which = "" if tid == process.pid else f", thread {tid}"
            print(f"pid {process.pid} ({process.name}){which}: {state}{f' on cpu {cpu.id}' if cpu else ''}")
            print_steps(steps_of(process, thread))


def describe(cpu: Cpu | None) -> str:
    """Who runs on a CPU."""
    if cpu is None:
        return "this CPU is still booting"
    if cpu.thread is None:
        return f"cpu {cpu.id}: no thread yet"
    owner = _owner(cpu.thread)
    if owner is not None:
        return f"cpu {cpu.id}: pid {owner.pid} ({owner.name})"
    return f"cpu {cpu.id}: kernel thread '{kernel.text(cpu.thread['name'])}'"


def print_steps(steps: list[Step]) -> None:
    if not steps:
        print("no stack: it has ended, or its registers aren't saved yet")
    level = 0
    for step in steps:
        if step.trap:
            print(f"    --- {step.function}, from {'user mode' if step.user else 'the kernel'} at {step.pc:#x}")
            continue
        mark = "inlined" if step.inlined else f"{step.pc:#018x}"
        where = ("user (a guess) " if step.guess else "user ") if step.user else ""
        print(f"#{level:<2} {mark:18} {where}{step.function or '?'}  {step.place}".rstrip())
        level += 1


def register() -> None:
    Backtrace()
