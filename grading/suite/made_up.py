"""A made-up course: small enough to reason about, with every kind of file a starter meets."""

from __future__ import annotations

LAB_A = """\
// LAB A1. Contract: memory/walk.h
int walk() {
  // BEGIN SOLUTION A1
  int secret_of_a = 1;
  return secret_of_a;
  // END SOLUTION
}
"""
LAB_B = """\
int open() {
  // BEGIN SOLUTION B1
  // STARTER: return -38;
  return secret_of_b();
  // END SOLUTION
}
"""
ANSWERS = """\
# The measured numbers.
# BEGIN SOLUTION A5
# STARTER: walk = 0
walk = 31415
# END SOLUTION
"""
LAB_TOML = """\
lab = "{letter}"
title = "{title}"
handout = "handouts/{letter}.md"
files = []
subsystems = []
line_limit = 500
cpu_s = 60
[items.{item}]
title = "{title}"
points = 100
anchor = "{letter}1"
"""


def course(labs: str = "ab") -> dict[str, str]:
    """Files of a made-up course with the given labs."""
    files = {
        "Makefile": "all:\n",
        "README.md": "the course's own\n",
        "CONTRIBUTING.md": "the course's own\n",
        ".ci/run": "make test\n",
        ".gdbinit": "source grading/gdb/cairn.py\n",
        "grading/course/student/README.md": "the students' own\n",
        "grading/grade": "#!/bin/sh\n",
        "grading/mutants/a.toml": "secret mutants\n",
        "grading/forgeries/a/liar/walk.cc": "secret forgery\n",
        "grading/alternatives/a/other/walk.cc": "secret alternative\n",
        "grading/suite/test_starter.py": "secret suite\n",
        "grading/tests/a/test_walk.py": "def test_walk(): ...\n",
        "kernel/memory/walk.h": "int walk();\n",
        "labs/a-paging/lab.toml": LAB_TOML.format(letter="a", title="Paging", item="A1"),
        "labs/a-paging/walk.cc": LAB_A,
        "labs/a-paging/answers.toml": ANSWERS,
    }
    if "b" in labs:
        files |= {
            "grading/tests/b/test_open.py": "def test_open(): ...\n",
            "labs/b-files/lab.toml": LAB_TOML.format(letter="b", title="Files", item="B1"),
            "labs/b-files/open.cc": LAB_B,
        }
    return files
