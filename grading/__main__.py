"""The commands of the harness: `python3 grading COMMAND …`, from any folder; without a COMMAND it lists them.

This is the one place that makes the package known to Python. A command's module is loaded only when it is
asked for: a submission's build asks for the labs, and has no more than it needs.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent
COMMANDS = {  # name: (module with a main(), what it does)
    "grade": ("grader.command", "grades a lab"),
    "qemu": ("machine.qemu_command", "runs Cairn in QEMU for a person"),
    "gdb": ("machine.gdb_command", "attaches GDB to that machine"),
    "bench": ("bench.command", "measures what a lab's operations cost"),
    "labs": ("course.lab", "lists the labs, their items and points"),
    "reference": ("course.reference", "packs or checks the objects of a lab's solution"),
    "given": ("course.given", "names given files that a student changed"),
    "draw": ("tests.c.draw_program", "draws a program's file, its pages and the stack that it finds"),
    "calls": ("course.calls", "prints the table of system calls"),
    "layers": ("course.layers", "checks the order of the kernel's subsystems and of this package's parts"),
    "mutants": ("course.mutants", "lists or builds known-wrong solutions"),
    "starter": ("course.starter", "writes the students' tree"),
    "branches": ("course.branches", "writes the students' Git repository"),
}


def main() -> int:
    """Runs the command that is named first; exit status 2 when there is none."""
    sys.path[0] = str(TOP.parent)
    here = {name: (module, what) for name, (module, what) in COMMANDS.items()
            if (TOP / (module.replace(".", "/") + ".py")).exists()}  # students don't have all
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in here:
        print("usage: python3 grading COMMAND …\n", *(f"  {each:10} {here[each][1]}" for each in here), sep="\n", file=sys.stderr)
        return 2
    sys.argv[:2] = [f"grading {name}"]
    return int(importlib.import_module(f"grading.{here[name][0]}").main())


if __name__ == "__main__":
    sys.exit(main())
