"""Turns what ended a test into words: expected, seen, the last serial lines, how to repeat it."""

from __future__ import annotations

import errno
import os
import re
import traceback
from collections.abc import Sequence
from pathlib import Path

import pytest

from grading import ROOT
from grading.course.lab import Lab
from grading.grader.foundations import NotReached
from grading.grader.results import Failure
from grading.grader.run import Run
from grading.judge.check import CheckFailed
from grading.machine.failures import GuestFailure, HarnessFault, NotImplementedInLab
from grading.machine.machine import Machine
from grading.machine.text import printable

CONSOLE_LINES = 12
SEEN_LIMIT = 2000  # characters
NONSENSE = (errno.EINVAL, errno.EFBIG, errno.EOVERFLOW, errno.ENAMETOOLONG)  # what the host says to a guest's numbers


def host_is_to_blame(error: BaseException, second_try: bool) -> bool:
    """Whether a test ended for reasons that are not the kernel's. What a guest may bring about is the host's fault once."""
    if isinstance(error, HarnessFault):
        return not (error.guest_may_cause and second_try)
    if isinstance(error, MemoryError) or isinstance(error, OSError) and error.errno in NONSENSE:
        return not second_try
    return isinstance(error, OSError) or not isinstance(error, Exception)


def explain(error: BaseException, item: pytest.Item, run: Run, lab: Lab, machines: Sequence[Machine]) -> Failure:
    """The Failure that the reports show."""
    marker = item.get_closest_marker("rubric")
    own_item = marker.kwargs["item"] if marker else ""
    failure = _explain_error(error, own_item, run, lab)
    failure.expected, failure.seen = failure.expected[:SEEN_LIMIT], failure.seen[:SEEN_LIMIT]
    failure.handout = lab.section(own_item) if own_item in lab.items else ""
    failure.reproduce = run.reproduce(item.name)
    failure.debug = "" if run.submission else f"{failure.reproduce} GDB=1"
    if machines:
        machine = machines[-1]
        failure.console = machine.console.tail(CONSOLE_LINES) if hasattr(machine, "console") else ""
        failure.log = shown_path(machine.log_folder)
    return failure


def _explain_error(error: BaseException, own_item: str, run: Run, lab: Lab) -> Failure:
    if isinstance(error, NotImplementedInLab):
        summary = _not_implemented(error.item, run, lab)
        if own_item != error.item and _holes(own_item, run.student_files, lab):
            summary = f"{_not_implemented(own_item, run, lab)}; it needs {error.item}, too: {summary}"
        return Failure(summary=summary, not_implemented=True)
    if isinstance(error, CheckFailed):
        unwritten = f"{_not_implemented(own_item, run, lab)}; " if _holes(own_item, run.student_files, lab) else ""
        return Failure(
            summary=printable(f"{unwritten}wrong: {error.what}"),
            what=printable(error.what),
            expected=printable(error.expected),
            seen=printable(error.seen),
            hint=printable(error.hint),
        )
    if isinstance(error, NotReached):
        return Failure(summary=" ".join(printable(str(error)).split())[:SEEN_LIMIT], not_reached=True)
    if isinstance(error, (GuestFailure, HarnessFault)):
        first, _, rest = printable(str(error)).partition("\n")
        return Failure(summary=first[:SEEN_LIMIT], seen=rest)
    where = traceback.extract_tb(error.__traceback__)
    ours = next((frame for frame in reversed(where) if "grading/tests" in frame.filename), where[-1] if where else None)
    place = f" ({shown_path(Path(ours.filename))}:{ours.lineno})" if ours else ""
    text = printable(str(error)).strip() or "no reason given"
    if isinstance(error, AssertionError):
        return Failure(summary=text[:SEEN_LIMIT] + place)
    return Failure(summary=f"the test could not go on{place}: {type(error).__name__}: {text[:SEEN_LIMIT]}")


def _not_implemented(item_id: str, run: Run, lab: Lab) -> str:
    text = f"{item_id} is not implemented yet"
    if item_id in lab.items:
        text += f": see {lab.section(item_id)}"
    elif item_id[:1].lower() < lab.letter:
        text += f": finish it, or take lab {item_id[0].lower()} as objects with REFERENCE={item_id[0].lower()}"
    files = _files_of(item_id, run.student_files, lab)
    return text + (f" ({', '.join(files)})" if files else "")


def _holes(item_id: str, folder: Path, lab: Lab) -> list[str]:
    """The lab's files that say they don't implement the item."""
    return _files_with(rf'not_implemented\("{item_id}"\)', folder, lab)


def _files_of(item_id: str, folder: Path, lab: Lab) -> list[str]:
    """The lab's files that hold the item: those that say they don't implement it, or else that name it."""
    return _holes(item_id, folder, lab) or _files_with(rf"\b(LAB|ITEM|SOLUTION) {item_id}\b", folder, lab)


def _files_with(pattern: str, folder: Path, lab: Lab) -> list[str]:
    texts = {}
    for path in lab.student_files():
        try:
            texts[f"labs/{lab.folder.name}/{path}"] = (folder / path).read_text(errors="replace")
        except OSError:
            continue
    return [name for name, text in texts.items() if re.search(pattern, text)]


def shown_path(path: Path) -> str:
    """Relative to the root of the repository if it is below."""
    return os.path.relpath(path, ROOT) if path.is_relative_to(ROOT) else str(path)
