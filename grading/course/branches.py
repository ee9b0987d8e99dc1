r"""Writes the students' Git repository, build/branches.git (bare): `make branches`.

For each lab two branches: `lab-a`, the starter, and `lab-a-solution`, to be kept private. The
history is such that every move of a student is a plain merge:

    lab-a -------------> lab-b -------------> ...
      \                    \
       lab-a-solution ----> lab-b-solution    (a merge of lab-b into lab-a-solution)

Author and dates are fixed, so the same tree always gives the same commit ids.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from grading import ROOT
from grading.course import folders, markers, starter
from grading.course.lab import Lab, LabError, all_labs

AUTHOR = "Cairn <cairn@localhost>"
FIRST_DATE = 1767225600  # seconds since 1970: 2026-01-01 00:00 UTC; an hour is added per commit
ENVIRONMENT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def build(target: Path, root: Path = ROOT) -> dict[str, str]:
    """Writes the bare repository, whole or not at all; returns commit ids by branch.

    Raises LabError, starter.StarterError, markers.MarkerError or folders.FolderError.
    """
    labs = all_labs(root)
    if not labs:
        raise starter.StarterError("no lab in labs/; a lab needs labs/LETTER-NAME/lab.toml")
    if target.exists() and not (target / "HEAD").exists():
        raise starter.StarterError(f"{target}: holds something that isn't a bare repository; "
                                   "remove it or choose another --out")
    stream = _history(root, labs)
    with folders.replaced(target) as fresh:
        _git(fresh, "init", "--quiet", "--bare", f"--initial-branch=lab-{labs[0].letter}")
        _git(fresh, "fast-import", "--quiet", "--done", stdin=stream)
        (fresh / "description").write_text("Cairn: the lab branches for students\n")
        heads = _git(fresh, "for-each-ref", "--format=%(refname:short) %(objectname)")
    return dict(line.split() for line in heads.decode().splitlines())


def _history(root: Path, labs: list[Lab]) -> bytes:
    """The branches of all labs as a stream for git fast-import."""
    stream = bytearray()
    commits = 0
    previous: str | None = None
    for lab in labs:
        for solved in (False, True):
            branch = f"lab-{lab.letter}-solution" if solved else f"lab-{lab.letter}"
            parents = [f"lab-{lab.letter}"] if solved else []
            if previous:
                parents.insert(0, previous + ("-solution" if solved else ""))
            what = "the solution" if solved else "the starter"
            stream += _commit(branch, parents, FIRST_DATE + 3600 * commits,
                              f"lab {lab.letter}: {lab.title}, {what}",
                              starter.manifest(lab.letter, root, solved=solved))
            commits += 1
        previous = f"lab-{lab.letter}"
    return bytes(stream + b"done\n")


def _commit(branch: str, parents: list[str], date: int, subject: str,
            entries: dict[str, starter.Entry]) -> bytes:
    """One fast-import commit command whose tree is exactly `entries`."""
    lines = bytearray(f"commit refs/heads/{branch}\ncommitter {AUTHOR} {date} +0000\n".encode())
    lines += _data(subject.encode() + b"\n")
    for index, parent in enumerate(parents):
        lines += f"{'merge' if index else 'from'} refs/heads/{parent}\n".encode()
    lines += b"deleteall\n"
    for path, entry in entries.items():
        lines += f"M {'100755' if entry.executable else '100644'} inline {path}\n".encode()
        lines += _data(entry.data)
    return bytes(lines + b"\n")


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["git", *arguments], cwd=folder, input=stdin, capture_output=True,
                          env={**os.environ, **ENVIRONMENT}, check=False)
    if done.returncode != 0:
        reason = (done.stderr.decode().strip().splitlines() or ["no message"])[-1]
        raise starter.StarterError(f"git {arguments[0]} failed: {reason}")
    return done.stdout


def main() -> int:
    """Command line; exit status 0, or 1 with a one-line message."""
    parser = argparse.ArgumentParser(description="Writes the students' Git repository (bare).")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "branches.git",
                        help="the repository to write (build/branches.git)")
    arguments = parser.parse_args()
    try:
        heads = build(arguments.out)
    except (LabError, starter.StarterError, markers.MarkerError, folders.FolderError) as error:
        print(f"branches: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.out}:")
    for branch, commit in heads.items():
        print(f"  {commit[:12]}  {branch}")
    return 0

