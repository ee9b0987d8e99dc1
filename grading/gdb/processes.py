"""Processes and CPUs, as the kernel's structures have them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import gdb

from grading.gdb import kernel
from grading.gdb.kernel import Trouble, elements, enumerator, enumerators, number


@dataclass(frozen=True)
class Cpu:
    """A virtual CPU that runs the kernel's code."""

    vcpu: gdb.InferiorThread
    value: gdb.Value

    @property
    def id(self) -> int:
        return number(self.value["id"])

    @property
    def thread(self) -> gdb.Value | None:
        """The thread it runs; None early in the boot."""
        return _or_none(self.value["current"])


@dataclass(frozen=True)
class Process:
    """A process in the pid table."""

    value: gdb.Value

    @property
    def pid(self) -> int:
        return number(self.value["pid"])

    @property
    def parent_pid(self) -> int:
        """1, the kernel's, for processes that the kernel started (kKernelPid)."""
        parent = _or_none(self.value["parent"])
        return number(parent["pid"]) if parent is not None else 1

    @property
    def name(self) -> str:
        return kernel.text(self.value["name"])

    @property
    def threads(self) -> list[gdb.Value]:
        """Its UserThreads, the first one first; none once it has ended."""
        return list(elements(self.value["threads"], "UserThread", "process_link"))

    @property
    def space(self) -> gdb.Value | None:
        """Its AddressSpace; None once it has ended."""
        return _or_none(kernel.scalar(self.value["space"]))

    @property
    def root(self) -> int | None:
        """The physical address of its page table's root."""
        return None if self.space is None else number(self.space["table_"]["root_"])

    @property
    def state(self) -> str:
        """As the monitor's `ps` says it."""
        states = {thread_state(thread) for thread in self.threads}
        if enumerator(self.value["state"]) != "alive" or not states:
            return "zombie"
        if number(self.value["stopped"]):
            return "stopped"
        return next(state for state in ("running", "ready", "blocked", *states) if state in states)


def cpu_with(thread: gdb.Value) -> Cpu | None:
    """The CPU that a thread runs on."""
    return next((cpu for cpu in cpus() if cpu.thread is not None and int(cpu.thread) == int(thread.address)), None)


def thread_state(thread: gdb.Value) -> str:
    """`ready`, `running`, `blocked`, `dead`."""
    names = enumerators("ThreadState")
    word = number(thread["state"])
    return next((name for value, name in names.items() if name != "on-cpu" and word & value), str(word))


def is_on_cpu(thread: gdb.Value) -> bool:
    """Whether a CPU is on its stack, so that its registers aren't saved."""
    on_cpu = next(value for value, name in enumerators("ThreadState").items() if name == "on-cpu")
    return bool(number(thread["state"]) & on_cpu)


def cpus() -> Iterator[Cpu]:
    """The CPUs that have reached the kernel. While one is handed out, it is GDB's current thread."""
    selected = gdb.selected_thread()
    try:
        for vcpu in sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num):
            cpu = cpu_of(vcpu)
            if cpu is not None:
                yield cpu
    finally:
        if gdb.selected_thread() != selected:
            selected.switch()


def cpu_of(vcpu: gdb.InferiorThread) -> Cpu | None:
    """The kernel's area for a virtual CPU, which it selects. GS points there, or KERNEL_GS_BASE in user mode."""
    if gdb.selected_thread() != vcpu:
        vcpu.switch()
    newest = gdb.newest_frame()
    for register in ("gs_base", "k_gs_base"):
        address = kernel.unsigned(newest.read_register(register))
        if address >= kernel.DIRECT_MAP:
            value = kernel.pointer(address, "Cpu").dereference()
            if int(value["self"]) == address:
                return Cpu(vcpu, value)
    return None


def processes() -> Iterator[Process]:
    """All processes by pid, zombies included."""
    leaves = kernel.variable("leaves")
    low, high = leaves.type.range()
    for index in range(low, high + 1):
        if not int(leaves[index]):
            continue
        slots = leaves[index].dereference()["processes"]
        count = slots.type.range()[1] + 1
        for address in struct.unpack(f"<{count}Q", kernel.read(int(slots.address), 8 * count)):
            if address:
                yield Process(kernel.pointer(address, "Process").dereference())


def process_of(word: str) -> Process:
    """The process with the pid in `word`. Raises Trouble."""
    if not word.isdigit():
        raise Trouble(f"'{word}' is no pid: `cairn ps` lists the processes")
    for process in processes():
        if process.pid == int(word):
            return process
    raise Trouble(f"there is no process {word}: `cairn ps` lists them")


def space_of(word: str) -> tuple[Process, gdb.Value]:
    """A process and its AddressSpace. Raises Trouble."""
    process = process_of(word)
    if process.space is None:
        raise Trouble(f"process {word} has ended and has no memory any more")
    return process, process.space


def _or_none(pointer: gdb.Value) -> gdb.Value | None:
    return pointer if int(pointer) else None
