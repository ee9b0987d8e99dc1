"""The callers of user code. The C library has no unwind information and no frame pointers, so the
stack is searched: a word that points behind a call of the function we are in, or of one that jumps
on to it, is where that returns to. Where there is none, the call was an indirect one; the first word
that points behind such a call is taken for it and marked as a guess.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from grading.gdb.kernel import DirectMap
from grading.gdb.programs import Function, Program
from grading.judge import page_walk

STACK_WORDS = 1024  # looked at, from the stack pointer upwards
CALLERS = 16
CALL, JUMP = 0xE8, 0xE9  # with a displacement of 32 bits behind
INDIRECT_LENGTHS = range(2, 8)  # bytes that `call *…` may have


@dataclass
class UserMemory:
    """The memory of the process whose page table has this root."""

    root: int
    _pages: dict[int, bytes] = field(default_factory=dict)

    def read(self, address: int, size: int) -> bytes:
        """What is there; less, or nothing, where nothing is mapped."""
        data = b""
        while size > 0:
            page, start = address & -page_walk.PAGE, address & page_walk.PAGE - 1
            piece = self._page(page)[start : start + size]
            if not piece:
                break
            data, address, size = data + piece, address + len(piece), size - len(piece)
        return data

    def _page(self, page: int) -> bytes:
        if page not in self._pages:
            mapping = page_walk.walk_address(DirectMap(), self.root, page)
            physical = mapping.physical + page - mapping.virtual if mapping else None
            self._pages[page] = b"" if physical is None else DirectMap().read_phys(physical, page_walk.PAGE)
        return self._pages[page]


def callers(program: Program, memory: UserMemory, rip: int, rsp: int) -> Iterator[tuple[int, bool]]:
    """The return addresses on the stack of code at `rip`, innermost first, and whether each is sure."""
    data = memory.read(rsp, 8 * STACK_WORDS)
    words = [word for (word,) in struct.iter_unpack("<Q", data[: len(data) & ~7]) if program.function(word - 1)]
    function = program.function(rip)
    for _ in range(CALLERS):
        if function is None:
            return
        direct = next((at for at, word in enumerate(words) if _calls(program, memory, word, function)), None)
        indirect = next((at for at, word in enumerate(words) if _follows_indirect_call(memory, word)), None)
        found = indirect if direct is None else direct
        if found is None:
            return
        yield words[found], direct is not None
        function = program.function(words[found] - 1)
        del words[: found + 1]


def _calls(program: Program, memory: UserMemory, word: int, function: Function) -> bool:
    """Whether the call in front of `word` enters the function, or one that jumps to it."""
    code = memory.read(word - 5, 5)
    if len(code) < 5 or code[0] != CALL:
        return False
    called = program.function(word + struct.unpack("<i", code[1:])[0])
    return called is not None and (called == function or function.start in _jumps(memory, called))


def _jumps(memory: UserMemory, function: Function) -> Iterator[int]:
    """Where the function may jump to. Constants that look like a jump count too: hardly any do."""
    code = memory.read(function.start, function.end - function.start)
    for at in range(len(code) - 4):
        if code[at] == JUMP:
            yield function.start + at + 5 + struct.unpack_from("<i", code, at + 1)[0]


def _follows_indirect_call(memory: UserMemory, word: int) -> bool:
    code = memory.read(word - max(INDIRECT_LENGTHS), max(INDIRECT_LENGTHS))
    return len(code) == max(INDIRECT_LENGTHS) and any(_is_indirect_call(code[-length:]) for length in INDIRECT_LENGTHS)


def _is_indirect_call(code: bytes) -> bool:
    """Whether the bytes are one `call *…`. Source: Intel SDM 2A, "ModR/M and SIB Bytes"."""
    mode, operation, base = code[1] >> 6, code[1] >> 3 & 7, code[1] & 7
    displacement = {0: 4 if base == 5 else 0, 1: 1, 2: 4, 3: 0}[mode]
    scaled_index = mode != 3 and base == 4
    return code[0] == 0xFF and operation == 2 and len(code) == 2 + scaled_index + displacement
