"""What one grading is made of: the build under test and how to run it.

The command `grading/grade` fills in a Run; it travels to the pytest workers as JSON.
"""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from grading.machine.allowance import Allowance


@dataclass(frozen=True)
class Run:
    """One grading. Paths are absolute, but for the socket's, which is relative to the root."""

    lab: str
    seed: int
    build: Path  # build/STAGE of the tree under test: kernel.elf, disk.img
    programs: Path  # programs.cpio of the tree under test
    student_files: Path  # the lab's folder with the files under test
    logs: Path
    boxed: bool = False  # run QEMU in a bubblewrap cell
    choice: str = ""  # the -k argument
    submission: Path | None = None  # the --submission argument
    references: tuple[str, ...] = ()  # the --reference arguments
    gdb_socket: Path | None = None
    cpu_limit_s: float = math.inf  # for all machines together
    sandbox: str = "cell"  # the --sandbox argument

    @property
    def kernel(self) -> Path:
        return self.build / "kernel.elf"

    @property
    def disk(self) -> Path:
        return self.build / "disk.img"

    @property
    def allowance(self) -> Allowance:
        return Allowance(self.logs / "cpu-time", self.cpu_limit_s)

    @property
    def esp(self) -> Path:
        return self.build.parent / "esp.img"

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Run:
        values = json.loads(text)
        for entry in fields(cls):
            if "Path" in str(entry.type) and values[entry.name] is not None:
                values[entry.name] = Path(values[entry.name])
        values["references"] = tuple(values["references"])
        return cls(**values)

    def reproduce(self, test: str) -> str:
        """The command that runs one test again with the same random choices."""
        words = [f"LAB={self.lab}", f"K={test}", f"SEED={self.seed}"]
        if self.references:
            words.append(f"REFERENCE={','.join(self.references)}")
        if self.submission:
            words.append(f"SUBMISSION={self.submission}")
        return "make grade " + " ".join(shlex.quote(word) for word in words)
