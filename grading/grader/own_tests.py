"""The student's own tests, labs/<lab>/tests/: run on a correct kernel, and on kernels with a known mistake.

A test is to judge by what the kernel does, so nothing else tells it which kernel it meets: each run has a
freshly booted machine to itself, with no disk and nothing of another run in its memory, is the first process
there, and begins at the same date. In which order tests run is drawn.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import random
from collections.abc import Callable, Iterator
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
DATE = ("-rtc", "base=2024-02-29T12:00:00,clock=vm")  # for QEMU: the time of day at each boot
Boot = Callable[..., Machine]


@dataclass(frozen=True)
class Verdict:
    """How one run of one test ended."""

    test: str
    ending: str  # "exited status=0", "killed signal=11", or how the machine ended
    survived: bool = True  # by the machine

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


def run_alone(boot: Boot, kernel: Path, name: str) -> Verdict:
    """Runs one test on a machine of its own. Raises GuestFailure if that doesn't boot."""
    with contextlib.closing(boot(kernel=kernel, extra_arguments=DATE)) as machine:
        try:
            line = machine.channel.command(f"run {name}").lines[-1]
        except GuestFailure as failure:
            return Verdict(name, f"ended with the kernel: {failure}", survived=False)
    return Verdict(name, line.partition(" ")[2])


def shuffled(run: Run, names: list[str], what: str) -> list[str]:
    """The names in an order that the run's seed and `what` decide."""
    return random.Random(f"{run.seed} {what}").sample(names, len(names))


def correct_kernel(run: Run) -> Path:
    """The reference's kernel; in a student's tree, which has none, the student's own."""
    reference = ROOT / "build" / run.lab / "kernel.elf"
    return reference if reference.exists() and mutants.load_mutants(run.lab) else run.kernel


def correct_in_words(run: Run) -> str:
    """What that kernel is to the student."""
    return "your own kernel" if correct_kernel(run) == run.kernel else "a correct kernel"


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


def catch(run: Run, boot: Boot, mutant: mutants.Mutant) -> bool:
    """Whether one of the tests fails on a kernel with a known mistake."""
    names = shuffled(run, written_tests(run, boot), mutant.name)
    return not all(verdict.passed for verdict in _run_on(run, boot, mutant, names))


def notice_anything(run: Run, boot: Boot) -> bool:
    """Whether the tests catch a mistake that a program which tests nothing survives. Runs once for all workers.

    Some mistakes stop any program: failing there is no merit.
    """
    def look() -> bool:
        return any(all(verdict.passed for verdict in _run_on(run, boot, mutant, [CONTROL] * RUNS)) and catch(run, boot, mutant)
                   for mutant in mutants.visible_mutants(run.lab))

    return bool(_once(run, "mutants", look))


def _on_correct_kernel(run: Run, boot: Boot) -> list[Verdict]:
    """RUNS runs of each test. Made once for all workers."""
    def run_all() -> list[list[str]]:
        kernel, names = correct_kernel(run), test_names(run)
        verdicts: list[Verdict] = []
        for name in shuffled(run, names * RUNS, "correct"):
            verdicts.append(run_alone(boot, kernel, name))
            if not verdicts[-1].survived:  # a hang takes its time, and one is enough
                break
        return sorted([verdict.test, verdict.ending] for verdict in verdicts)

    return [Verdict(test, ending) for test, ending in _once(run, "correct", run_all)]


def _run_on(run: Run, boot: Boot, mutant: mutants.Mutant, names: list[str]) -> Iterator[Verdict]:
    """The tests' verdicts, as they are asked for."""
    try:
        kernel = mutants.kernel(mutant, run.lab)
    except mutants.MutantError as error:
        raise HarnessFault(str(error)) from error
    for name in names:
        try:
            yield run_alone(boot, kernel, name)
        except GuestFailure as failure:
            raise HarnessFault(f"mutant {mutant.name} doesn't boot: {failure}", guest_may_cause=True) from failure


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
