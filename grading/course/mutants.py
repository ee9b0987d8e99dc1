"""Known-wrong solutions of a lab: `python3 grading mutants a` lists them, `a NAME` builds one.

A mutant is one small change to the reference: `grading/mutants/a.toml` says in which file which
text becomes which (in several places: `find` and `replace` are lists of equal length), and which of
the rubric's tests must notice (`kills`). The suite runs them (suite/test_mutants.py). Tests that no
mistake of a student's makes fail stand in the table `without_mutant`, with the reason. Mutants with
`visible = true` misbehave in a way that a user program can see; the students' own tests are scored by
how many of them they catch.

Students don't get the mutants: where the file is absent, the lists here are empty.

A mutant's kernel is built from the reference's objects with one of them replaced, so it costs one
compilation and a link. Results are kept in build/mutants/LAB/NAME until something changes; ccache, where
there is one, keeps what was compiled until something changes that goes into it.
"""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grading import ROOT

CCACHE_WORDS = {"CCACHE_SLOPPINESS": "pch_defines,time_macros"}  # without these it keeps nothing where a header is precompiled


class MutantError(Exception):
    """A mutant's description is wrong or it can't be built; the message is one line with the fix."""


@dataclass(frozen=True)
class Mutant:
    """One known-wrong solution."""

    name: str  # e.g. "wrong-level-index"
    item: str  # the item it breaks, e.g. "A1"
    description: str  # what is wrong, one sentence
    file: str  # relative to the repository, e.g. "labs/a-paging/page_table.cc"
    find: tuple[str, ...]  # each stands exactly once in `file`
    replace: tuple[str, ...]  # as many
    kills: tuple[str, ...]  # rubric tests of which at least one must fail
    visible: bool = False  # whether user programs can see it


def load_mutants(letter: str, root: Path = ROOT) -> list[Mutant]:
    """All mutants of a lab, in the file's order; [] without the file. Raises MutantError."""
    name = f"grading/mutants/{letter}.toml"
    mutants = [_read(table, name) for table in _load(root, name).get("mutant", [])]
    names = [mutant.name for mutant in mutants]
    for mutant in mutants:
        if names.count(mutant.name) > 1:
            raise MutantError(f"{name}: two mutants are called {mutant.name}; rename one")
    return mutants


def tests_without_mutant(letter: str, root: Path = ROOT) -> dict[str, str]:
    """Rubric tests that need no mutant, with the reason; {} in the students' tree. Raises MutantError."""
    return _load(root, f"grading/mutants/{letter}.toml").get("without_mutant", {})


def visible_mutants(letter: str, root: Path = ROOT) -> list[Mutant]:
    """The mutants that user programs can see; [] in the students' tree. Raises MutantError."""
    return [mutant for mutant in load_mutants(letter, root) if mutant.visible]


def mutated_text(mutant: Mutant, root: Path = ROOT) -> str:
    """The reference file with the mutant's change. Raises MutantError if it doesn't apply."""
    try:
        text = (root / mutant.file).read_text()
    except OSError as error:
        raise MutantError(f"mutant {mutant.name}: {mutant.file}: {error.strerror}; correct `file` "
                          "in grading/mutants") from error
    for find, replace in zip(mutant.find, mutant.replace, strict=True):
        count = text.count(find)
        if count != 1:
            raise MutantError(f"mutant {mutant.name}: its `find` stands {count} times in {mutant.file}, not once: "
                              f"{find.strip().partition(chr(10))[0]}; adapt it to the reference's text")
        text = text.replace(find, replace)
    return text


def kernel(mutant: Mutant, letter: str, root: Path = ROOT) -> Path:
    """Builds the mutant's kernel and returns its path. The reference has been built (`make kernel`).

    May be called by several processes at once. Raises MutantError.
    """
    folder = root / "build" / "mutants" / letter / mutant.name
    text = mutated_text(mutant, root)
    flags, link = _stamp(root, letter, "flags"), _stamp(root, letter, "list")
    reference = root / "build" / letter / "kernel.elf"
    key = hashlib.sha256(repr((text, flags, link)).encode() + reference.read_bytes()).hexdigest()
    with _locked(folder):
        if not _is_current(folder, key):
            (folder / "key").unlink(missing_ok=True)
            _build(mutant, text, flags, link, folder, root, letter)
            (folder / "key").write_text(key)
    return folder / "kernel.elf"


def _is_current(folder: Path, key: str) -> bool:
    try:
        return (folder / "key").read_text() == key and (folder / "kernel.elf").exists()
    except OSError:
        return False


