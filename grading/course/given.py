"""What students were given, to tell them of edits that the grader won't take.

A student's tree has `grading/given.sha256`, which the generator of starters wrote: a sum for each given file
that a build or a grading uses. The lab's own files are not in it. The course's own tree has no such list.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from grading import ROOT
from grading.course.lab import Lab, all_labs

LIST = "grading/given.sha256"  # as sha256sum writes it
COUNTS = ("Makefile", "fs-images/", "grading/", "kernel/", "labs/", "user/")  # other files change nothing
BUILT = (".cc", ".S", ".h")  # what a folder of the kernel or of a lab may not get more of
SHOWN = 8


def listing(files: Mapping[str, bytes], labs: Iterable[Lab]) -> bytes:
    """The list for a tree with these files and labs."""
    own = {f"labs/{lab.folder.name}/{path}" for lab in labs for path in lab.student_files()}
    names = sorted(name for name in files if name.startswith(COUNTS) and name not in own and name != LIST)
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in names).encode()


def changed(root: Path = ROOT) -> list[str]:
    """The files outside of the labs' own that were changed, removed or added; [] in the course's own tree."""
    try:
        lines = (root / LIST).read_text().splitlines()
    except FileNotFoundError:
        return []
    given = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    own = {f"labs/{lab.folder.name}/{path}" for lab in all_labs(root) for path in lab.student_files()}
    there = {path.relative_to(root).as_posix() for folder in ("kernel", "labs") for path in (root / folder).rglob("*")
             if path.suffix in BUILT}
    return sorted([*there - given.keys() - own, *(name for name in given if _sum(root / name) != given[name])])


def _sum(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def warning(names: list[str]) -> str:
    """What to tell of such files, in a line for each and one with the remedy."""
    shown = [f"  {name}" for name in names[:SHOWN]] + ([f"  and {len(names) - SHOWN} more"] if len(names) > SHOWN else [])
    return "\n".join(["these files count here but not in a grading, which takes the labs' own files only:", *shown,
                      "take them back with `git checkout FILE`, remove what you added, or move it into a lab's file"])


def main() -> int:
    """Warns on standard error; exit status 0."""
    argparse.ArgumentParser(description="Names the files outside of the labs' own that were changed.").parse_args()
    names = changed()
    if names:
        print(f"cairn: {warning(names)}", file=sys.stderr)
    return 0
