"""What is built, and that what make printed in a cell never makes a failed build the host's fault."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from grading.course.lab import load_lab
from grading.grader import build, command
from grading.machine.failures import HarnessFault

PHRASES = ("No space left on device", "Cannot allocate memory", "Read-only file system", "Permission denied", "Input/output error",
           "tools are missing", "make: *** [Makefile:1: x] Error 1", "labs/a-paging/tlb.cc:3:1: error: x", "ld: final link failed",
           "cc1plus: out of memory", "Killed", "\x00\x1b[31m", "\udcff", "  CC kernel/x.cc", "lab a: 100/100", "\n", "grade: ", "\u2028")


@pytest.mark.parametrize("number", range(40))
def test_any_words(number: int, seed: int, tmp_path: Path) -> None:
    rng = random.Random(f"{seed} {number}")
    words = [rng.choice(PHRASES) if rng.random() < 0.8 else rng.randbytes(20).decode("latin-1") for _ in range(rng.randrange(3000))]
    log = tmp_path / "build.log"
    log.write_bytes(rng.choice((" ", "\n")).join(words).encode(errors="surrogateescape"))
    with pytest.raises(build.BuildFailed) as failed:
        build._raise_failure(log, trusted=False)
    assert len(str(failed.value)) < 4 * (build.HEAD + 2 * build.TAIL)
    with pytest.raises((build.BuildFailed, HarnessFault)):
        build._raise_failure(log, trusted=True)


def test_kernels_with_mistakes_stand_on_all_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[tuple[str, ...]] = []
    monkeypatch.setattr(command, "build", lambda root, stage, log, references=(): built.append((stage, *references)))
    command.build_own_tree(load_lab("b"), ("a",), tmp_path / "build.log", trusted=True)
    assert built == [("b", "a"), ("b",)]
