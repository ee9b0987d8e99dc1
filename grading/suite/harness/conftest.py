"""A made-up guest and course for testing the harness itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from grading import ROOT

HERE = Path(__file__).resolve().parent
LAB_TOML = """\
lab = "a"
title = "Made up"
handout = "handouts/a.md"
files = ["walk.cc", "tests/isolation_*.c"]
subsystems = []
line_limit = 500
cpu_s = 60
[items.A1]
title = "Echoing"
points = 60
anchor = "a1"
[items.A2]
title = "Asking"
points = 40
anchor = "a2"
"""


@dataclass
class Course:
    """A tree with the real harness and the made-up guest as its kernel."""

    root: Path

    @property
    def out(self) -> Path:
        return self.root / "build" / "grade" / "a"

    def grade(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.root / "grading" / "grade", "a", *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def submission(self, text: str = "") -> Path:
        """A student's tree whose walk.cc is `text`."""
        folder = self.root.parent / "submission"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "labs" / "a-paging" / "tests").mkdir(parents=True)
        (folder / "labs" / "a-paging" / "walk.cc").write_text(text)
        return folder


@pytest.fixture
def course(tmp_path: Path) -> Course:
    root = tmp_path / "course"
    hidden = shutil.ignore_patterns("__pycache__", "tests", "suite", "mutants", "forgeries", "alternatives")
    shutil.copytree(ROOT / "grading", root / "grading", ignore=hidden)
    for name, place in (
        ("rubric.py", "grading/tests/a/test_rubric.py"),
        ("guest.c", "kernel/guest.c"),
        ("start.S", "kernel/start.S"),
        ("Makefile", "Makefile"),
    ):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "guest" / name, root / place)
    lab = root / "labs" / "a-paging"
    lab.mkdir(parents=True)
    (lab / "lab.toml").write_text(LAB_TOML)
    (lab / "walk.cc").write_text("// the solution: secret_of_a\n")
    (root / "user").mkdir()
    return Course(root)


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up guest's ELF."""
    folder = tmp_path_factory.mktemp("guest")
    (folder / "kernel").symlink_to(HERE / "guest")
    subprocess.run(
        ["make", "-C", folder, "-f", HERE / "guest" / "Makefile", "build/a/kernel.elf"], check=True, capture_output=True
    )
    return folder / "build" / "a" / "kernel.elf"
