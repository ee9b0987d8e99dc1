"""Runs the programs of e2fsprogs so that the same input gives the same bytes.

A file system inside a disk image is named by its offset in bytes, `image?offset=N`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

EPOCH = 1704067200  # seconds since 1970 of every time stamp that nobody chose: 2024-01-01
SYSTEM_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # mke2fs is in /usr/sbin
REPAIRED = 1  # e2fsck's exit status: errors were corrected; larger ones mean that they weren't


class ToolError(Exception):
    """An image cannot be built; the text is one line that names the cause."""


def environment(now: int | None) -> dict[str, str]:
    """Fixes the time, unless it is None, and the order of names (mke2fs -d sorts by the locale)."""
    fixed = {name: str(now) for name in ("E2FSPROGS_FAKE_TIME", "E2FSCK_TIME", "SOURCE_DATE_EPOCH") if now is not None}
    return {"PATH": SYSTEM_PATH, "LC_ALL": "C", **fixed}


def run_tool(command: list[str], commands: bytes = b"", allowed: int = 0, now: int | None = EPOCH
             ) -> subprocess.CompletedProcess[bytes]:
    """Runs a tool with `commands` as its input and the time `now` (None: the host's). Raises ToolError for a status above `allowed`."""
    try:
        run = subprocess.run(command, env=environment(now), input=commands, capture_output=True, check=False)
    except FileNotFoundError as problem:
        raise ToolError(f"{command[0]} not found: install e2fsprogs") from problem
    if not 0 <= run.returncode <= allowed:
        raise ToolError(f"{command[0]} failed: {last_line(run.stderr) or last_line(run.stdout)}")
    return run


def last_line(output: bytes) -> str:
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def at(image: Path, offset: int) -> str:
    """How e2fsprogs name a file system at `offset` bytes in a file."""
    return f"{image}?offset={offset}" if offset else str(image)


def debugfs(image: Path, lines: list[str], offset: int = 0, now: int | None = EPOCH) -> bytes:
    """Runs debugfs's commands; returns what it printed. Raises ToolError when one of them failed.

    debugfs exits with 0 whatever happened, but complains only on standard error, after its banner.
    """
    command = ["debugfs", "-w", "-f", "-", at(image, offset)]
    run = run_tool(command, "\n".join(lines).encode() + b"\n", now=now)
    # Its banner, and the words that `write` and `mknod` say when all is well.
    complaints = [line for line in run.stderr.splitlines()[1:] if line and not line.startswith(b"Allocated inode")]
    if complaints:
        raise ToolError(f"debugfs failed: {complaints[0].decode(errors='replace')}")
    return run.stdout


def quoted(name: str) -> str:
    """A name or path as debugfs reads one argument."""
    return '"' + name.replace('"', '""') + '"'
