"""What tests stand on: found out once in a grading, so that one mistake isn't waited for in every test.

Most tests begin alike: a process is started, say. Where that fails they all would, each after its wait for a
kernel that hangs. Tests declare such a beginning (`stands_on`), the first of them tries it on a machine of its own,
and if it fails twice the others end at once, not reached, with the reason. So a foundation is only what a test
does before anything else, and what a test loses by it the test would have lost.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from grading.grader.run import Run
from grading.judge.check import CheckFailed
from grading.machine.failures import GuestFailure, NotImplementedInLab
from grading.machine.machine import Machine

TRIES = 2
Boot = Callable[..., Machine]


@dataclass(frozen=True)
class Foundation:
    """`probe` does what the tests begin with; raises GuestFailure or CheckFailed if it doesn't work."""

    name: str  # as part of a sentence: "a process starts"
    probe: Callable[[Boot], object]


class NotReached(GuestFailure):
    """What the test stands on doesn't work."""


def stands_on(*foundations: Foundation) -> pytest.MarkDecorator:
    """For tests and, as `pytestmark`, modules: these must work, in this order. A test's own takes the place of its module's."""
    return pytest.mark.stands_on(foundations)


def require(foundations: tuple[Foundation, ...], run: Run, boot: Boot) -> None:
    """Raises NotReached, or NotImplementedInLab, if one of them doesn't work. Tried once for all workers."""
    for foundation in foundations:
        why = _why_not(foundation, run, boot)
        if why and why["item"]:
            raise NotImplementedInLab(why["item"])
        if why:
            raise NotReached(f"not reached, for it must hold that {foundation.name}: {why['reason']}")


def forget(run: Run) -> None:
    """What an earlier grading found."""
    for path in run.logs.glob("foundation-*.json"):
        path.unlink()


def _why_not(foundation: Foundation, run: Run, boot: Boot) -> dict[str, str] | None:
    run.logs.mkdir(parents=True, exist_ok=True)
    with open(run.logs / f"foundation-{foundation.name.replace(' ', '-')}.json", "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if not (text := file.read()):
            text = json.dumps(_try(foundation, boot))
            file.write(text)
        return json.loads(text)


def _try(foundation: Foundation, boot: Boot) -> dict[str, str] | None:
    why = None
    for _ in range(TRIES):
        machines: list[Machine] = []

        def boot_one(**arguments: object) -> Machine:
            machines.append(boot(**arguments))  # noqa: B023 - called within this turn
            return machines[-1]  # noqa: B023

        try:
            foundation.probe(boot_one)
            return None
        except NotImplementedInLab as error:
            return {"item": error.item, "reason": ""}
        except (GuestFailure, CheckFailed) as error:
            why = {"item": "", "reason": str(error)}
        finally:
            for machine in machines:
                machine.close()
    return why
