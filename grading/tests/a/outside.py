"""Looks at page tables from outside, with the machine stopped only once for each look."""

from __future__ import annotations

from grading.judge import page_walk
from grading.machine.machine import Machine


def user_half(machine: Machine, root: int) -> page_walk.PageMap:
    """What the user half of the tables at `root` maps."""
    with machine.stopped():
        return page_walk.walk(machine, root)


def kernel_half(machine: Machine, root: int) -> page_walk.PageMap:
    """What the kernel half maps."""
    with machine.stopped():
        return page_walk.kernel_half(machine, root)


def page_of(machine: Machine, root: int, address: int) -> page_walk.Mapping | None:
    """The page that holds `address`, or None."""
    with machine.stopped():
        return page_walk.walk_address(machine, root, address)
