"""Checks the order of the kernel's subsystems: `python3 grading layers [--root TREE] [--headers]`.

The command checks the harness's packages as well (package_layers.py).

kernel/layers.txt lists the subsystems, one a line, lowest first, `#` for comments. Checked here:

* a file includes only headers of its own subsystem and of subsystems above its line, by `"subsystem/file.h"`;
  a lab's file counts as living in its header's subsystem: the kernel header with its name, or else
  the first kernel header that it includes; and it may call its stand-ins (STANDINS);
* headers don't include each other in a cycle;
* assembly stands only in kernel/arch and kernel/boot;
* of the C++ library only headers that work freestanding are used;
* with --headers, each kernel header compiles alone.

Exit status: 0 when all hold, 1 with one line a violation, each naming the file and the fix.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grading import ROOT
from grading.course import package_layers
from grading.course.circles import circles

ASSEMBLY_SUBSYSTEMS = {"arch", "boot"}
STANDINS = "standins/standins.h"  # by which a stub does what is done while its lab isn't there
FREESTANDING = "kernel/lib/freestanding.txt"  # the headers of the C++ library that need no hosted one
COMPILE = ["g++", "-std=c++20", "-ffreestanding", "-fno-exceptions", "-fno-rtti", "-fno-pic",
           "-fno-pie", "-mcmodel=kernel", "-mno-red-zone", "-mgeneral-regs-only",
           "-fno-threadsafe-statics", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror",
           "-D_GLIBCXX_ATOMIC_WAIT_H", "-fsyntax-only", "-x", "c++"]

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
_ASM = re.compile(r"\b(?:asm|__asm|__asm__)\b")
_QUIET = re.compile(r'//[^\n]*|/\*.*?\*/|R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"|'
                    r"'(?:\\.|[^'\\\n])+'", re.DOTALL)


class Tree:
    """The kernel's and the labs' sources with their subsystems and includes."""

    def __init__(self, root: Path) -> None:
        """Reads the tree. Raises OSError when kernel/layers.txt or FREESTANDING is missing."""
        self.root = root
        lines = (root / "kernel" / "layers.txt").read_text().splitlines()
        names = [line.partition("#")[0].strip() for line in lines]
        self.subsystems = [name for name in names if name]
        self.freestanding = set((root / FREESTANDING).read_text().split())
        self.text = {path.relative_to(root).as_posix(): path.read_text(errors="replace")
                     for pattern in ("kernel/**/*", "labs/*/*")
                     for path in sorted(root.glob(pattern))
                     if path.suffix in {".h", ".cc", ".S"} and path.is_file()}
        self.includes = {path: self._includes_of(text) for path, text in self.text.items()}

    @staticmethod
    def _includes_of(text: str) -> list[tuple[int, str, bool]]:
        """(line number, name, whether in quotes) of each include."""
        return [(text.count("\n", 0, match.start()) + 1, match[1] or match[2], bool(match[1]))
                for match in _INCLUDE.finditer(text)]

    def resolve(self, path: str, name: str) -> str | None:
        """The file that `#include "name"` in `path` means, relative to the root."""
        for candidate in (f"kernel/{name}", f"{path.rpartition('/')[0]}/{name}"):
            if candidate in self.text:
                return candidate
        return None

    def subsystem_of(self, path: str) -> str | None:
        """The subsystem a file lives in; None when nothing says so."""
        first, folder, rest = (path.split("/", 2) + [""])[:3]
        if first == "kernel":
            return folder if rest else None
        stem = Path(path).stem
        own = [header for header in self.text
               if re.fullmatch(rf"kernel/[^/]+/{re.escape(stem)}\.h", header)]
        if len(own) == 1:
            return self.subsystem_of(own[0])
        for _, name, quoted in self.includes[path]:
            if quoted and f"kernel/{name}" in self.text:
                return self.subsystem_of(f"kernel/{name}")
        return None


def check(root: Path) -> list[str]:
    """All violations in a tree except those of headers that don't compile alone."""
    tree = Tree(root)
    return (_check_subsystems(tree) + _check_includes(tree) + _check_cycles(tree)
            + _check_assembly(tree))