def _build(mutant: Mutant, text: str, flags: list[str], link: list[str], folder: Path, root: Path,
           letter: str) -> None:
    """Compiles the changed file and links it with the reference's other objects, twice, as the
    Makefile does for the symbol table."""
    source, changed = folder / Path(mutant.file).name, folder / "changed.o"
    source.write_text(text)
    original = f"build/{letter}/obj/{mutant.file}.o"
    if original not in link:
        raise MutantError(f"mutant {mutant.name}: {mutant.file} isn't part of the kernel; correct "
                          "`file` in grading/mutants")
    link = [str(changed) if word == original else word for word in link]

    def run(*command: str | Path, stdin: bytes = b"") -> bytes:
        done = subprocess.run(command, cwd=root, input=stdin, env={**os.environ, **CCACHE_WORDS}, capture_output=True, check=False)
        if done.returncode != 0:
            errors = done.stderr.decode(errors="replace").splitlines()
            first = next((line for line in errors if "error" in line), next(iter(errors), "no message"))
            raise MutantError(f"mutant {mutant.name} doesn't build, correct its `replace`: {first}")
        return done.stdout

    private_headers = (root / mutant.file).parent
    compiler, *words = flags
    ccache = [found] if (found := shutil.which("ccache")) else []
    precompiled = [f"-Ibuild/{letter}/obj/kernel", "-include", "lib/precompiled.h"]  # as in the Makefile
    run(*ccache, compiler, *precompiled, *words, "-iquote", private_headers, "-w", "-c", source, "-o", changed)
    run("ld", *link, "-o", folder / "first.elf")
    names = run("nm", "-n", "-C", folder / "first.elf")
    symbols = run("/usr/bin/python3", "kernel/debug/make_symbols.py", stdin=names)
    (folder / "symbols.S").write_bytes(symbols)
    run("gcc", "-c", folder / "symbols.S", "-o", folder / "symbols.o")
    run("ld", *link, folder / "symbols.o", "-o", folder / "kernel.elf")
    for rest in ("first.elf", "symbols.S", "symbols.o", "changed.o"):
        (folder / rest).unlink()


def _stamp(root: Path, letter: str, name: str) -> list[str]:
    """The words of the compiler's (flags) or linker's (list) command, as the Makefile noted them."""
    path = root / "build" / letter / "obj" / name
    try:
        return shlex.split(path.read_text())
    except OSError as error:
        raise MutantError(f"{path.relative_to(root)}: {error.strerror}; build the reference first: "
                          f"make kernel LAB={letter}") from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _load(root: Path, name: str) -> dict:
    path = root / name
    try:
        return tomllib.loads(path.read_text()) if path.exists() else {}
    except tomllib.TOMLDecodeError as error:
        raise MutantError(f"{name}: {error}") from error


def _read(table: dict, path: str) -> Mutant:
    name = table.get("name", "without a name")
    fields = {field.name: field for field in dataclasses.fields(Mutant)}
    unknown = set(table) - set(fields)
    required = {name for name, field in fields.items() if field.default is dataclasses.MISSING}
    missing = required - set(table)
    if unknown or missing:
        wrong = [f"no key `{key}`" for key in sorted(missing)]
        wrong += [f"unknown key `{key}`" for key in sorted(unknown)]
        raise MutantError(f"{path}: mutant {name}: {', '.join(wrong)}")
    if not table["kills"]:
        raise MutantError(f"{path}: mutant {name}: `kills` names no test; name one that must fail")
    find, replace = ((texts,) if isinstance(texts, str) else tuple(texts) for texts in (table["find"], table["replace"]))
    if not find or len(find) != len(replace):
        raise MutantError(f"{path}: mutant {name}: {len(find)} texts in `find` and {len(replace)} in `replace`; "
                          "give each its replacement")
    return Mutant(**{**table, "find": find, "replace": replace, "kills": tuple(table["kills"])})


def main() -> int:
    """Command line; exit status 0, or 1 with a one-line message."""
    parser = argparse.ArgumentParser(description="Lists or builds the known-wrong solutions of a lab.")
    parser.add_argument("lab", help="the lab's letter")
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants to build; none: list all")
    arguments = parser.parse_args()
    try:
        mutants = {mutant.name: mutant for mutant in load_mutants(arguments.lab)}
        for mutant in mutants.values() if not arguments.names else ():
            mark = "user" if mutant.visible else ""
            print(f"{mutant.item:4}{mark:5}{mutant.name:36}{mutant.description}", flush=True)
        for name in arguments.names:
            if name not in mutants:
                raise MutantError(f"lab {arguments.lab} has no mutant {name}; without a name "
                                  "the command lists them")
            print(kernel(mutants[name], arguments.lab))
    except MutantError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0

