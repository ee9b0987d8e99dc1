"""Runs the rubric's tests through pytest, on all cores, and gathers their results."""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from grading import ROOT
from grading.course.lab import Lab
from grading.grader.foundations import forget
from grading.grader.progress_line import ProgressLine
from grading.grader.results import FAULT, Failure, Outcome, in_rubric_order
from grading.grader.rubric import share_out_items
from grading.grader.run import Run
from grading.grader.selection import choose
from grading.machine.failures import HarnessFault

PROPERTY = "cairn"  # of a test's report; holds a Outcome as JSON


@dataclass(frozen=True)
class Collected:
    """A test of the rubric and its points, in tenths."""

    node: str
    name: str
    item: str
    points: int


def collect(lab: Lab, choice: str) -> list[Collected]:
    """The chosen tests. Raises LabError when there are none, HarnessFault when the rubric is broken."""
    seen = _Collection()
    with contextlib.redirect_stdout(io.StringIO()) as output:
        status = pytest.main([*_common(lab), "--collect-only", str(_folder(lab))], plugins=[seen])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise HarnessFault(f"the rubric of lab {lab.letter} can't be loaded: {_last_error(output.getvalue())}")
    tests = [(item, weight) for _, _, item, weight in seen.found]
    unknown = sorted({item for item, _ in tests} - set(lab.items))
    without = [item for item in lab.items if item not in {name for name, _ in tests}]
    if unknown or without:
        wrong = f"no tests for {', '.join(without)}" if without else f"unknown items {', '.join(unknown)}"
        raise HarnessFault(f"the rubric of lab {lab.letter}: {wrong}")
    shares = share_out_items({item.id: item.points for item in lab.items.values()}, tests)
    collected = [
        Collected(node, name, item, share) for (node, name, item, _), share in zip(seen.found, shares, strict=True)
    ]
    chosen = choose(choice, lab, [(test.name, test.item) for test in collected])
    return [test for i, test in enumerate(collected) if i in chosen]


def run(run: Run, lab: Lab, tests: list[Collected], jobs: int, progress: ProgressLine) -> list[Outcome]:
    """Runs the tests; every one has a result. Raises HarnessFault or KeyboardInterrupt."""
    gathered = _Gathering(len(tests), progress)
    jobs = min(jobs, len(tests))
    arguments = [*_common(lab), "--cairn-run", run.to_json(), "-n", str(jobs if jobs > 1 else 0)]
    if run.gdb_socket:
        arguments.append("-s")
    run.logs.mkdir(parents=True, exist_ok=True)
    forget(run)
    run.allowance.begin()
    with open(run.logs / "pytest.log", "w") as log, contextlib.redirect_stdout(log):
        status = pytest.main([*arguments, *(test.node for test in tests)], plugins=[gathered])
    if status == pytest.ExitCode.INTERRUPTED and gathered.interrupted:
        raise KeyboardInterrupt
    results = {result.node: result for result in gathered.results}
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not results:
        raise HarnessFault(f"pytest failed with status {int(status)}: see {run.logs / 'pytest.log'}")
    complete = [_finished(results.get(test.node), test) for test in tests]
    return in_rubric_order(lab, complete)


def _finished(result: Outcome | None, test: Collected) -> Outcome:
    if result is None:  # the worker died, or pytest itself failed
        result = Outcome(test.node, test.name, FAULT, failure=Failure("the test's process ended without a result"))
    result.item, result.points = test.item, test.points
    return result


def _folder(lab: Lab) -> Path:
    return ROOT / "grading" / "tests" / lab.letter


def _common(lab: Lab) -> list[str]:
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # whatever else is installed stays out
    os.environ.pop("PYTEST_ADDOPTS", None)
    return [
        *("-p", "grading.grader.plugin", "-p", "xdist.plugin", "-p", "no:cacheprovider", "-p", "no:junitxml", "-q"),
        *("-c", os.devnull, "--rootdir", str(ROOT), "--import-mode=importlib", "--tb=short"),
    ]


class _Collection:
    """A pytest plugin that notes the tests found."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, str, int]] = []  # node, name, item, weight

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for test in session.items:
            marker = test.get_closest_marker("rubric")
            item, weight = (
                (marker.kwargs["item"], marker.kwargs["weight"])
                if marker
                else (f"nothing ({test.name} has no @item)", 1)
            )
            self.found.append((test.nodeid, test.name, item, weight))


class _Gathering:
    """A pytest plugin that takes in results as the workers send them."""

    def __init__(self, total: int, progress: ProgressLine) -> None:
        self.results: list[Outcome] = []
        self.interrupted = False
        self._total = total
        self._progress = progress
        progress.show("testing", 0, total)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY:
                self.results.append(Outcome.from_json(str(value)))
                self._progress.show("testing", len(self.results), self._total)

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        self.interrupted = True
        kill_children()  # or pytest waits for each worker to finish its test


def kill_children() -> None:
    """Kills the processes that this one started; theirs go with them."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            child.kill()


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.split("\n") if line.strip()]
    errors = [line for line in lines if line.startswith("E ")]
    return (errors or lines or ["no reason given"])[-1].removeprefix("E").strip()
