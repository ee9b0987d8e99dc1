"""Programs that count in their memory: who gets how much of the processors is read there, from outside."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from grading.judge import page_walk
from grading.machine.failures import GuestSilent, HarnessFault
from grading.machine.machine import Machine

PATIENCE = 4000  # looks
WORD = "counted_so_far"


def place_of_word(programs: Path) -> int:
    """The address of the word in which user/tests/count.c counts. Raises HarnessFault."""
    path = programs.parent / "count.elf"
    done = subprocess.run(["nm", str(path)], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        address, _, name = line.split()[:3] if len(line.split()) == 3 else ("", "", "")
        if name == WORD:
            return int(address, 16)
    raise HarnessFault(f"{path} has no {WORD}: make programs builds it")


@dataclass
class Counters:
    """Processes that count, of one machine."""

    machine: Machine
    place: int
    roots: dict[int, int] = field(default_factory=dict)  # by pid: the physical address of the top-level table

    def start(self, count: int, how: str = "") -> list[int]:
        """Starts that many more, with this argument; their pids. They count from now on."""
        pids = [self.machine.channel.command(f"run count {how} &").number("pid") for _ in range(count)]
        lines = {int(line["pid"]): line for line in self.machine.channel.command("ps").values() if "pid" in line}
        self.roots |= {pid: int(lines[pid]["root"], 0) for pid in pids}
        return pids

    def stop(self, pid: int) -> None:
        self.machine.channel.command(f"kill {pid}")
        del self.roots[pid]

    def read(self) -> dict[int, int]:
        """How far each has counted, all at the same moment."""
        with self.machine.stopped():
            return {pid: self._word(root) for pid, root in self.roots.items()}

    def _word(self, root: int) -> int:
        page = page_walk.walk_address(self.machine, root, self.place)
        if page is None:
            return 0
        return int.from_bytes(self.machine.read_phys(page.physical + self.place % page.size, 8), "little")

    def gains(self, total: int, before: dict[int, int] | None = None) -> dict[int, int]:
        """What each counts from now on, or since `before` was read, until it is `total` together."""
        before = before or self.read()
        for _ in range(PATIENCE):
            now = self.read()
            gained = {pid: now[pid] - before[pid] for pid in before}
            if sum(gained.values()) >= total:
                return gained
            self.machine.channel.command("metrics sched.switches")  # the guest goes on meanwhile
        raise GuestSilent(f"the programs to count up to {total:,} together (they are at {sum(gained.values()):,})")

    def running(self) -> list[int | None]:
        """Which of them each vCPU runs at this moment, in user mode."""
        by_root = {root: pid for pid, root in self.roots.items()}
        return [by_root.get(each.cr3 & ~0xFFF) if each.cpl == 3 else None for each in self.machine.all_registers()]

    def seen_on_each(self, looks: int) -> list[set[int]]:
        """Which of them each vCPU ran, in so many looks."""
        seen: list[set[int]] = []
        for _ in range(looks):
            now = self.running()
            seen = seen or [set() for _ in now]
            for pids, pid in zip(seen, now):
                pids |= {pid} - {None}
            self.machine.channel.command("metrics sched.switches")  # the guest goes on meanwhile
        return seen
