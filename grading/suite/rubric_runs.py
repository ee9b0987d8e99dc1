"""Runs make, rubric tests on kernels of the suite's choice, and whole gradings of submissions."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grading import ROOT
from grading.course import starter
from grading.course.lab import load_lab
from grading.grader.results import Outcome
from grading.grader.run import Run
from grading.grader.runner import PROPERTY, Collected, collect

PROGRAMS = ROOT / "build" / "user" / "programs.cpio"  # the archive of all programs, when they are built


@contextmanager
def one_at_a_time(tree: Path, what: str) -> Iterator[None]:
    """Keeps the other workers out while something is made in a tree's build folder."""
    (tree / "build").mkdir(exist_ok=True)
    with open(tree / "build" / f"suite-{what}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_make(tree: Path, *arguments: str) -> str:
    """Runs make in a tree, one at a time for all workers; what it printed. Fails the test if it fails."""
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    with one_at_a_time(tree, "make"):
        done = subprocess.run(["make", *arguments], cwd=tree, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, f"make {' '.join(arguments)} failed:\n{done.stdout[-4000:]}"
    return done.stdout


def node_of(letter: str, test: str) -> str:
    """pytest's name for a rubric test, given its function's name."""
    for path in sorted((ROOT / "grading" / "tests" / letter).glob("test_*.py")):
        if re.search(rf"^def {test}\(", path.read_text(), re.MULTILINE):
            return f"{path.relative_to(ROOT)}::{test}"
    raise LookupError(f"lab {letter} has no test {test}; correct `kills` in grading/mutants")


def run_tests(letter: str, kernel: Path, tests: Sequence[str], logs: Path, seed: int, *,
              stop_at_first: bool) -> list[Outcome]:
    """Results of the tests that ran; with `stop_at_first`, none after the first that fails."""
    run = Run(lab=letter, seed=seed, build=kernel.parent, logs=logs,
              programs=PROGRAMS, student_files=load_lab(letter).folder)
    nodes = [node_of(letter, test) for test in tests]
    if any("grub" in node for node in nodes):
        make_disk(kernel)
    logs.mkdir(parents=True, exist_ok=True)
    report = logs / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "grading.grader.plugin", "-p", "no:cacheprovider", "-q",
               "-c", os.devnull, "--rootdir", str(ROOT), "--import-mode=importlib",
               f"--junitxml={report}", "--cairn-run", run.to_json(), *(["-x"] if stop_at_first else []),
               *nodes]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    report.unlink(missing_ok=True)
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
    assert report.exists(), f"pytest failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    values = [entry.get("value", "") for entry in ET.parse(report).iter("property")
              if entry.get("name") == PROPERTY]
    results = {result.node: result for result in map(Outcome.from_json, values)}
    return list(results.values())


def make_disk(kernel: Path) -> None:
    """A disk image beside the kernel, for tests that boot through GRUB."""
    stripped = kernel.with_name("stripped.elf")
    subprocess.run(["objcopy", "--strip-all", kernel, stripped], check=True)
    build = ROOT / "build"
    subprocess.run([ROOT / "fs-images" / "make_disk.py", kernel.with_name("disk.img"),
                    "--core", build / "grub" / "core.img", "--kernel", stripped,
                    "--programs", PROGRAMS], check=True)


@dataclass
class Graded:
    """How one `grading/grade` ended."""

    status: int  # exit status
    output: str  # standard output and error
    last_line: str  # of standard output
    results: dict  # results.json; {} if none was written

    @property
    def lost(self) -> list[str]:
        """Names of the tests that lost points."""
        return [test["name"] for test in self.results.get("tests", [])
                if test["score"] < test["max_score"]]


@functools.cache
def rubric(letter: str) -> list[Collected]:
    """The lab's tests. Raises HarnessFault."""
    return collect(load_lab(letter), "")


def only(tests: Iterable[Collected]) -> tuple[str, str]:
    """Arguments of grade(): these tests and no others."""
    return "-k", "|".join(f"^{re.escape(test.name)}$" for test in tests)


def grade(letter: str, out: Path, *arguments: str | Path, root: Path = ROOT) -> Graded:
    """Runs `grading/grade` in a tree."""
    command = [root / "grading" / "grade", letter, "--out", out, *map(str, arguments)]
    done = subprocess.run(command, cwd=root, text=True, capture_output=True, check=False)
    results = out / "results.json"
    return Graded(done.returncode, done.stdout + done.stderr, (done.stdout.splitlines() or [""])[-1],
                  json.loads(results.read_text()) if results.exists() else {})


def submission(letter: str, folder: Path, changed: Path | None, *, solved: bool) -> Path:
    """Writes a student's tree: the starter's or the solution's files, those in `changed` replaced; earlier
    labs are solved."""
    lab = load_lab(letter)
    prefix = f"labs/{lab.folder.name}/"
    own, solution = starter.manifest(letter, solved=solved), starter.manifest(letter, solved=True)
    for path in own:
        if path.startswith("labs/"):
            _write(folder / path, (own if path.startswith(prefix) else solution)[path].data)
    for file in sorted(changed.rglob("*")) if changed else []:
        if file.is_file() and file.name != "README.md":
            _write(folder / prefix / file.relative_to(changed), file.read_bytes())
    return folder


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
