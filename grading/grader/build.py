"""Builds the kernel and the programs under test with make, in this tree or in a cell.

What make prints goes to build.log beside the other logs. A build can fail for three reasons: the
lab's own files are wrong (BuildFailed: costs all points), or the tree or the host is
(HarnessFault). In a cell only the last can be told by building something else there.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from grading.machine.failures import HarnessFault
from grading.machine.sandbox import Cell, launch, tool
from grading.machine.text import printable

BACKSTOP_S = 1800  # a build that takes longer is stuck; never a verdict
HEAD, TAIL = 6000, 2000  # characters kept of a failed build's output
LAB_ERROR = re.compile(
    r"^labs/[^:\n]+:\d+(:\d+)?: (fatal )?error:|^/?[^\n]*labs/[^\n]*: (undefined reference|multiple definition)", re.M
)
LINK_ERROR = re.compile(r": (undefined reference to|multiple definition of) ")


class BuildFailed(Exception):
    """The lab's files don't compile or link; the text is what the compiler said.

    certain: it names them. Otherwise the submission or the host may be to blame, and what the compiler and the
    linker said in a cell proves neither: a submission can make them say anything.
    """

    def __init__(self, text: str, certain: bool = True) -> None:
        super().__init__(text)
        self.certain = certain


def folder_of(stage: str, references: Sequence[str] = ()) -> str:
    """The folder below build/ for a stage with some labs taken from reference objects, as the Makefile has it."""
    return stage + (f"-reference-{''.join(references)}" if references else "")


def targets(stage: str, references: Sequence[str] = ()) -> list[str]:
    """What a graded run needs."""
    return [f"build/{folder_of(stage, references)}/kernel.elf", "build/user/programs.cpio"]


def build(root: Path, stage: str, log: Path, cell: Cell | None = None, references: Sequence[str] = ()) -> None:
    """Runs make in `root`. Raises BuildFailed or HarnessFault."""
    command = [tool("make", "make"), *targets(stage, references), *([f"LAB={stage}"] if stage != "all" else [])]
    if references:
        command.append(f"REFERENCE={','.join(references)}")
    environment = None if cell else _own_environment()
    if cell:
        command.append("CCACHE=")  # a cell has none, and may not reach ours
        # Seen at this tree's own path, or said to be there, so that the objects' flags, which name it, stay the same.
        command.append(f"CURDIR={cell.inside}")
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as output:
        process = launch(command, cell, stdout=output, stderr=output, cwd=root, environment=environment)
        try:
            status = process.popen.wait(BACKSTOP_S)
        except subprocess.TimeoutExpired:
            text = f"the build took longer than {BACKSTOP_S} s"
            raise BuildFailed(text, certain=False) if cell else HarnessFault(f"{text}; its output is in {log}") from None
        finally:
            process.kill()
    if status != 0:
        _raise_failure(log, trusted=cell is None)


def _own_environment() -> dict[str, str]:
    """Ours without what a make above us passes on: its jobs and variables are its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "GNUMAKE"))}


def _raise_failure(log: Path, trusted: bool) -> None:
    with open(log, "rb") as file:
        head = file.read(HEAD + TAIL)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(len(head), size - TAIL))
        tail = file.read()
    text = printable(head.decode(errors="replace")).strip()
    if tail:
        text += "\n[…]\n" + printable(tail.decode(errors="replace"))
    text = shorten(text)
    if LAB_ERROR.search(text) or LINK_ERROR.search(text):
        raise BuildFailed(text)
    if trusted:
        raise HarnessFault(f"the kernel could not be built (see {log}): {last_error(text.split(chr(10)))}")
    raise BuildFailed(text, certain=False)


def shorten(text: str) -> str:
    """Without make's lines on what it does, so that the compiler's remain."""
    lines = [line for line in text.split("\n") if not re.match(r"  [A-Z+]{2,8} +\S+$", line)]
    return "\n".join(lines).strip()


def last_error(lines: Sequence[str]) -> str:
    """The line that says most: the last with `error` or `***` in it, or the last at all."""
    telling = [line for line in lines if "rror" in line or "***" in line]
    return (telling or [line for line in lines if line.strip()] or ["without a word"])[-1].strip()
