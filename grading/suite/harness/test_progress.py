"""What a grading says while it runs: a line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import signal

import pexpect
import pytest

from grading.suite.harness.conftest import Course

HIDDEN_CURSOR = "\x1b[?25l"
ERASED_LINE = "\x1b[2K"


def on_a_terminal(course: Course, *arguments: str) -> pexpect.spawn:
    environment = {**os.environ, "TERM": "xterm"}
    return pexpect.spawn(str(course.root / "grading" / "grade"), ["a", *arguments], env=environment, encoding="utf-8",
                         timeout=120, dimensions=(40, 200))


def test_a_line_on_a_terminal_is_gone_at_the_end(course: Course) -> None:
    grader = on_a_terminal(course)
    grader.expect(r"lab a: testing \(\d of 6\)")
    grader.expect_exact("lab a: 100/100")
    assert ERASED_LINE in grader.before and "\x1b[1" in grader.before  # the table has bold words
    grader.expect(pexpect.EOF)
    assert grader.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_grading_leaves_the_cursor(course: Course, number: signal.Signals) -> None:
    (course.root / "labs" / "a-paging" / "walk.cc").write_text("// ASK spin\n")
    grader = on_a_terminal(course, "-k", "test_asked")
    grader.expect("lab a: testing")
    said = grader.before + grader.after
    os.kill(grader.pid, number)
    grader.expect(pexpect.EOF)
    assert HIDDEN_CURSOR not in said + grader.before


def test_plain_lines_elsewhere(course: Course) -> None:
    done = course.grade(FORCE_COLOR="1", TERM="xterm")
    assert done.stderr == "lab a: building …\nlab a: testing …\n"
    assert "\x1b" not in done.stdout
