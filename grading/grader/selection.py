"""What `-k` chooses: an item by its id, or tests by a part of their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from grading.course.lab import Lab, LabError


def choose(choice: str, lab: Lab, tests: Sequence[tuple[str, str]]) -> set[int]:
    """The indices of the chosen tests, given as (name, item). Raises LabError when there are none."""
    if not choice:
        return set(range(len(tests)))
    if choice.upper() in lab.items:
        return {i for i, (_, item_id) in enumerate(tests) if item_id == choice.upper()}
    exact = {i for i, (name, _) in enumerate(tests) if name == choice}
    if exact:
        return exact
    try:
        pattern = re.compile(choice)
    except re.error:
        pattern = re.compile(re.escape(choice))
    found = {i for i, (name, _) in enumerate(tests) if pattern.search(name)}
    if not found:
        items = ", ".join(lab.items)
        raise LabError(f"lab {lab.letter} has no item and no test called {choice!r}; its items are {items}")
    return found
