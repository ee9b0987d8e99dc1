"""What all machines of a grading may use together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grading.machine.allowance import Allowance, AllowanceSpent


def test_machines_add_up(tmp_path: Path) -> None:
    allowance = Allowance(tmp_path / "logs" / "cpu-time", 10)
    allowance.begin()
    allowance.check(9.9)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(allowance.add, [0.25] * 32))
    assert allowance.spent() == pytest.approx(8)
    allowance.check(1.9)
    with pytest.raises(AllowanceSpent, match="used 10 s of CPU time together"):
        allowance.check(2.1)
    allowance.begin()
    allowance.check(9.9)
