"""The one result model: what every report is made from."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from grading.course.lab import Item, Lab
from grading.grader.rubric import show_points

PASSED, FAILED, FAULT = "passed", "failed", "fault"


@dataclass
class Failure:
    """Why a test failed, in parts; all text is safe to print."""

    summary: str  # one sentence
    what: str = ""
    expected: str = ""
    seen: str = ""
    hint: str = ""
    handout: str = ""  # where the handout describes the item
    console: str = ""  # the last serial lines
    log: str = ""  # the folder with the logs, relative to the root of the repository if it is below
    reproduce: str = ""  # the command that repeats it
    debug: str = ""  # the command that repeats it under GDB
    not_implemented: bool = False
    not_reached: bool = False  # something that it stands on doesn't work

    @property
    def brief(self) -> bool:
        """Whether the summary says it all, and much the same as those of other tests."""
        return self.not_implemented or self.not_reached


@dataclass
class Outcome:
    """One test. Points are tenths."""

    node: str  # pytest's name for it
    name: str
    status: str  # PASSED, FAILED or FAULT
    title: str = ""  # the first line of the test's docstring
    item: str = ""
    points: int = 0
    seconds: float = 0.0
    failure: Failure | None = None

    @property
    def earned(self) -> int:
        return self.points if self.status == PASSED else 0

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        values = json.loads(text)
        if values["failure"] is not None:
            values["failure"] = Failure(**values["failure"])
        return cls(**values)


@dataclass
class Results:
    """One grading's outcome."""

    lab: Lab
    seed: int
    tests: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    build_failure: str = ""  # why no test could be run: the compiler's text, or what is wrong with the submission
    choice: str = ""  # the -k argument: only these tests were run
    warnings: list[str] = field(default_factory=list)  # what those who read the points should know
    fingerprint: str = ""  # of the lab's files that were graded: which submission these points are for
    places: list[Path] = field(default_factory=list)  # folders of the host that students' reports don't name

    def without_places(self, value: Any) -> Any:
        """A report's values, strings and what holds them, with paths relative to those folders."""
        if isinstance(value, dict):
            return {key: self.without_places(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.without_places(each) for each in value]
        if isinstance(value, str):
            value = re.sub(r" '?SUBMISSION=('[^']*'|[^' ]\S*|[^']*')", "", value)  # students grade their own tree
            for place in sorted(map(str, self.places), key=len, reverse=True):
                value = value.replace(f"{place}/", "").replace(place, ".")
        return value

    def of_item(self, item: Item) -> list[Outcome]:
        return [test for test in self.tests if test.item == item.id]

    @property
    def items(self) -> list[Item]:
        """The items that have tests in this run, or, when the build failed, all."""
        return [item for item in self.lab.items.values() if self.build_failure or self.of_item(item)]

    def earned(self, item: Item | None = None) -> int:
        """Tenths."""
        return sum(test.earned for test in (self.of_item(item) if item else self.tests))

    def possible(self, item: Item | None = None) -> int:
        """Tenths."""
        if self.build_failure:
            return 10 * (item.points if item else self.lab.points)
        return sum(test.points for test in (self.of_item(item) if item else self.tests))

    @property
    def faults(self) -> list[Outcome]:
        return [test for test in self.tests if test.status == FAULT]

    @property
    def full(self) -> bool:
        return not self.faults and self.earned() == self.possible()

    @property
    def score(self) -> str:
        """`lab a: 100/100`."""
        return f"lab {self.lab.letter}: {show_points(self.earned())}/{show_points(self.possible())}"


def write_atomically(path: Path, text: str) -> None:
    """Replaces `path` in one step: a reader, or a kill half-way, sees the old text or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def in_rubric_order(lab: Lab, tests: Sequence[Outcome]) -> list[Outcome]:
    """Items in lab.toml's order; within an item the order given."""
    order = {item_id: i for i, item_id in enumerate(lab.items)}
    return sorted(tests, key=lambda test: order.get(test.item, len(order)))
