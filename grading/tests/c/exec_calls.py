"""execve() and execveat() as a process of the guest makes them, and calls that lab B's rubric has no name for."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

from grading.judge.check import check
from grading.tests.b.process import PAGE, Process
from grading.tests.b.structures import error_name
from grading.tests.c.guest import PUPPET, Guest

NUMBERS = {"mmap": 9, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "getpid": 39, "kill": 62, "umask": 95, "setuid": 105, "getppid": 110,
           "getgroups": 115, "setgroups": 116, "getresuid": 118, "getresgid": 120, "rt_sigpending": 127}
EXECVE, EXECVEAT = 59, 322

Strings = Sequence[bytes] | int | None  # an array of strings, an address, or null


def call(process: Process, name: str, *arguments: int | str) -> int:
    """A call that must succeed; its result."""
    return process.do("call", NUMBERS[name], *arguments)


def vector(process: Process, strings: Strings) -> int:
    """An array of pointers to these strings, and a null, in the process's memory; its address."""
    if strings is None or isinstance(strings, int):
        return strings or 0
    offset, pointers, data = 8 * (len(strings) + 1), [], b""
    for text in strings:
        pointers.append(offset + len(data))
        data += text + b"\0"
    buffer = process.buffer(max(offset + len(data), PAGE))
    buffer.store(struct.pack(f"<{len(pointers) + 1}Q", *(buffer.address + pointer for pointer in pointers), 0) + data)
    return buffer.address


def place(process: Process, text: bytes | str | int) -> int:
    """A string in the process's memory; its address."""
    if isinstance(text, int):
        return text
    data = os.fsencode(text) + b"\0"
    buffer = process.buffer(max(len(data), PAGE))
    buffer.store(data)
    return buffer.address


def words_of(process: Process, path: bytes | str | int, arguments: Strings, environment: Strings) -> list[int]:
    """execve() with its arguments, for os_puppet."""
    return [EXECVE, place(process, path), vector(process, arguments), vector(process, environment)]


def try_exec(process: Process, path: bytes | str | int, arguments: Strings = (b"x",), environment: Strings = ()) -> str:
    """A call that must fail: "ENOENT"; "success" if it doesn't."""
    answer = process.puppets.ask(process.pid, "call", *words_of(process, path, arguments, environment))
    return error_name(answer.errno) if answer.errno else "success"


def try_exec_at(process: Process, dirfd: int, path: str, flags: int = 0) -> str:
    """The same by execveat()."""
    words = [EXECVEAT, dirfd, place(process, path), vector(process, (b"x",)), vector(process, ()), flags]
    answer = process.puppets.ask(process.pid, "call", *words)
    return error_name(answer.errno) if answer.errno else "success"


def exec_words(guest: Guest, process: Process, path: str, words: Sequence[int], name: str = "") -> Process:
    """Has a process make a call that executes a program that waits; the process as it is then. `name`: as `ps` shows it,
    if that isn't the path's last component."""
    process.puppets.set_to_work(process.pid, "call", *words)
    name = name or path.rpartition("/")[2]
    if name == PUPPET:
        process.puppets.answer(0, process.pid, f"execve({path})")
    guest.wait_for(process.pid, path, name)
    return Process(process.puppets, process.pid)


def exec_as(guest: Guest, process: Process, path: str, arguments: Strings = (b"x",), environment: Strings = ()) -> Process:
    """The same by execve()."""
    return exec_words(guest, process, path, words_of(process, path, arguments, environment))


def exec_and_wait(guest: Guest, path: str, arguments: Strings = (b"x",), environment: Strings = ()) -> int:
    """A new process that executes the program; its pid."""
    caller = guest.caller()
    exec_as(guest, caller, path, arguments, environment)
    return caller.pid


def check_intact(guest: Guest, caller: Process, regions: list[tuple[int, int, str, str]], after: str) -> None:
    """Fails unless the process goes on, with the regions that it had."""
    check(expected=caller.pid, seen=call(caller, "getpid"), what=f"getpid() of the caller after {after}")
    check(expected=regions, seen=guest.regions(caller.pid), what=f"the caller's regions after {after}")
