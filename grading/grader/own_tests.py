"""The student's own tests, labs/<lab>/tests/: run on a correct kernel, and on kernels with a known mistake."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grading import ROOT
from grading.course import mutants
from grading.course.lab import load_lab
from grading.grader.run import Run
from grading.machine.failures import GuestFailure, HarnessFault, NotImplementedInLab
from grading.machine.machine import Machine

RUNS = 3  # on the correct kernel, so that a test that guesses is found out
NOT_IMPLEMENTED = 2  # what a starter's tests exit with
CONTROL = "hello"  # a program that tests nothing
Boot = Callable[..., Machine]


@dataclass(frozen=True)
class Verdict:
    """How one run of one test ended."""

    test: str
    ending: str  # "exited status=0", "killed signal=11", or how the machine ended

    @property
    def passed(self) -> bool:
        return self.ending == "exited status=0"

    @property
    def not_written(self) -> bool:
        return self.ending == f"exited status={NOT_IMPLEMENTED}"

    def __str__(self) -> str:
        return f"{self.test} {self.ending}"


def test_names(run: Run) -> list[str]:
    """The student's tests, as programs are named."""
    files = load_lab(run.lab).student_files(run.student_files.parent)
    return sorted(path.stem for path in files if path.parts[0] == "tests")


def run_tests(machine: Machine, names: list[str], times: int) -> list[Verdict]:
    """Runs each test `times` times; a kernel that fails ends the list with how it did."""
    verdicts: list[Verdict] = []
    for name in names * times:
        try:
            line = machine.channel.command(f"run {name}").lines[-1]
        except GuestFailure as failure:
            return [*verdicts, Verdict(name, f"ended with the kernel: {failure}")]
        verdicts.append(Verdict(name, line.partition(" ")[2]))
    return verdicts


def correct_kernel(run: Run) -> Path:
    """The reference's kernel; in a student's tree, which has none, the student's own."""
    reference = ROOT / "build" / run.lab / "kernel.elf"
    return reference if reference.exists() and mutants.load_mutants(run.lab) else run.kernel


def complaints(run: Run, boot: Boot, item: str) -> list[str]:
    """What is wrong with the tests on a correct kernel; [] if nothing. Tests that say they aren't written don't count.

    Raises NotImplementedInLab for the item when none is written.
    """
    names = test_names(run)
    if not names:
        return [f"there is no test in labs/{load_lab(run.lab).folder.name}/tests"]
    if not written_tests(run, boot):
        raise NotImplementedInLab(item)
    return [str(verdict) for verdict in _on_correct_kernel(run, boot) if not (verdict.passed or verdict.not_written)]


def written_tests(run: Run, boot: Boot) -> list[str]:
    """The tests but for those that say on a correct kernel that they aren't written."""
    stubs = {verdict.test for verdict in _on_correct_kernel(run, boot) if verdict.not_written}
    return [name for name in test_names(run) if name not in stubs]


def catchers(run: Run, boot: Boot, mutant: mutants.Mutant) -> list[str]:
    """The tests that fail on a kernel with a known mistake."""
    return [str(verdict) for verdict in _run_on(run, boot, mutant, written_tests(run, boot)) if not verdict.passed]


def notice_anything(run: Run, boot: Boot) -> bool:
    """Whether the tests catch a mistake that a program which tests nothing survives. Runs once for all workers.

    Some mistakes stop any program: failing there is no merit.
    """
    def look() -> bool:
        return any(all(verdict.passed for verdict in _run_on(run, boot, mutant, [CONTROL] * RUNS)) and catchers(run, boot, mutant)
                   for mutant in mutants.visible_mutants(run.lab))

    return bool(_once(run, "mutants", look))


def _on_correct_kernel(run: Run, boot: Boot) -> list[Verdict]:
    """RUNS runs of each test. Made once for all workers."""
    def run_all() -> list[list[str]]:
        return [[verdict.test, verdict.ending] for verdict in run_tests(boot(kernel=correct_kernel(run)), test_names(run), RUNS)]

    return [Verdict(test, ending) for test, ending in _once(run, "correct", run_all)]


def _run_on(run: Run, boot: Boot, mutant: mutants.Mutant, names: list[str]) -> list[Verdict]:
    try:
        kernel = mutants.kernel(mutant, run.lab)
    except mutants.MutantError as error:
        raise HarnessFault(str(error)) from error
    try:
        machine = boot(kernel=kernel)
    except GuestFailure as failure:
        raise HarnessFault(f"mutant {mutant.name} doesn't boot: {failure}") from failure
    return run_tests(machine, names, 1)


def _once(run: Run, what: str, compute: Callable[[], Any]) -> Any:
    """The result of `compute`, which one of the workers runs in this grading; the others wait for it."""
    kernels = correct_kernel(run).read_bytes() + run.programs.read_bytes()
    key = hashlib.sha256(repr((run.seed, test_names(run))).encode() + kernels).hexdigest()
    run.logs.mkdir(parents=True, exist_ok=True)
    with open(run.logs / f"own-tests-{what}.json", "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        known = json.loads(file.read() or "{}")
        if known.get("key") != key:
            known = {"key": key, "result": compute()}
            file.truncate(0)
            file.write(json.dumps(known))
        return known["result"]
