"""`make gdb`: becomes a GDB attached to the machine that `make qemu-gdb` started.

usage: python3 grading gdb [STAGE] [-- GDB's ARGUMENTS…]

Each stage has one socket, build/STAGE/gdb.sock, whose QEMU holds the lock build/STAGE/gdb.lock
(qemu_command.py). Without a STAGE the one that runs is taken.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path

from grading import ROOT
from grading.machine.qemu_command import words_for_make

POLL_S = 0.05
HINT = "break kernel_main + continue: stop where the kernel begins; cairn help: Cairn's commands"


class AttachError(Exception):
    """There is nothing to attach to; the text is one line with the remedy."""


def main() -> int:
    """Replaces itself with GDB; returns only on errors, with status 2."""
    words = sys.argv[1:]
    os.chdir(ROOT)  # .gdbinit and the source files are found from here, and the socket's path stays short
    split = words.index("--") if "--" in words else len(words)
    try:
        stage = running_stage(*words[:split])
        command = command_line(stage, words[split + 1 :])
    except AttachError as error:
        print(f"gdb: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 2
    os.execvp(command[0], command)


def command_line(stage: str, further: list[str]) -> list[str]:
    """GDB's command line. Waits for a machine that is about to start. Raises AttachError."""
    folder = Path("build") / stage
    socket, kernel = folder / "gdb.sock", folder / "kernel.elf"
    await_socket(stage, socket)
    claim(folder / "gdb.client", socket)
    if not kernel.exists():
        raise AttachError(f"{kernel} is missing: make kernel{words_for_make(stage)}")
    if kernel.stat().st_mtime > socket.stat().st_mtime:
        print(f"gdb: {kernel} is newer than the machine that runs: leave that one (Ctrl-A x) and start it again", file=sys.stderr)
    return [*gdb_on(kernel), "-ex", f"target remote {socket}", "-ex", f"echo {HINT}\\n", *further]


def gdb_on(kernel: Path) -> list[str]:
    """GDB with Cairn's commands, to be run in the top folder. Nothing is loaded that needs a safe path."""
    return ["gdb", "-q", "-nx", "-iex", "set auto-load off", "-x", ".gdbinit", str(kernel)]


def running_stage(wanted: str = "") -> str:
    """The stage whose machine runs; `wanted` may also be the one with DEBUG=1. Raises AttachError."""
    stages = sorted(path.parent.name for path in Path("build").glob("*/gdb.lock") if is_locked(path))
    stages = [stage for stage in stages if wanted in ("", stage, stage.removesuffix("-debug"))]
    if wanted in stages:
        return wanted
    if not stages:
        words = words_for_make(wanted or "a")
        raise AttachError(f"no machine to attach to: run `make qemu-gdb{words}` in another terminal first")
    if len(stages) > 1:
        choices = " or ".join(f"`python3 grading gdb {stage}`" for stage in stages)
        raise AttachError(f"several machines run: say which with {choices}")
    return stages[0]


def await_socket(stage: str, socket: Path) -> None:
    """Waits while the stage's lock is held and its socket isn't there yet. Raises AttachError."""
    told = False
    while is_locked(socket.with_name("gdb.lock")):
        if socket.exists():
            return
        if not told:
            print(f"waiting for {socket} …", flush=True)
            told = True
        time.sleep(POLL_S)
    raise AttachError(f"the machine has ended: run `make qemu-gdb{words_for_make(stage)}` in another terminal first")


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file."""
    try:
        with open(path) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def claim(path: Path, socket: Path) -> None:
    """Keeps other GDBs from the socket until the GDB we become ends. Raises AttachError."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AttachError(f"another GDB is attached to {socket}: leave it first") from None
    os.set_inheritable(lock, True)
