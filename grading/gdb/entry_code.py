"""The kernel's entry and exit code (arch/trap.S), which has no unwind information: where a stack
pointer in the middle of it leads to.

That code runs straight on: from any instruction to the `ret`, `iretq` or `sysretq` at its end, the
pushes and pops say how far above the stack pointer the slot with the way back lies.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import gdb

from grading.gdb import kernel

FIRST, LAST = "trap_common", "raw_copy_user"  # the code between these symbols
STEPS = 64  # instructions, at most, to the end
POINTER = 8  # bytes


@dataclass(frozen=True)
class WayBack:
    """How a piece of entry code leaves: to the caller whose address is at `slot`, or with `trap` to
    the code whose TrapFrame has its rip there; or to user code whose rip is in rcx (slot None)."""

    slot: int | None
    trap: bool
    stack: int  # the stack pointer; what lies below isn't pushed yet, or has been popped
    pops: dict[str, int]  # registers that it still takes from the stack, and where they lie


class EntryCode:
    """The entry code of the kernel that GDB has loaded. Raises gdb.error if it has none."""

    def __init__(self) -> None:
        self.start, self.end = kernel.address_of(FIRST), kernel.address_of(LAST)
        self.return_to_user = kernel.address_of("return_to_user")
        self.thread_trampoline = kernel.address_of("thread_trampoline")
        frame = gdb.lookup_type("cairn::TrapFrame")
        self.offsets = {str(field.name): int(field.bitpos) // 8 for field in frame.fields()}

    def way_back(self, pc: int, register: Callable[[str], int]) -> WayBack | None:
        """Where code at `pc` returns to; None where it never does (a thread's first code)."""
        stack = above = register("rdi" if pc == self.return_to_user else "rsp")
        pops: dict[str, int] = {}
        for _ in range(STEPS):
            length = gdb.selected_inferior().architecture().disassemble(pc)[0]["length"]
            code = kernel.read(pc, length)
            if code in RETURNS:
                return WayBack(above, RETURNS[code], stack, pops)
            if code.startswith(USER_STACK):
                return WayBack(None, True, stack, pops)
            if code == LOAD_RCX:  # syscall_entry's end: all that follows is the way back
                return WayBack(above if above >= stack else None, True, stack, pops)
            if code == UD2:
                return None
            if code[0] in JUMPS:
                pc += struct.unpack(JUMPS[code[0]], code[1:])[0]
            popped = popped_register(code)
            if popped and above >= stack:  # else it isn't pushed yet
                pops[popped] = above
            above += stack_effect(code)
            pc += length
        return None

    def trap_frame(self, way: WayBack) -> dict[str, int]:
        """What the TrapFrame on that way holds, by field; without the fields that aren't on the stack."""
        assert way.slot is not None
        start, size = way.slot - self.offsets["rip"], max(self.offsets.values()) + POINTER
        data = kernel.read(start, size)
        words = {name: int.from_bytes(data[at : at + POINTER], "little") for name, at in self.offsets.items()}
        return {name: word for name, word in words.items() if start + self.offsets[name] >= way.stack}


# Instructions. Source: Intel SDM 2, "Instruction Set Reference".
RETURNS = {b"\xc3": False, b"\x48\xcf": True}  # ret, iretq
UD2 = b"\x0f\x0b"
LOAD_RCX = b"\x48\x8b\x0c\x24"  # mov rcx, [rsp]
USER_STACK = (b"\x65\x48\x8b\x24\x25", b"\x48\x8b\x64\x24", b"\x48\x0f\x07")  # mov rsp, gs:…; mov rsp, [rsp+…]; sysretq
REGISTERS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")
PREFIXES = bytes([0x64, 0x65, *range(0x40, 0x50)])  # FS, GS, REX
JUMPS = {0xE9: "<i", 0xEB: "<b"}


def stack_effect(code: bytes) -> int:
    """Bytes by which an instruction raises the stack pointer."""
    bare = code.lstrip(PREFIXES)
    if 0x50 <= bare[0] <= 0x57 or bare[0] in (0x6A, 0x68) or (bare[0] == 0xFF and bare[1] >> 3 & 7 == 6):
        return -POINTER  # push
    if popped_register(code):
        return POINTER
    if bare[:2] == b"\x83\xc4":
        return bare[2]  # add rsp, …
    return 0


def popped_register(code: bytes) -> str:
    """The register that a `pop` loads; nothing for another instruction."""
    extended = code[0] == 0x41
    opcode = code[1] if extended else code[0]
    return REGISTERS[opcode - 0x58 + 8 * extended] if 0x58 <= opcode <= 0x5F else ""
