"""Solution markers: what becomes a stub, and that no typing error leaks a solution."""

from __future__ import annotations

import pytest

from grading.course import markers

MAP = """\
Result<void> map(Page page) {
  // LAB A2
  // BEGIN SOLUTION A2
  secret();
  return {};
  // END SOLUTION
}
"""


def test_a_run_becomes_not_implemented() -> None:
    assert markers.starter_text(MAP, "x.cc") == """\
Result<void> map(Page page) {
  // LAB A2
  // A2: yours to write.
  return not_implemented("A2");
}
"""


def test_the_solution_loses_only_its_markers() -> None:
    assert markers.solved_text(MAP, "x.cc") == """\
Result<void> map(Page page) {
  // LAB A2
  secret();
  return {};
}
"""


def test_starter_lines_replace_the_run_and_keep_their_indentation() -> None:
    text = """\
int f() {
    // BEGIN SOLUTION A4
    // STARTER: while (true)
    // STARTER:   stop();
    secret();
    // END SOLUTION
}
"""
    assert markers.starter_text(text, "x.c") == "int f() {\n    // A4: yours to write.\n    while (true)\n      stop();\n}\n"
    assert markers.solved_text(text, "x.c") == "int f() {\n    secret();\n}\n"


def test_a_bare_starter_line_removes_the_run_and_one_blank_line() -> None:
    text = "a\n\n// BEGIN SOLUTION A1\n// STARTER:\nhelper\n// END SOLUTION\n\nb\n"
    assert markers.starter_text(text, "x.cc") == "a\n\nb\n"
    assert markers.solved_text(text, "x.cc") == "a\n\nhelper\n\nb\n"


def test_a_removed_run_at_the_end_leaves_one_final_newline() -> None:
    text = "a\n\n// BEGIN SOLUTION A1\n// STARTER:\nhelper\n// END SOLUTION\n"
    assert markers.starter_text(text, "x.cc") == "a\n"


def test_text_without_markers_is_untouched() -> None:
    text = "\n\nint a;\n\n\nint b;\n\n"
    assert markers.starter_text(text, "x.cc") == text
    assert markers.solved_text(text, "x.cc") == text


def test_items_that_are_done_keep_their_solution() -> None:
    text = MAP + MAP.replace("A2", "A3")
    assert markers.starter_text(text, "x.cc", done=["A2"]) == (
        markers.solved_text(MAP, "x.cc") + markers.starter_text(MAP.replace("A2", "A3"), "x.cc"))


def test_lines_are_counted_between_markers_only() -> None:
    assert markers.solution_line_count(MAP, "x.cc") == 2


@pytest.mark.parametrize("text", [
    "// BEGIN SOLUTION A1\nsecret\n",
    "secret\n// END SOLUTION\n",
    "// BEGIN SOLUTION A1\n// BEGIN SOLUTION A2\n// END SOLUTION\n// END SOLUTION\n",
    "//BEGIN SOLUTION A1\nsecret\n// END SOLUTION\n",
    "// BEGIN SOLUTION\nsecret\n// END SOLUTION\n",
    "// BEGIN SOLUTION A1: walk\nsecret\n// END SOLUTION\n",
    "// BEGIN  SOLUTION A1\nsecret\n// END SOLUTION\n",
    "// BEGIN SOLUTION A1\nsecret  // END SOLUTION\n",
    "# BEGIN SOLUTION A1\nsecret\n# END SOLUTION\n",
    "// STARTER: code\n",
])
def test_a_broken_marker_is_an_error_that_names_its_line(text: str) -> None:
    with pytest.raises(markers.MarkerError, match=r"^x\.cc:\d+: .*"):
        markers.starter_text(text, "x.cc")


def test_toml_runs_need_starter_lines() -> None:
    text = "# BEGIN SOLUTION A5\nanswer = 42\n# END SOLUTION\n"
    with pytest.raises(markers.MarkerError, match="needs STARTER lines"):
        markers.starter_text(text, "answers.toml")
    assert markers.solved_text(text, "answers.toml") == "answer = 42\n"
