"""`cairn ps`: the processes and where each one is."""

from __future__ import annotations

from grading.gdb.backtrace import describe, place_of
from grading.gdb.command import Command
from grading.gdb.processes import cpus, processes


class Ps(Command):
    """list processes: state, page table, and where each one is"""

    name = "ps"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 0, 0)
        found = list(processes())
        if found:
            print(f"{'PID':>5} {'PPID':>5} {'STATE':8} {'ROOT':12} {'NAME':12} WHERE")
        for each in found:
            root = "-" if each.root is None else f"{each.root:#012x}"
            print(f"{each.pid:5} {each.parent_pid:5} {each.state:8} {root:12} {each.name:12} {place_of(each)}")
        for cpu in cpus():
            print(describe(cpu))
        if not found:
            print("no processes: `run hello &` at the prompt `cairn> ` starts one")


def register() -> None:
    Ps()
