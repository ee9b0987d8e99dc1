"""Precompiled objects of a lab's solution, for students who go on without a working one of their own.

    python3 grading reference pack FLAGS FOLDER OBJECT…    copies objects to FOLDER, with a key
    python3 grading reference check FLAGS FOLDER…          whether they fit this tree

The key says what the objects were compiled with: every header of the kernel, the compiler's version
and its flags (FLAGS is the stamp that the Makefile keeps). Objects whose key differs from the tree's
are refused: their idea of a structure may be another one.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

from grading import ROOT
from grading.course import folders

KEY = "key"


def tree_key(flags: Path, root: Path = ROOT) -> str:
    """The key of objects compiled now. Raises OSError."""
    words = [word for word in flags.read_text().split() if not word.startswith("-ffile-prefix-map=")]
    version = subprocess.run([words[0], "-dumpfullversion"], capture_output=True, check=True).stdout
    key = hashlib.sha256(repr((words, version)).encode())
    for header in sorted(root.glob("kernel/**/*.h")):
        key.update(header.relative_to(root).as_posix().encode() + b"\0")
        key.update(hashlib.sha256(header.read_bytes()).digest())
    return key.hexdigest()


def pack(flags: Path, folder: Path, objects: list[Path]) -> None:
    """Writes the folder, whole or not at all: code alone, since debugging information tells of the source.

    Raises OSError, CalledProcessError or folders.FolderError.
    """
    with folders.replaced(folder) as fresh:
        for each in objects:
            subprocess.run(["objcopy", "--strip-debug", each, fresh / each.name], check=True)
        (fresh / KEY).write_text(tree_key(flags) + "\n")


def misfit(flags: Path, folder: Path) -> str | None:
    """Why the objects in `folder` can't be linked with this tree, in a line with the remedy; None if they can."""
    try:
        key = (folder / KEY).read_text().strip()
    except OSError:
        return f"{folder}: no reference objects are there; take them back with: git checkout reference"
    if key == tree_key(flags):
        return None
    return (f"{folder}: compiled with other headers of the kernel, another compiler or other flags than yours; "
            "undo your changes in kernel/*.h (git checkout kernel), or get the objects for them from your course "
            "(in the course's tree: make reference)")


def main() -> int:
    """Command line; exit status 0, or 1 with one line a problem."""
    parser = argparse.ArgumentParser(description="Packs or checks the reference objects of labs.")
    parser.add_argument("action", choices=("pack", "check"))
    parser.add_argument("flags", type=Path, help="the stamp with the compiler's flags, build/STAGE/obj/flags")
    parser.add_argument("folder", type=Path)
    parser.add_argument("others", type=Path, nargs="*", help="pack: the objects; check: more folders")
    arguments = parser.parse_args()
    try:
        if arguments.action == "pack":
            pack(arguments.flags, arguments.folder, arguments.others)
            return 0
        problems = [misfit(arguments.flags, folder) for folder in (arguments.folder, *arguments.others)]
    except (OSError, folders.FolderError, subprocess.CalledProcessError) as error:
        problems = [str(error)]
    for problem in filter(None, problems):
        print(f"reference: {problem}", file=sys.stderr)
    return 1 if any(problems) else 0

