"""The pytest side of the harness: fixtures for rubric tests, points, seeds, and results.

`grading/grade` loads this with `-p grading.grader.plugin`. A test that fails for the harness's own
reasons (HarnessFault, or an error of the host's operating system) is run once more; only if it
fails so again is it reported as a fault, which ends the grading with status 2 and costs no points.
Every other failure costs the test's points.
"""

from __future__ import annotations

import ctypes
import os
import random
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from grading.course.lab import Lab, load_lab
from grading.grader.explain import explain, host_is_to_blame
from grading.grader.foundations import require
from grading.grader.results import FAILED, FAULT, PASSED, Outcome
from grading.grader.run import Run
from grading.grader.runner import PROPERTY
from grading.machine import sandbox
from grading.machine.machine import Machine

PR_SET_PDEATHSIG = 1
MEMORY_LIMIT = 2 << 30  # bytes of address space

_run = pytest.StashKey[Run]()
_lab = pytest.StashKey[Lab]()
_machines = pytest.StashKey[list[Machine]]()
_blamed_host = pytest.StashKey[bool]()
_second_try = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cairn-run", metavar="JSON", help="a grading.grader.run.Run; grading/grade passes it")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rubric(item, weight): the item a test belongs to; set by grading.grader.rubric.item")
    config.addinivalue_line("markers", "stands_on(foundations): what must work before the test; set by grading.grader.foundations.stands_on")
    text = config.getoption("--cairn-run")
    if text is not None:
        config.stash[_run] = run = Run.from_json(text)
        config.stash[_lab] = load_lab(run.lab)
        if run.boxed:  # what a submission makes a test keep is bounded, too; QEMU's cells have limits of their own
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, resource.getrlimit(resource.RLIMIT_AS)[1]))
        sandbox.use(run.sandbox)
    if hasattr(config, "workerinput"):  # an xdist worker must not outlive its grader, however that ends
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:
            os._exit(1)


# Running


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if _blamed_host in item.stash:
        del item.stash[_blamed_host]
        item.stash[_second_try] = True
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    _attach_result(item, reports)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    outcome: Any = yield
    report = outcome.get_result()
    if call.excinfo is None:
        return
    error = call.excinfo.value
    if host_is_to_blame(error, second_try=_second_try in item.stash):
        item.stash[_blamed_host] = True
    machines = item.stash[_machines] if _machines in item.stash else []
    report.cairn_failure = explain(error, item, item.config.stash[_run], item.config.stash[_lab], machines)


def _attach_result(item: pytest.Item, reports: list[pytest.TestReport]) -> None:
    """Puts the test's one result where it travels from worker to grader: into the last report."""
    failed = next((report for report in reports if report.failed or report.skipped), None)
    status = PASSED
    if failed is not None:
        status = FAULT if _blamed_host in item.stash else FAILED
    result = Outcome(
        node=item.nodeid,
        name=item.name,
        title=(getattr(getattr(item, "function", None), "__doc__", None) or "").strip().split("\n")[0],
        status=status,
        seconds=round(sum(report.duration for report in reports), 3),
        failure=getattr(failed, "cairn_failure", None),
    )
    for report in reports:
        if hasattr(report, "cairn_failure"):
            del report.cairn_failure  # not a plain value, so it can't travel
    reports[-1].user_properties = [(PROPERTY, result.to_json())]


# Fixtures


@pytest.fixture
def cairn_run(request: pytest.FixtureRequest) -> Run:
    """The build under test, the seed, the folder for logs."""
    return request.config.stash[_run]


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Lab:
    """The lab under test."""
    return request.config.stash[_lab]


@pytest.fixture
def rng(request: pytest.FixtureRequest, cairn_run: Run) -> random.Random:
    """Random choices: different in every run and test, repeatable with SEED=…"""
    return random.Random(f"{cairn_run.seed} {request.node.name}")


@pytest.fixture
def boot(request: pytest.FixtureRequest, cairn_run: Run) -> Iterator[Callable[..., Machine]]:
    """Boots machines: boot(memory_mib=64, boot="grub", …) as Machine's arguments; all end with the test."""
    machines: list[Machine] = []
    request.node.stash[_machines] = machines
    folder = cairn_run.logs / request.node.name.replace("/", "_")
    shutil.rmtree(folder, ignore_errors=True)

    def start(**arguments: Any) -> Machine:
        number = f"machine-{len(machines) + 1}" if machines else ""
        if arguments.get("boot", "pvh") == "pvh":
            arguments = {"kernel": cairn_run.kernel, "initrd": cairn_run.programs, **arguments}
        else:
            arguments = {
                "kernel": cairn_run.kernel,
                "disk": cairn_run.disk,
                "esp": cairn_run.esp if arguments["boot"] == "uefi" else None,
                **arguments,
            }
        machine = Machine(
            **{
                "sandbox": cairn_run.boxed,
                "log_folder": folder / number,
                "gdb_socket": cairn_run.gdb_socket,
                "allowance": cairn_run.allowance,
                **arguments,
            }
        )
        machines.append(machine)
        machine.start()
        return machine

    try:
        yield start
    finally:
        for machine in machines:
            machine.close()


@pytest.fixture(autouse=True)
def foundations(request: pytest.FixtureRequest, cairn_run: Run) -> None:
    """Ends a test at once whose foundations don't work; see foundations.py."""
    marker = request.node.get_closest_marker("stands_on")
    if marker and marker.args[0] and not cairn_run.gdb_socket:
        require(marker.args[0], cairn_run, request.getfixturevalue("boot"))


@pytest.fixture
def machine(boot: Callable[..., Machine]) -> Machine:
    """A machine freshly booted through PVH, its channel ready."""
    return boot()
