"""Takes a student's files out of a tree that isn't trusted, and builds them where they see nothing else.

From the submission come only the files that lab.toml lists, and only if they are plain files of a
sane size and name. They go into a private copy of this tree's sources that lacks everything a
build doesn't need: no solution, no mutants, no tests. Objects of the unchanged kernel are copied
too, so that only the lab's own files are compiled; the copies are the cell's alone.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import fnmatch
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from grading import ROOT
from grading.course.lab import GLOB_CHARACTERS, Lab, all_labs
from grading.grader.build import BuildFailed, build, folder_of, last_error
from grading.machine.failures import HarnessFault
from grading.machine.sandbox import Cell, Limits, keeps_paths, new_uid, temporary_folder

try:
    from grading.course import markers
except ImportError:  # a student's tree has no starters to fall back on
    markers = None  # type: ignore[assignment]

SIZE_LIMIT = 1 << 20  # bytes a file
FILES_LIMIT = 32
FOLDER_LIMIT = 10_000  # entries looked at in a folder
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
LIMITS = Limits(memory_mib=1536, processes=256, file_mib=128, cpu_s=60)
PREFIX = "cairn-submission-"
NEW_PREFIX = ".cairn-submission-"  # until it is locked
SHARED = (
    *("Makefile", "kernel", "user", "grading/tools.sh", "grading/tools.txt"),
    *("grading/__init__.py", "grading/__main__.py"),
    *(f"grading/course/{name}.py" for name in ("__init__", "lab", "folders", "reference")),
)
OBJECTS = ("build/{stage}/obj/kernel", "build/{stage}/obj/flags", "build/user/start", "build/user/flags")
HALF_WRITTEN = ("*.part", "*.part.*")  # names of the Makefile's that another make takes away at any moment


class Refused(Exception):
    """The submission can't be taken; the text is one line that names the file and what is wrong with it."""


def fingerprint(files: Mapping[str, bytes]) -> str:
    """A hash of a lab's files and their names: the same for the same submission, whatever else is in its tree."""
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


def take_files(folder: Path, lab: Lab) -> tuple[dict[str, bytes], list[str]]:
    """The lab's files in a submission, by their names relative to the lab's folder, and the names of those that
    are missing. Raises Refused, also when all are.

    `folder` is a tree with labs/<lab>/ in it, perhaps one folder further down, or labs/ or the lab's folder itself.
    """
    try:
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Refused(f"{folder}: {error.strerror}: SUBMISSION must be a folder with a student's tree") from None
    try:
        inside = _find(top, lab)
        shown = "/".join((*inside, ""))
        found: dict[str, bytes] = {}
        missing: list[str] = []
        for name in _listed(top, inside, lab.files, shown):
            if len(found) == FILES_LIMIT:
                raise Refused(f"more than {FILES_LIMIT} files match what lab {lab.letter} takes: remove some")
            data = _read(top, (*inside, *name.split("/")), shown + name)
            if data is None:
                missing.append(name)
            else:
                found[name] = data
        if missing and not any(name in lab.files for name in found):
            raise Refused(f"none of lab {lab.letter}'s files is there ({', '.join(missing)}): "
                          f"SUBMISSION must be the folder that has labs/{lab.folder.name} in it")
        return found, missing
    finally:
        os.close(top)


def _find(top: int, lab: Lab) -> tuple[str, ...]:
    """Where the lab's folder is below the submission's. Raises Refused."""
    for inside in (("labs", lab.folder.name), (lab.folder.name,)):
        if _is_folder(top, inside):
            return inside
    if _exists(top, "labs") or any(_exists(top, name) for name in lab.files if not GLOB_CHARACTERS.search(name)):
        return ("labs", lab.folder.name) if _exists(top, "labs") else ()
    nested = [(name, "labs", lab.folder.name) for name in _names(top, (), "") if not name.startswith(".")]
    nested = [inside for inside in nested if _is_folder(top, inside)]
    if len(nested) > 1:
        raise Refused(f"several trees with labs/{lab.folder.name} in them ({', '.join(names[0] for names in nested)}): "
                      "SUBMISSION must be one of them")
    return nested[0] if nested else ()