def _check_subsystems(tree: Tree) -> list[str]:
    found = sorted({path.split("/")[1] for path in tree.text
                    if path.startswith("kernel/") and path.count("/") >= 2})
    problems = [f"kernel/{subsystem}/: not in kernel/layers.txt; add a line for it there"
                for subsystem in found if subsystem not in tree.subsystems]
    problems += [f"kernel/layers.txt: subsystem {subsystem} is listed twice; remove one line"
                 for subsystem in sorted(set(tree.subsystems)) if tree.subsystems.count(subsystem) > 1]
    problems += [f"{path}: stands in no subsystem; move it into kernel/NAME/"
                 for path in tree.text if path.startswith("kernel/") and path.count("/") == 1]
    return problems


def _check_includes(tree: Tree) -> list[str]:
    problems = []
    order = {subsystem: number for number, subsystem in enumerate(tree.subsystems)}
    for path, includes in tree.includes.items():
        own = tree.subsystem_of(path)
        if path.startswith("labs/") and own is None:
            problems.append(f"{path}: belongs to no subsystem; include its contract's header first")
        for line, name, quoted in includes:
            here = f"{path}:{line}"
            if not quoted:
                if name not in tree.freestanding:
                    problems.append(f"{here}: <{name}> needs a hosted library; use kernel/lib or "
                                    f"one that {FREESTANDING} lists")
                continue
            target = tree.resolve(path, name)
            if target is None:
                problems.append(f"{here}: \"{name}\" isn't in the tree; write \"subsystem/file.h\"")
                continue
            subsystem = tree.subsystem_of(target)
            if path.startswith("labs/") and name == STANDINS:
                continue
            if target.startswith("kernel/") and own in order and subsystem in order:
                if order[subsystem] > order[own]:
                    problems.append(
                        f"{here}: includes {name}, but subsystem {own} stands below {subsystem} in "
                        f"kernel/layers.txt; declare the interface in {own} or lower, or move "
                        "this code up")
    return problems


def _check_cycles(tree: Tree) -> list[str]:
    graph = {path: [target for _, name, quoted in includes if quoted
                    and (target := tree.resolve(path, name)) is not None]
             for path, includes in tree.includes.items()}
    return [f"{path[0]}: includes itself through {' -> '.join(path)}; break the cycle with a forward declaration"
            for path in circles(graph)]


def _check_assembly(tree: Tree) -> list[str]:
    problems = []
    where = " or ".join(f"kernel/{subsystem}" for subsystem in sorted(ASSEMBLY_SUBSYSTEMS))
    for path, text in tree.text.items():
        if path.startswith("kernel/") and tree.subsystem_of(path) in ASSEMBLY_SUBSYSTEMS:
            continue
        if path.endswith(".S"):
            problems.append(f"{path}: assembly; move it to {where}")
            continue
        quiet = _QUIET.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
        problems += [f"{path}:{quiet.count(chr(10), 0, match.start()) + 1}: inline assembly; put "
                     f"a function for it in {where} and call that"
                     for match in _ASM.finditer(quiet)]
    return problems


def check_headers(root: Path) -> list[str]:
    """Headers that don't compile alone, with the compiler's first error."""
    def problem(path: Path) -> str | None:
        name = path.relative_to(root / "kernel").as_posix()
        done = subprocess.run([*COMPILE, "-I", root / "kernel", "-"], text=True,
                              input=f'#include "{name}"\n', capture_output=True, check=False)
        if done.returncode == 0:
            return None
        first = next((line for line in done.stderr.splitlines() if "error:" in line),
                     done.stderr.strip())
        return f"kernel/{name}: doesn't compile alone; include what it uses ({first})"

    with ThreadPoolExecutor(max_workers=2) as pool:
        headers = sorted((root / "kernel").glob("*/**/*.h"))
        return [found for found in pool.map(problem, headers) if found]


def main() -> int:
    """Command line; exit status 0 or 1."""
    parser = argparse.ArgumentParser(description="Checks the order of the kernel's subsystems and of the harness's packages.")
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree to check")
    parser.add_argument("--headers", action="store_true",
                        help="also compile each header alone (about 0.2 s each)")
    arguments = parser.parse_args()
    try:
        problems = check(arguments.root) + package_layers.check(arguments.root)
    except OSError as error:
        problems = [f"{error.filename}: {error.strerror}; run this in Cairn's tree"]
    if arguments.headers:
        problems += check_headers(arguments.root)
    for text in problems:
        print(text)
    return 1 if problems else 0

