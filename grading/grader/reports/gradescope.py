"""Gradescope's results.json (https://gradescope-autograders.readthedocs.io, "Autograder Specifications").

Students read it. So it names nothing of the host, which the terminal's report does, and what the grader
prints is not shown to them. Tests on hidden kernels are shown when the grades are published.
"""

from __future__ import annotations

import json

from grading.grader.reports.plain import failure_text
from grading.grader.results import PASSED, Results
from grading.grader.rubric import HIDDEN, TENTHS
from grading.machine.text import quoted


def gradescope(results: Results) -> str:
    """The file's text."""
    tests = []
    for item in results.lab.items.values():
        for number, test in enumerate(results.of_item(item), 1):
            tests.append(
                {
                    "score": test.earned / TENTHS,
                    "max_score": test.points / TENTHS,
                    "status": "passed" if test.status == PASSED else "failed",
                    "name": f"{test.item}: {test.name}",
                    "number": f"{test.item}.{number}",
                    "output": test.title if test.failure is None else failure_text(test.failure),
                    "output_format": "text",
                    "tags": [test.item],
                    "visibility": "after_published" if f"[{HIDDEN}" in test.name else "visible",
                }
            )
    document = {
        "score": results.earned() / TENTHS,
        "execution_time": round(results.seconds),
        "output": "\n\n".join(
            [
                quoted(results.build_failure) if results.build_failure else results.score,
                *(f"Warning: {text}" for text in results.warnings),
            ]
        ),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "leaderboard": [],
        "extra_data": {"lab": results.lab.letter, "seed": results.seed, "submission": results.fingerprint,
                       "possible": results.possible() / TENTHS},
    }
    return json.dumps(results.without_places(document), indent=2) + "\n"
