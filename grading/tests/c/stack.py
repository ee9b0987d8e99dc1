"""A program's first stack, read word by word."""

from __future__ import annotations

from dataclasses import dataclass

from grading.judge.check import check, check_that
from grading.tests.c.guest import Memory

PHDR, PHENT, PHNUM, PAGESZ, BASE, FLAGS, ENTRY = 3, 4, 5, 6, 7, 8, 9
UID, EUID, GID, EGID, HWCAP, CLKTCK, SECURE, RANDOM, EXECFN = 11, 12, 13, 14, 16, 17, 23, 25, 31
REQUIRED = {PHDR, PHENT, PHNUM, PAGESZ, BASE, FLAGS, ENTRY, UID, EUID, GID, EGID, HWCAP, CLKTCK, SECURE, RANDOM, EXECFN}
LIMIT = 100000  # words that are read of a vector


@dataclass
class FirstStack:
    """What lies at the stack pointer of a program that has just begun."""

    pointer: int
    arguments: list[bytes]
    environment: list[bytes]
    auxiliary: dict[int, int]
    memory: Memory
    strings: list[int]  # where arguments and environment lie

    @classmethod
    def read(cls, memory: Memory, pointer: int) -> FirstStack:
        """Raises CheckFailed where it isn't a stack as the ABI has it."""
        check(expected=0, seen=pointer % 16, what=f"the stack pointer {pointer:#x} modulo 16")
        count = memory.word(pointer, "argc")
        check_that(count < LIMIT, expected="a number of arguments", seen=count, what="argc")
        at = pointer + 8
        arguments = _vector(memory, at, "argv")
        check(expected=count, seen=len(arguments), what="pointers in argv before its null, beside argc")
        at += 8 * (count + 1)
        environment = _vector(memory, at, "envp")
        at += 8 * (len(environment) + 1)
        auxiliary: dict[int, int] = {}
        while kind := memory.word(at, "the auxiliary vector"):
            check_that(kind not in auxiliary and len(auxiliary) < 64, expected="each type once", seen=f"type {kind} again", what="the auxiliary vector")
            auxiliary[kind] = memory.word(at + 8, "the auxiliary vector")
            at += 16
        pointers = arguments + environment
        return cls(pointer, [memory.string(p, "an argument", 200000) for p in arguments], [memory.string(p, "a string of the environment", 200000) for p in environment],
                   auxiliary, memory, pointers)


def _vector(memory: Memory, at: int, what: str) -> list[int]:
    pointers: list[int] = []
    while pointer := memory.word(at + 8 * len(pointers), what):
        pointers.append(pointer)
        check_that(len(pointers) < LIMIT, expected="a null at the end", seen="none", what=what)
    return pointers
