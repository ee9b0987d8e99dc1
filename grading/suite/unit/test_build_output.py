"""What make printed in a cell never makes a failed build the host's fault."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from grading.grader import build
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
