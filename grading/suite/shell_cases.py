"""What busybox is compared on: the scripts of shell/*/*.toml, and one side's results of them."""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path

from grading.judge.ext2_images import Entry, Manifest, content_digest

FOLDER = Path(__file__).parent / "shell"
RUNNER = FOLDER / "run"
SAID = ("status", "out", "err")


@dataclass(frozen=True)
class Case:
    """A script. `subject` is the applet or the part of the shell that it is about."""

    name: str
    kind: str  # applets or scripts
    subject: str
    script: str


@dataclass(frozen=True)
class Results:
    """What the runner left in /said, by file name, and below /made, by path."""

    said: dict[str, bytes]
    files: Manifest

    @classmethod
    def found(cls, said: Path, files: Manifest) -> Results:
        """From a copy of /said."""
        return cls({path.name: path.read_bytes() for path in said.iterdir()}, files)

    def of(self, case: Case) -> tuple[dict[str, bytes | None], Manifest]:
        """One case's status and output, and its folder."""
        top = f"/made/{case.name}"
        inside = {path: entry for path, entry in self.files.items() if f"{path}/".startswith(f"{top}/")}
        return {kind: self.said.get(f"{case.name}.{kind}") for kind in SAID}, inside


def load() -> dict[str, Case]:
    """All cases by name, `subject-name`: a table of a TOML file is a subject, and its keys are the names of scripts."""
    cases = {}
    for path in sorted(FOLDER.glob("*/*.toml")):
        for subject, scripts in tomllib.loads(path.read_text()).items():
            for name, script in scripts.items():
                case = Case(f"{NAMES.get(subject, subject)}-{name}", path.parent.name, subject, f"{script}\n")
                assert case.name not in cases, f"{path}: two cases are called {case.name}"
                cases[case.name] = case
    return cases


NAMES = {"[": "bracket", "[[": "brackets"}  # of subjects whose own aren't fit for a file


def tree(top: Path, name: str) -> Manifest:
    """A folder of this machine and all in it, under that name, as ext2_judge.read_tree() has those of a disk."""
    manifest = {name: _entry(os.fsencode(top))}
    for folder, folders, files in os.walk(top):
        inside = name + folder.removeprefix(str(top))
        manifest |= {f"{inside}/{each}": _entry(os.fsencode(f"{folder}/{each}")) for each in (*folders, *files)}
    return manifest


def _entry(path: bytes) -> Entry:
    found = os.lstat(path)
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
             stat.S_IFSOCK: "socket", stat.S_IFCHR: "char", stat.S_IFBLK: "block"}
    kind = kinds[stat.S_IFMT(found.st_mode)]
    entry = Entry(kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_size, found.st_nlink, found.st_ino)
    if kind == "file":
        entry.digest = content_digest(found.st_size, [(0, Path(os.fsdecode(path)).read_bytes())])
    elif kind == "symlink":
        entry.target = os.fsdecode(os.readlink(path))
    elif kind in ("char", "block"):
        entry.device = os.major(found.st_rdev), os.minor(found.st_rdev)
    return entry
