"""Shared by the project's own tests: `make test` runs them, `make test-all` without sampling."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from grading import ROOT
from grading.suite.rubric_runs import run_make
from grading.suite.samples import LEFT_OUT

T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="leave nothing out")
    parser.addoption("--suite-seed", type=int, default=1, metavar="N",
                     help="which samples are drawn without --all, and the rubric's random choices")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sampled(count): without --all only so many of its cases are run of each lab's")
    config.addinivalue_line("markers", "rubric(item, weight): see grading.grader.rubric.item")
    config.addinivalue_line("markers", "stands_on(foundations): see grading.grader.foundations.stands_on")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Draws from what is marked `sampled`. What was asked for by name is run."""
    by_name = config.getoption("keyword") or any("::" in str(argument) for argument in config.args)
    if config.getoption("--all") or by_name:
        return
    groups: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("sampled"):
            groups.setdefault((item.originalname, item.callspec.params["letter"]), []).append(item)  # type: ignore[attr-defined]
    left_out: set[pytest.Item] = set()
    for (name, letter), group in groups.items():
        count = min(group[0].get_closest_marker("sampled").args[0], len(group))  # type: ignore[union-attr]
        drawn = random.Random(f"{config.getoption('--suite-seed')} {name} {letter}").sample(group, count)
        left_out |= set(group) - set(drawn)
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says at the end what was left out."""
    seed = config.getoption("--suite-seed")
    if config.getoption("--all"):
        terminalreporter.write_line(f"Nothing was left out. The rubric's seed: {seed} (SEED={seed})")
    else:
        terminalreporter.write_line(f"{LEFT_OUT} The seed: {seed} (SEED={seed}). make test-all: everything")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's top folder."""
    return ROOT


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """The suite's seed."""
    return int(pytestconfig.getoption("--suite-seed"))


@pytest.fixture
def rng(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """Random choices, which differ from test to test."""
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture
def sample(pytestconfig: pytest.Config, seed: int, request: pytest.FixtureRequest
           ) -> Callable[[Sequence[T], int], list[T]]:
    """sample(values, count): `count` of the values, in order; all of them with --all."""
    def draw(values: Sequence[T], count: int) -> list[T]:
        if pytestconfig.getoption("--all") or count >= len(values):
            return list(values)
        chosen = random.Random(f"{seed} {request.node.name}").sample(range(len(values)), count)
        return [values[i] for i in sorted(chosen)]
    return draw


@pytest.fixture(scope="session")
def built(root: Path) -> Path:
    """build/a, with kernel, programs and disk images made; the tests of one run make them once."""
    run_make(root, "image", "LAB=a", "UEFI=1")
    return root / "build" / "a"


@pytest.fixture(scope="session")
def complete(root: Path) -> Path:
    """build/all: the kernel with every lab in."""
    run_make(root, "image")
    return root / "build" / "all"


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Writes a small made-up tree: tree({"kernel/lib/a.h": "text"}) -> its top folder."""
    def write(files: dict[str, str]) -> Path:
        top = tmp_path / "tree"
        for path, text in files.items():
            file = top / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return top
    return write


@pytest.fixture
def strict_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short limits on silence, so that tests of hangs are quick."""
    monkeypatch.setattr("grading.machine.progress.hangs", 0)
    monkeypatch.setattr("grading.machine.progress.SILENT_CPU_S", 1.0)
    monkeypatch.setattr("grading.machine.progress.HEARTBEATS", 20)
