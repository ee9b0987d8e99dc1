"""What tests stand on is tried once, and twice before it is believed to be broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grading.grader.foundations import Foundation, NotReached, forget, require
from grading.grader.run import Run
from grading.machine.failures import GuestSilent, HarnessFault, NotImplementedInLab


class Booted:
    """Machines that count how often they were booted and closed."""

    def __init__(self) -> None:
        self.booted = self.closed = 0

    def __call__(self, **_: Any) -> Any:
        self.booted += 1
        return self

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(lab="a", seed=1, build=tmp_path, programs=tmp_path, student_files=tmp_path, logs=tmp_path / "logs")


def failing(*errors: Exception | None) -> Foundation:
    left = list(errors)

    def probe(boot: Any) -> None:
        boot()
        if error := left.pop(0):
            raise error

    return Foundation("it works", probe)


def test_what_works_is_tried_once(run: Run) -> None:
    boot, foundation = Booted(), failing(None)
    for _ in range(3):
        require((foundation,), run, boot)
    assert boot.booted == boot.closed == 1


def test_what_fails_once_is_tried_again(run: Run) -> None:
    boot = Booted()
    require((failing(GuestSilent("it hung"), None),), run, boot)
    assert boot.booted == boot.closed == 2


def test_what_is_broken_is_tried_twice_in_all(run: Run) -> None:
    boot, foundation = Booted(), failing(GuestSilent("it hung"), GuestSilent("it hung"))
    for _ in range(3):
        with pytest.raises(NotReached, match="not reached, for it must hold that it works: it hung"):
            require((foundation,), run, boot)
    assert boot.booted == boot.closed == 2
    forget(run)
    require((failing(None),), run, boot)


def test_what_is_not_written_is_told_as_such(run: Run) -> None:
    foundation = failing(NotImplementedInLab("A2"))
    for _ in range(2):
        with pytest.raises(NotImplementedInLab, match="A2"):
            require((foundation,), run, Booted())


def test_the_hosts_faults_are_not_kept(run: Run) -> None:
    foundation = failing(HarnessFault("no memory"), None)
    with pytest.raises(HarnessFault):
        require((foundation,), run, Booted())
    require((foundation,), run, Booted())
