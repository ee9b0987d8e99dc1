r"""Writes two bare Git repositories: `make branches`.

`students.git`, which students clone, has a branch for each lab, its starter: `lab-a`. `solutions.git`, which
the course keeps, has the same commits and for each lab its solution: `lab-a-solution`. No object of the first
comes from a solution, whatever branch or history it is reached by. Every move of a student is a plain merge:

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
STUDENTS, SOLUTIONS = "students.git", "solutions.git"
FIRST_DATE = 1767225600  # seconds since 1970: 2026-01-01 00:00 UTC; an hour is added per commit
ENVIRONMENT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def build(folder: Path, root: Path = ROOT) -> dict[str, str]:
    """Writes both repositories, each whole or not at all; returns the commit ids of all branches.

    Raises LabError, starter.StarterError, markers.MarkerError or folders.FolderError.
    """
    labs = all_labs(root)
    if not labs:
        raise starter.StarterError("no lab in labs/; a lab needs labs/LETTER-NAME/lab.toml")
    targets = [folder / name for name in (STUDENTS, SOLUTIONS)]
    for target in targets:
        if target.exists() and not (target / "HEAD").exists():
            raise starter.StarterError(f"{target}: holds something that isn't a bare repository; "
                                       "remove it or choose another --out")
    heads: dict[str, str] = {}
    for target, solutions in zip(targets, (False, True), strict=True):
        stream = _history(root, labs, solutions)
        with folders.replaced(target) as fresh:
            _git(fresh, "init", "--quiet", "--bare", f"--initial-branch=lab-{labs[0].letter}")
            _git(fresh, "fast-import", "--quiet", "--done", stdin=stream)
            (fresh / "description").write_text(f"Cairn: {'the solutions' if solutions else 'for students'}\n")
            listed = _git(fresh, "for-each-ref", "--format=%(refname:short) %(objectname)")
        heads = dict(line.split() for line in listed.decode().splitlines())
    return heads


def _history(root: Path, labs: list[Lab], solutions: bool) -> bytes:
    """The branches of all labs as a stream for git fast-import; the solutions' only if asked for."""
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
            if solutions or not solved:
                stream += _commit(branch, parents, FIRST_DATE + 3600 * commits,
                                  f"lab {lab.letter}: {lab.title}, {what}",
                                  starter.manifest(lab.letter, root, solved=solved))
            commits += 1  # also without solutions, so that the starters' commits are the same
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
    parser = argparse.ArgumentParser(description="Writes the students' Git repository and the solutions' (bare).")
    parser.add_argument("--out", type=Path, default=ROOT / "build",
                        help=f"the folder that {STUDENTS} and {SOLUTIONS} go to (build)")
    arguments = parser.parse_args()
    try:
        heads = build(arguments.out)
    except (LabError, starter.StarterError, markers.MarkerError, folders.FolderError) as error:
        print(f"branches: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.out / STUDENTS}, for students; {arguments.out / SOLUTIONS}, to be kept private:")
    for branch, commit in heads.items():
        print(f"  {commit[:12]}  {branch}")
    return 0