def _is_folder(top: int, parts: tuple[str, ...]) -> bool:
    try:
        os.close(_open_folder(top, parts, ""))
        return True
    except (FileNotFoundError, Refused):
        return False


def _listed(top: int, inside: tuple[str, ...], patterns: tuple[str, ...], shown: str) -> Iterator[str]:
    for pattern in patterns:
        if not GLOB_CHARACTERS.search(pattern):
            yield pattern
            continue
        parent, _, last = pattern.rpartition("/")
        for name in _names(top, (*inside, *parent.split("/")) if parent else inside, shown + parent):
            if fnmatch.fnmatchcase(name, last):
                if not NAME.fullmatch(name):
                    raise Refused(f"{shown}{parent}/{name!r}: rename it; letters, digits and _ . + - are allowed")
                yield f"{parent}/{name}" if parent else name


def _names(top: int, parts: tuple[str, ...], shown: str) -> list[str]:
    """The names in a folder, sorted; [] when it doesn't exist."""
    try:
        folder = _open_folder(top, parts, shown)
    except FileNotFoundError:
        return []
    try:
        with os.scandir(folder) as entries:
            names = []
            for entry in entries:
                names.append(entry.name)
                if len(names) > FOLDER_LIMIT:
                    raise Refused(f"{shown}: more than {FOLDER_LIMIT} entries: remove what doesn't belong there")
            return sorted(names)
    finally:
        os.close(folder)


def _open_folder(top: int, parts: tuple[str, ...], shown: str) -> int:
    """Opens a folder below `top` without following a link anywhere on the way."""
    current = os.dup(top)
    for part in parts:
        try:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=current)
        except NotADirectoryError:
            raise Refused(f"{shown}: {part} is a link or a file: put a folder in its place") from None
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Refused(f"{shown}: {error.strerror}") from None
        finally:
            os.close(current)
        current = below
    return current


