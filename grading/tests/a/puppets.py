"""Puppets that show what lab A is about: memory, forks, faults (user/tests/puppet.c)."""

from __future__ import annotations

from dataclasses import replace

from grading.grader.foundations import Boot, Foundation
from grading.judge import page_walk
from grading.machine import puppets
from grading.machine.failures import GuestSilent
from grading.machine.puppets import PASSES, Answer, PuppetError
from grading.tests.a import outside
from grading.tests.a.pattern import PAGE
from grading.tests.a.tables import LARGE

READ, WRITE, EXECUTE = 1, 2, 4
PROT_RW = READ | WRITE
MAP_HUGETLB = 0x40000
OWN_PAGES = 12  # pages that two C programs may write between fork() and the next line: stack, data, TLS

__all__ = ["EXECUTE", "FORK", "MAP_HUGETLB", "OWN_PAGES", "PROCESS", "PROT_RW", "READ", "WRITE", "Answer", "PuppetError", "Puppets"]


class Puppets(puppets.Puppets):
    """All puppets of one machine."""

    # -- operations --------------------------------------------------------------------------------

    def clone(self, pid: int, address: int) -> int:
        """As fork(), with the child's pid stored at `address` in the parent."""
        child = self.do(pid, "clone", address)
        self.until_blocked(child)
        self.until_blocked(pid)
        return child

    def area(self, pid: int, pages: int, seed: int | None = None, protection: int = PROT_RW) -> int:
        """A private anonymous area of `pages` pages, filled from `seed` if given; its address."""
        address = self.do(pid, "mmap", pages, protection)
        if seed is not None:
            self.do(pid, "fill", address, pages, seed)
        return address

    def grow_heap(self, pid: int, pages: int, seed: int) -> int:
        """Moves the program break up and fills the new pages from `seed`; the first one's address."""
        start = -(-self.do(pid, "brk") // PAGE) * PAGE
        self.do(pid, "brk", start + pages * PAGE)
        self.do(pid, "fill", start, pages, seed)
        return start

    def read_line(self, pid: int, address: int, text: str) -> bytes:
        """Lets a puppet read() a line with `text` in it into memory at `address`; the bytes it should have read."""
        self.do_until(pid, "reading", "readin", address, 256)
        for _ in range(PASSES):
            self.until_blocked(pid)
            self.sequence += 1
            line = f"{self.sequence} {pid} {text}\n"
            self.machine.console.send(line)
            match = self.machine.console.wait_for(
                rf"puppet: (?:seq=(\d+) pid={pid} result=\S+|seq={self.sequence} [^\r\n]*pass=1)\r?\n")
            if match.group(1):
                return line.encode()
        raise GuestSilent(f"process {pid} to read its line (others read it {PASSES} times)")

    # -- from outside ------------------------------------------------------------------------------

    def pages(self, pid: int) -> dict[int, page_walk.Mapping]:
        """What the process's page table maps, by 4 KiB page, found by walking it from outside."""
        pages: dict[int, page_walk.Mapping] = {}
        for address, mapping in outside.user_half(self.machine, self.root(pid)).items():
            if mapping.size == PAGE:
                pages[address] = mapping
                continue
            for offset in range(0, LARGE, PAGE):
                pages[address + offset] = replace(mapping, virtual=address + offset, physical=mapping.physical + offset)
        return pages

    def regions(self, pid: int) -> list[tuple[range, str, str]]:
        """The lines of `vm`: (addresses, access such as "rw-", kind)."""
        lines = self.machine.channel.command(f"vm {pid}").values()
        return [(range(int(line["start"], 0), int(line["end"], 0)), line["access"], line["kind"]) for line in lines]


PROCESS = Foundation("a process starts", lambda boot: Puppets(boot()).start())


def _fork(boot: Boot) -> None:
    machine_puppets = Puppets(boot())
    machine_puppets.fork(machine_puppets.start())


FORK = Foundation("a process forks", _fork)
