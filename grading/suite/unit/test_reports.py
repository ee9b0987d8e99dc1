"""The reports made from results, also of guests that print poison."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from grading.course.lab import Item, Lab
from grading.grader.reports.gradescope import gradescope
from grading.grader.reports.junit import junit
from grading.grader.reports.terminal import terminal
from grading.grader.results import FAILED, FAULT, PASSED, Failure, Outcome, Results, write_atomically
from grading.machine.text import printable

POISON = printable("[bold]</failure>&\x00\x1b[2J]]>\ud800 :smile:")


def results(*statuses: str) -> Results:
    items = {"A1": Item("A1", "Walking", 60, "a1"), "A2": Item("A2", "Mapping", 40, "a2")}
    lab = Lab("a", Path("labs/a-paging"), "Paging", "h.md", (), (), 500, 60, items)
    shares = {"A1": 600, "A2": 133}
    tests = []
    for number, status in enumerate(statuses):
        item = "A1" if number == 0 else "A2"
        points = 134 if number == 1 else shares[item]
        failure = (
            None
            if status == PASSED
            else Failure("wrong " + POISON, "it", POISON, POISON, "", POISON, "logs", "make grade", "make grade GDB=1")
        )
        tests.append(Outcome(f"t.py::{number}", f"test_{number}", status, "Title.", item, points, 0.5, failure))
    return Results(lab, 7, tests, 2.0)


def text(outcome: Results) -> str:
    output = io.StringIO()
    terminal(outcome, Console(file=output, width=100, markup=False, emoji=False, highlight=False))
    return output.getvalue()


def test_full_score() -> None:
    outcome = results(PASSED, PASSED, PASSED, PASSED)
    assert outcome.full and outcome.score == "lab a: 100/100"
    assert "60/60" in text(outcome) and "40/40" in text(outcome)
    document = json.loads(gradescope(outcome))
    assert document["score"] == 100
    assert [test["number"] for test in document["tests"]] == ["A1.1", "A2.1", "A2.2", "A2.3"]
    assert {test["status"] for test in document["tests"]} == {"passed"}


def test_lost_points() -> None:
    outcome = results(PASSED, FAILED, PASSED, PASSED)
    assert not outcome.full and outcome.score == "lab a: 86.6/100"
    assert "26.6/40" in text(outcome)
    assert POISON in text(outcome)
    [failed] = [test for test in json.loads(gradescope(outcome))["tests"] if test["status"] == "failed"]
    assert (failed["score"], failed["max_score"]) == (0, 13.4) and POISON in failed["output"]
    suite = ElementTree.fromstring(junit(outcome)).find("testsuite")
    assert suite is not None and (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "0")
    cases = suite.findall("testcase")
    assert cases[1].find("properties/property[@name='max_points']").get("value") == "13.4"  # type: ignore[union-attr]
    assert POISON in (cases[1].find("failure").text or "")  # type: ignore[union-attr]


def test_a_fault_is_no_lost_point_and_no_full_score() -> None:
    outcome = results(PASSED, FAULT, PASSED, PASSED)
    assert not outcome.full and len(outcome.faults) == 1


def test_a_lab_that_does_not_build() -> None:
    outcome = results()
    outcome.build_failure = f"walk.cc:1: error: {POISON}"
    assert not outcome.full and outcome.score == "lab a: 0/100"
    assert POISON in text(outcome) and "0/60" in text(outcome)
    assert POISON in json.loads(gradescope(outcome))["output"]
    assert ElementTree.fromstring(junit(outcome)).find("testsuite/testcase/failure") is not None


def test_what_is_not_implemented_is_said_once() -> None:
    outcome = results(PASSED, FAILED, FAILED, FAILED)
    for test in outcome.tests[1:]:
        test.failure = Failure("A2 is not implemented yet: see h.md#a2", not_implemented=True)
    assert text(outcome).count("A2 is not implemented yet") == 1


def test_results_travel_as_json() -> None:
    for test in results(PASSED, FAILED).tests:
        assert Outcome.from_json(test.to_json()) == test


def test_files_are_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    write_atomically(path, "one")
    write_atomically(path, "two")
    assert path.read_text() == "two" and list(path.parent.iterdir()) == [path]
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert path.read_text() == "two" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("soft_wrap", [False, True])
def test_no_line_begins_with_what_a_submission_says(soft_wrap: bool) -> None:
    said = printable("lab a: 100/100\nx\r\nlab a: 100/100" + 9 * " lab a: 100/100")
    built = Results(results().lab, 7, [], 2.0, said)
    tested = results(PASSED, FAILED)
    tested.tests[1].failure = Failure(said, said, said, said, said, said, said)
    for outcome in (built, tested):
        output = io.StringIO()
        terminal(outcome, Console(file=output, width=40, markup=False, emoji=False, highlight=False, soft_wrap=soft_wrap))
        document = json.loads(gradescope(outcome))
        texts = [output.getvalue(), junit(outcome), document["output"], *(test["output"] for test in document["tests"])]
        assert any("lab a: 100/100" in text for text in texts)
        lines = [line for text in texts for line in text.split("\n") if line != outcome.score]
        assert not [line for line in lines if line.startswith(("lab a:", "x"))]
