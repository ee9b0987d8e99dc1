"""Writes the tree that students get for a lab: `make starter LAB=a`.

The students' tree is the repository's tracked files with some changes: what belongs to the
course alone (mutants, forgeries, alternative solutions, the project's own tests) is left out;
the lab's files have stubs where the solution stands (see markers.py); the README is the
students' own; a list of the given files' sums is added (given.py). The labs before the asked one are in
it too, with their stubs, and as objects of their solution in reference/.

`manifest()` says which files these are and with what bytes; branches.py commits the same
manifest, so a starter and a lab branch can't differ.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from grading import ROOT
from grading.course import folders, given, markers
from grading.course.lab import Lab, LabError, all_labs, load_lab

# What students don't get: path prefixes, folders with a final slash.
COURSE_ONLY = (
    ".ci/",
    ".github/",
    "CONTRIBUTING.md",
    "grading/alternatives/",
    "grading/contracts/",
    "grading/course/branches.py",
    "grading/course/markers.py",
    "grading/course/starter.py",
    "grading/course/student/",
    "grading/forgeries/",
    "grading/mutants/",
    "grading/suite/",
)

# Files that stand elsewhere in the repository: path in the students' tree -> source.
MOVED = {"README.md": "grading/course/student/README.md"}


class StarterError(Exception):
    """The starter can't be made; the message is one line that names the fix."""


@dataclass(frozen=True)
class Entry:
    """One file of the students' tree."""

    data: bytes
    executable: bool


def manifest(letter: str, root: Path = ROOT, *, solved: bool = False) -> dict[str, Entry]:
    """The students' tree for a lab, by path: the starter, or with `solved` the solution.

    Raises LabError for an unknown lab, StarterError for a file that can't be handed out and
    markers.MarkerError for a broken marker.
    """
    load_lab(letter, root)
    absent_labs = [other for other in all_labs(root) if other.letter > letter]
    convert = markers.solved_text if solved else markers.starter_text
    entries = {}
    for path in tracked_files(root):
        if path in MOVED or _is_left_out(path, absent_labs):
            continue
        entries[path] = _entry(root, path, path, convert)
    for path, source in MOVED.items():
        if (root / source).exists():
            entries[path] = _entry(root, source, path, convert)
    earlier = [lab.letter for lab in all_labs(root) if lab.letter < letter]
    for each in earlier if "grading/course/reference.py" in entries else []:
        entries |= _reference_objects(root, each)
    if "grading/course/given.py" in entries:
        labs = [lab for lab in all_labs(root) if lab.letter <= letter]
        listing = given.listing({path: entry.data for path, entry in entries.items()}, labs)
        entries[given.LIST] = Entry(listing, executable=False)
    return dict(sorted(entries.items()))


def _reference_objects(root: Path, letter: str) -> dict[str, Entry]:
    """An earlier lab's solution as objects, for students who couldn't finish it (REFERENCE=a)."""
    made = subprocess.run(["make", "reference", f"LAB={letter}"], cwd=root, capture_output=True, text=True,
                          env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
                          check=False)
    if made.returncode != 0:
        reason = (made.stderr.strip().splitlines() or ["no message"])[-1]
        raise StarterError(f"make reference LAB={letter} failed: {reason}")
    folder = root / "build" / "reference" / letter
    return {f"reference/{letter}/{file.name}": Entry(file.read_bytes(), executable=False)
            for file in sorted(folder.iterdir())}


def tracked_files(root: Path) -> list[str]:
    """Paths of the tree's files as Git knows them; outside Git all but build/.

    Files that Git doesn't track stay out: an editor's backup of a solution must not reach
    the students.
    """
    top = subprocess.run(["git", "-C", root, "rev-parse", "--show-toplevel"],
                         capture_output=True, text=True, check=False)
    if top.returncode == 0 and Path(top.stdout.rstrip("\n")).resolve() == root.resolve():
        listed = subprocess.run(["git", "-C", root, "ls-files", "-z"],
                                capture_output=True, text=True, check=True).stdout
        return sorted(path for path in listed.split("\0") if path and (root / path).exists())
    paths = []
    for folder, subfolders, names in os.walk(root):
        here = Path(folder).relative_to(root)
        hidden = {"__pycache__", ".git"} | ({"build"} if here == Path(".") else set())
        subfolders[:] = sorted(set(subfolders) - hidden)
        paths += [(here / name).as_posix() for name in names]
    return sorted(paths)


def write(entries: dict[str, Entry], target: Path) -> None:
    """Writes a manifest to a folder, whole or not at all; an earlier starter is replaced.

    Raises StarterError when `target` holds something else, folders.FolderError when it can't
    be written.
    """
    if target.is_symlink() or (target.exists() and not _may_replace(target)):
        raise StarterError(f"{target}: holds something that isn't a starter; remove it or "
                           "choose another --out")
    with folders.replaced(target) as fresh:
        for path, entry in entries.items():
            file = fresh / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(entry.data)
            file.chmod(0o755 if entry.executable else 0o644)


def _is_left_out(path: str, absent_labs: list[Lab]) -> bool:
    """Whether the course keeps a file to itself, or a later lab brings it: its folder, its tests and the
    sources of its subsystems (not their headers, which the subsystems above include at every stage)."""
    if path.startswith(COURSE_ONLY):
        return True
    for lab in absent_labs:
        subsystems = tuple(f"kernel/{subsystem}/" for subsystem in lab.subsystems)
        if path.startswith((f"labs/{lab.letter}-", f"grading/tests/{lab.letter}/")):
            return True
        brought = path.startswith(subsystems) or f"/lab_{lab.letter}/" in path
        if brought and path.startswith("kernel/") and path.endswith((".cc", ".S")):
            return True
    return False


def _entry(root: Path, source: str, path: str, convert) -> Entry:
    file = root / source
    if file.is_symlink():
        raise StarterError(f"{source}: a symbolic link can't be handed out; put a file there")
    data = file.read_bytes()
    if path.startswith("labs/") and markers.can_hold_solutions(path):
        data = convert(data.decode(), source).encode()
    return Entry(data, executable=bool(file.stat().st_mode & 0o111))


def _may_replace(target: Path) -> bool:
    looks_like_starter = all((target / name).exists() for name in ("Makefile", "labs", "kernel"))
    is_repository = (target / ".git").exists()
    return target.is_dir() and (not any(target.iterdir())
                                or (looks_like_starter and not is_repository))


def main() -> int:
    """Command line; exit status 0, or 1 with a one-line message."""
    parser = argparse.ArgumentParser(description="Writes the tree that students get for a lab.")
    parser.add_argument("lab", help="the lab's letter, as in labs/")
    parser.add_argument("--out", type=Path, help="folder to write (build/starters/lab-LAB)")
    arguments = parser.parse_args()
    target = arguments.out or ROOT / "build" / "starters" / f"lab-{arguments.lab}"
    try:
        entries = manifest(arguments.lab)
        write(entries, target)
    except (StarterError, LabError, markers.MarkerError, folders.FolderError) as error:
        print(f"starter: {error}", file=sys.stderr)
        return 1
    print(f"{target}: the starter of lab {arguments.lab}, {len(entries)} files")
    return 0