def _read(top: int, parts: tuple[str, ...], shown: str) -> bytes | None:
    """A file's content; None when there is none. Raises Refused."""
    try:
        folder = _open_folder(top, parts[:-1], shown)
        try:
            descriptor = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=folder)
        finally:
            os.close(folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        what = "is a link: put the file itself in its place" if error.errno == errno.ELOOP else error.strerror
        raise Refused(f"{shown} {what}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused(f"{shown} is not a regular file: put a regular file in its place")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    finally:
        os.close(descriptor)
    if len(data) > SIZE_LIMIT:
        raise Refused(f"{shown} is larger than {SIZE_LIMIT >> 10} KiB: make it smaller")
    return data


def _exists(top: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=top, follow_symlinks=False)
        return True
    except OSError:
        return False


class Overlay:
    """A private tree with a submission's files in place of the solution; removed when left.

    After build(), `folder` holds build/STAGE/kernel.elf and build/user/programs.cpio.
    """

    def __init__(self, submission: Path, lab: Lab, references: tuple[str, ...] = ()) -> None:
        """`references`: earlier labs that come as objects from this tree, not from the submission."""
        wanted = [other for other in all_labs() if other.letter <= lab.letter]
        self.warnings: list[str] = []  # what the grader had to make up for
        self._taken = [(other, self._take(submission, other)) for other in wanted if other.letter not in references]
        self.taken = self._taken[-1][1]  # the lab's files, by name
        self._references = [other for other in wanted if other.letter in references]
        self._lab = lab
        self._own = submission == ROOT
        self._user = new_uid() if os.geteuid() == 0 else None
        sweep()
        new = Path(tempfile.mkdtemp(prefix=NEW_PREFIX, dir=temporary_folder()))
        self._lock = os.open(new, os.O_RDONLY)  # held as long as this process lives
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.folder = new.rename(new.with_name(PREFIX + new.name.removeprefix(NEW_PREFIX))).resolve()

    def _take(self, submission: Path, lab: Lab) -> dict[str, bytes]:
        """A lab's files, with the starter's in place of missing ones: these cost their items and no others."""
        files, missing = take_files(submission, lab)
        if missing:
            names = ", ".join(f"labs/{lab.folder.name}/{name}" for name in missing)
            if markers is None:
                raise Refused(f"missing: {names}: the submission must have them")
            self.warnings.append(f"the submission lacks {names}: graded with the starter's in their place")
        for name in missing:
            files[name] = markers.starter_text((lab.folder / name).read_text(), name).encode()
        return files

    def __enter__(self) -> Overlay:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)

    def build(self, log: Path) -> None:
        """Raises BuildFailed or HarnessFault. This tree must have been built before."""
        letters = [lab.letter for lab in self._references]
        stage = folder_of(self._lab.letter, letters)
        try:
            self._fill(stage)
        except OSError as error:
            raise HarnessFault(f"can't copy the tree to {self.folder}: {error}") from None
        cell = Cell(LIMITS, folder=self.folder, inside=ROOT, writable="build", user=self._user)
        try:
            build(ROOT if keeps_paths() else self.folder, self._lab.letter, log, cell, letters)
        except BuildFailed as failure:
            if not failure.certain and not self._own:
                self._try_the_host(log, tuple(letters))
            raise
        for path in (self.folder / f"build/{stage}/kernel.elf", self.folder / "build/user/programs.cpio"):
            if path.resolve() != path or not path.is_file():
                raise BuildFailed(f"{path.name} is not a regular file")

    def _try_the_host(self, log: Path, references: tuple[str, ...]) -> None:
        """Builds this tree's own files as a submission: if they fail, too, the host is to blame. Raises HarnessFault."""
        with Overlay(ROOT, self._lab, references) as control:
            try:
                control.build(log.with_name(f"control-{log.name}"))
            except (BuildFailed, Refused) as failure:
                raise HarnessFault(f"a cell can't build this tree's own files either: {last_error(str(failure).splitlines())}") from None

    def _fill(self, stage: str) -> None:
        programs = [path.stem for path in ROOT.glob("user/*/*.c")]
        stamps = [str(path.relative_to(ROOT)) for path in ROOT.glob("build/tools-*")]
        objects = [name.format(stage=stage) for name in OBJECTS]
        objects += [
            str(path.relative_to(ROOT)) for program in programs for path in ROOT.glob(f"build/user/{program}.*")
        ]
        for name in (*SHARED, *stamps, *objects):
            _copy(ROOT / name, self.folder / name)
        for lab in all_labs():  # of later ones, too: they say which subsystems to leave out
            _copy(lab.folder / "lab.toml", self.folder / "labs" / lab.folder.name / "lab.toml")
        for lab in self._references:
            for place in (f"reference/{lab.letter}", f"build/reference/{lab.letter}"):
                _copy(ROOT / place, self.folder / place)
        for lab, files in self._taken:
            folder = self.folder / "labs" / lab.folder.name
            for name, data in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
        self._hand_over()

    def _hand_over(self) -> None:
        """Makes the tree readable to the user that the cell runs as, whatever our umask is, and build/ writable."""
        for path, _, files in os.walk(self.folder):
            os.chmod(path, 0o755)
            for name in files:
                file = os.path.join(path, name)
                os.chmod(file, 0o755 if os.stat(file).st_mode & 0o100 else 0o644)
        if self._user is not None:
            for path, _, files in os.walk(self.folder / "build"):
                for entry in (path, *(os.path.join(path, name) for name in files)):
                    os.chown(entry, self._user, self._user)


def _copy(source: Path, target: Path) -> None:
    """Copies a file or folder with its times; does nothing when there is none or it is half written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*HALF_WRITTEN))
    elif source.exists() and not any(source.match(pattern) for pattern in HALF_WRITTEN):
        shutil.copy2(source, target)


def sweep() -> None:
    """Removes the trees of graders that were killed: nobody holds a lock on them."""
    for path in Path(temporary_folder()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(folder)
