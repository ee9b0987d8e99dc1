"""JUnit XML (xunit2), with item and points as properties of each test case."""

from __future__ import annotations

from xml.etree import ElementTree

from grading.grader.reports.plain import failure_text
from grading.grader.results import FAILED, FAULT, Failure, Outcome, Results
from grading.grader.rubric import show_points


def junit(results: Results) -> str:
    """The file's text."""
    tests = results.tests or [_build(results)]
    failed = [test for test in tests if test.failure and test.status != FAULT]
    attributes = {
        "name": f"cairn-lab-{results.lab.letter}",
        "tests": str(len(tests)),
        "failures": str(len(failed)),
        "errors": str(len(results.faults)),
        "skipped": "0",
        "time": f"{results.seconds:.3f}",
    }
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", attributes)
    _properties(suite, {"seed": str(results.seed), "score": results.score})
    for test in tests:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"lab-{results.lab.letter}.{test.item}",
            name=test.name,
            time=f"{test.seconds:.3f}",
        )
        _properties(
            case, {"item": test.item, "points": show_points(test.earned), "max_points": show_points(test.points)}
        )
        if test.failure:
            kind = "error" if test.status == FAULT else "failure"
            element = ElementTree.SubElement(case, kind, message=test.failure.summary)
            element.text = failure_text(test.failure)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _build(results: Results) -> Outcome:
    """A case that stands for the build, when it failed and no test was run."""
    failure = Failure(summary=results.build_failure)
    return Outcome("build", "build", FAILED, item="build", points=results.possible(), failure=failure)


def _properties(element: ElementTree.Element, values: dict[str, str]) -> None:
    properties = ElementTree.SubElement(element, "properties")
    for name, value in values.items():
        ElementTree.SubElement(properties, "property", name=name, value=value)
