"""`cairn threads`, `cairn futexes`: the threads of processes, and the words of memory that they wait for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import gdb

from grading.gdb import kernel
from grading.gdb.backtrace import place_of_thread
from grading.gdb.command import Command
from grading.gdb.kernel import elements, number
from grading.gdb.processes import Process, process_of, processes, thread_state

ANY_BIT = 0xFFFF_FFFF  # kAnyBit, futex/futex.h


@dataclass(frozen=True)
class Waiter:
    """A FutexWaiter: a thread, and with which bits it can be woken."""

    thread: int  # its address
    bits: int


@dataclass(frozen=True)
class Word:
    """What somebody waits for: an address in an AddressSpace, or a place in a memory object (FutexKey)."""

    owner: int
    place: int
    waiters: list[Waiter]  # the longest waiting first

    @property
    def name(self) -> str:
        """`0x404010 of process 7`, `object 3 at 0x10`."""
        if self.owner < kernel.DIRECT_MAP:
            return f"object {self.owner} at {self.place:#x}"
        users = [str(each.pid) for each in processes() if each.space is not None and int(each.space) == self.owner]
        return f"{self.place & ~1:#x} of process {', '.join(users) or '?'}"


def words() -> Iterator[Word]:
    """Those in the table of waiters."""
    buckets = kernel.variable("futex_buckets")
    low, high = buckets.type.range()
    for index in range(low, high + 1):
        for queue in elements(buckets[index]["queues"], "FutexQueue", "bucket_link"):
            waiters = []
            for guest in elements(queue["guests"], "FutexGuest", "link"):
                waiter = kernel.pointer(int(guest.address), "FutexWaiter").dereference()  # which begins with it
                waiters.append(Waiter(int(waiter["thread"].referenced_value().address), number(waiter["bits"])))
            yield Word(number(queue["key"]["owner"]), number(queue["key"]["place"]), waiters)


def tids() -> dict[int, str]:
    """Of all threads, by their addresses."""
    return {int(thread.address): str(number(thread["tid"])) for process in processes() for thread in process.threads}


class Threads(Command):
    """list the threads of all processes, or of one: what each waits for, and where it is"""

    name = "threads"
    arguments = "[PID]"

    def run(self, words_given: list[str]) -> None:
        self.check_count(words_given, 0, 1)
        shown = [process_of(words_given[0])] if words_given else list(processes())
        futexes = {waiter.thread: word.name for word in words() for waiter in word.waiters}
        print(f"{'PID':>5} {'TID':>5} {'STATE':8} {'NAME':12} WHERE")
        for process in shown:
            for thread in process.threads:
                self.print_thread(process, thread, futexes.get(int(thread.address)))

    def print_thread(self, process: Process, thread: gdb.Value, futex: str | None) -> None:
        where = place_of_thread(process, thread) if futex is None else f"futex {futex}, {place_of_thread(process, thread)}"
        print(f"{process.pid:5} {number(thread['tid']):5} {thread_state(thread):8} {process.name:12} {where}")


class Futexes(Command):
    """list the words that threads wait for, with their tids, the longest waiting first"""

    name = "futexes"

    def run(self, words_given: list[str]) -> None:
        self.check_count(words_given, 0, 0)
        names, found = tids(), list(words())
        for word in found:
            who = [names.get(each.thread, "?") + (f" (bits {each.bits:#x})" if each.bits != ANY_BIT else "") for each in word.waiters]
            print(f"{word.name}: {', '.join(who)}")
        if not found:
            print("nobody waits for a word of memory")


def register() -> None:
    Threads()
    Futexes()
