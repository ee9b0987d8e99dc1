"""Shared by the project's own tests: `make test` runs them all, `make test-all` unsampled."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's top folder."""
    return ROOT


@pytest.fixture
def tree(tmp_path: Path):
    """Writes a small made-up tree: tree({"kernel/lib/a.h": "text"}) -> its top folder."""
    def write(files: dict[str, str]) -> Path:
        top = tmp_path / "tree"
        for path, text in files.items():
            file = top / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return top
    return write
