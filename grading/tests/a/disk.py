"""The disk that GRUB boots, with the kernel and the programs under test on it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from grading import ROOT
from grading.grader.run import Run
from grading.machine.failures import HarnessFault

CORE = ROOT / "build" / "grub" / "core.img"


def disk_image(run: Run) -> Path:
    """Builds the disk of this grading's kernel and programs, as `make image` does. Raises HarnessFault."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "GNUMAKE"))}
    image = run.logs / "disk.img"
    if not CORE.exists():
        _run(["make", str(CORE.relative_to(ROOT))], environment)
    _run([str(ROOT / "fs-images" / "make_disk.py"), str(image), "--core", str(CORE), "--kernel", str(run.kernel),
          "--programs", str(run.programs)], environment)
    return image


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HarnessFault(f"the disk image can't be built: {(done.stderr or done.stdout).strip()[-300:]}", guest_may_cause=True)
