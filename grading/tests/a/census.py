"""What the frame allocator and the counters say, as numbers to compare before and after."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from grading.machine.machine import Machine


@dataclass(frozen=True)
class Census:
    """The monitor's `frames`, in frames of 4 KiB."""

    total: int
    free: int
    uses: dict[str, int] = field(default_factory=dict)  # "page-table", "user", "heap" …

    @classmethod
    def take(cls, machine: Machine) -> Census:
        """The numbers now."""
        total = free = 0
        uses: dict[str, int] = {}
        for line in machine.channel.command("frames").values():
            if "free" in line:
                total, free = int(line["total"]), int(line["free"])
            elif "use" in line:
                uses[line["use"]] = int(line["frames"])
        return cls(total, free, uses)

    @classmethod
    def settled(cls, machine: Machine) -> Census:
        """The numbers now, after making and freeing a table: the heap has what that takes."""
        reply = machine.channel.command("table new")
        machine.channel.command(f"table free {reply.number('table')}")
        return cls.take(machine)

    @property
    def tables(self) -> int:
        """Frames that hold page tables."""
        return self.uses.get("page-table", 0)

    @property
    def known(self) -> int:
        """Frames that are free or in a known use; what heap and stacks keep for later is counted."""
        return self.free + sum(self.uses.values())

    @property
    def user(self) -> int:
        """Frames that hold processes' memory."""
        return self.uses.get("user", 0)


def counters(machine: Machine, prefix: str) -> dict[str, int]:
    """The monitor's `metrics PREFIX`."""
    values: dict[str, int] = {}
    for line in machine.channel.command(f"metrics {prefix}").values():
        values.update({key: int(value) for key, value in line.items()})
    return values


def references(machine: Machine, frame: int) -> int:
    """frame_references() of a frame."""
    return machine.channel.command(f"frame refs {frame:#x}").number("references")


def full_flushes(machine: Machine) -> tuple[int, ...]:
    """QEMU's own counts of flushes of a whole TLB. Equal before and after: there was none.

    QEMU counts a flush of all its address spaces as full, of some as partial and of an unused one
    as elided; a flush of one page (INVLPG) appears in none of the three.
    """
    text = machine.monitor("info jit")
    return tuple(int(count) for count in re.findall(r"TLB (?:full|partial|elided) flushes\s+(\d+)", text))
