"""JUnit XML (xunit2), with item and points as properties of each test case."""

from __future__ import annotations

from collections.abc import Mapping

from junitparser import Error, Failure, JUnitXml, Properties, Property, TestCase, TestSuite

from grading.grader.reports.plain import failure_text
from grading.grader.results import FAILED, FAULT, Outcome, Results
from grading.grader.results import Failure as WhyFailed
from grading.grader.rubric import show_points


def junit(results: Results) -> str:
    """The file's text."""
    suite = TestSuite(f"cairn-lab-{results.lab.letter}")
    suite.append(_properties({"seed": str(results.seed), "score": results.score, "submission": results.fingerprint}))
    suite.add_testcases([_case(test, results.lab.letter) for test in results.tests or [_build(results)]])
    suite.time = round(results.seconds, 3)  # of the grading, whose tests ran side by side
    document = JUnitXml()
    document.add_testsuite(suite)
    return document.tostring().decode() + "\n"


def _case(test: Outcome, letter: str) -> TestCase:
    case = TestCase(test.name, classname=f"lab-{letter}.{test.item}", time=round(test.seconds, 3))
    points = {"item": test.item, "points": show_points(test.earned), "max_points": show_points(test.points)}
    case.append(_properties(points))
    if test.failure:
        result = (Error if test.status == FAULT else Failure)(test.failure.summary)
        result.text = failure_text(test.failure)
        case.append(result)
    return case


def _build(results: Results) -> Outcome:
    """A case that stands for the build, when it failed and no test was run."""
    failure = WhyFailed(summary=results.build_failure)
    return Outcome("build", "build", FAILED, item="build", points=results.possible(), failure=failure)


def _properties(values: Mapping[str, str]) -> Properties:
    properties = Properties()
    for name, value in values.items():
        properties.add_property(Property(name, value))
    return properties
