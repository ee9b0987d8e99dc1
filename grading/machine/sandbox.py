"""Processes that end with the grader, and, for what a submission brings, see almost nothing.

A cell is a bubblewrap sandbox: its own user, process, network and mount namespaces, the
system's programs read-only, a private /tmp and one folder, no /proc and
no devices that never end. When the grader runs
as root, each cell gets a user id of its own, since limits on processes don't bind root. Nothing
in a cell can outlive the grader: the kernel kills it when its parent dies, however that happens.

Some hosts refuse namespaces, such as plain containers. There use() chooses less: `user`, a user id of its own
and the limits, or `none`, the limits alone.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from grading.machine.failures import HarnessFault

WAIT_S = 60  # for a killed process to be gone
FIRST_UID, UIDS = 20000, 30000
SYSTEM_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
DEVICES = ("/dev/null", "/dev/urandom")  # no /dev/zero or terminals: reading them never ends
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8"}

# Both bubblewrap and setpriv ask the kernel to kill the command when its parent dies. Had the parent
# died already, that would come too late; so the command says when it has asked, and waits for an answer.
GATE = 'echo >&0 && read -r go && exec "$@" </dev/null'

KINDS = {  # what a cell is made of, and what those should know who read a grading's results
    "cell": "",
    "user": "graded without namespaces (--sandbox=user): the submission could reach the network, and read and fill what "
            "every user of the host can",
    "none": "graded without a sandbox (--sandbox=none): the submission could do whatever the grader can, change these "
            "results, too",
}

_kind = "cell"
_cells = itertools.count()


def use(kind: str) -> None:
    """Chooses one of KINDS for this process. Raises HarnessFault."""
    global _kind
    if kind == "user" and os.geteuid() != 0:
        raise HarnessFault("--sandbox=user gives submissions a user id of their own, which only root can: use --sandbox=none")
    _kind = kind


def keeps_paths() -> bool:
    """Whether a cell's folder is seen at another path inside, as Cell.inside says."""
    return _kind == "cell"


@dataclass(frozen=True)
class Limits:
    """Each process may use so much; `processes` counts those of the whole cell, threads included."""

    memory_mib: int
    processes: int
    file_mib: int
    cpu_s: int


@dataclass(frozen=True)
class Cell:
    """What a sandboxed command may see and use."""

    limits: Limits
    folder: Path | None = None  # seen inside, read-only
    inside: Path | None = None  # where; at the same path by default
    writable: str | None = None  # the part of `folder` that isn't read-only, such as "build"
    files: tuple[Path, ...] = ()  # copied in, at the same paths; only the grader needs to be able to read them
    user: int | None = None  # when the grader is root: the cell's user id; one of its own by default
    first_process: bool = False  # the command is process 1, so that its pid is known outside


class Process:
    """A started command. `pid` is the command's own, also inside a cell that has `first_process`."""

    def __init__(self, popen: subprocess.Popen[bytes], pid: int, boxed: bool) -> None:
        self.popen = popen
        self.pid = pid
        self.boxed = boxed

    def alive(self) -> bool:
        return self.popen.poll() is None

    def cpu_time(self) -> float:
        """Seconds of CPU time used so far, all threads; stays at the last value when it has ended."""
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(self.pid).cpu_times()
            self._cpu_time = times.user + times.system
        return self._cpu_time

    _cpu_time = 0.0

    def kill(self) -> None:
        """Kills the command and waits for its end; harmless when it has ended."""
        if self.popen.poll() is None:
            for kill, target in ((os.killpg, self.popen.pid), (os.kill, self.pid)):
                with contextlib.suppress(ProcessLookupError):
                    kill(target, signal.SIGKILL)
        self.popen.wait(WAIT_S)

    def wait(self) -> int:
        """Waits for the end; the exit status, or -N after signal N (in a cell: 128 + N)."""
        try:
            return self.popen.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise HarnessFault("a process closed its links but did not end") from None


def launch(
    command: Sequence[str],
    cell: Cell | None = None,
    *,
    pass_fds: Sequence[int] = (),
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Process:
    """Starts `command`, in a cell or bare, with nothing to read on its standard input.

    Must be called from a thread that lives on, since the command ends with it. Raises HarnessFault.
    """
    ours, theirs = socket.socketpair()
    options: dict[str, Any] = {"stdin": theirs, "stdout": stdout, "stderr": stderr, "start_new_session": True}
    gated = ["/bin/sh", "-c", GATE, "sh", *command]
    try:
        with ours, theirs:
            if cell is None or _kind != "cell":
                bound = [*_user_and_limits(cell), "--pdeathsig", "KILL", "--", *gated]
                environment = {**ENVIRONMENT, **(environment or {})} if cell else environment
                popen = subprocess.Popen(bound, pass_fds=pass_fds, cwd=cwd, env=environment, **options)
                process = Process(popen, popen.pid, boxed=False)
            else:
                process = _launch_in_cell(gated, cell, list(pass_fds), cwd, environment or {}, options)
            theirs.close()
            if ours.recv(1):  # nothing if it could not start; whoever waits for the process finds out
                ours.send(b"\n")
            return process
    except OSError as error:
        raise HarnessFault(f"can't start {Path(command[0]).name}: {error.strerror or error}") from None


def _launch_in_cell(
    command: Sequence[str],
    cell: Cell,
    pass_fds: list[int],
    cwd: Path | None,
    environment: Mapping[str, str],
    options: dict[str, Any],
) -> Process:
    with contextlib.ExitStack() as stack:
        info, info_write = (
            stack.enter_context(open(end, mode)) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True)
        )
        files = {stack.enter_context(open(path, "rb")).fileno(): path for path in cell.files}
        boxed = [
            *_limits(cell.limits),
            *_bubblewrap(cell, files, info_write.fileno(), cwd, environment),
            "--",
            *command,
        ]
        if os.geteuid() == 0:
            user = cell.user if cell.user is not None else new_uid()
            options |= {"user": user, "group": user, "extra_groups": []}
        popen = subprocess.Popen(
            boxed, pass_fds=[*pass_fds, info_write.fileno(), *files], cwd="/", env=ENVIRONMENT, **options
        )
        info_write.close()
        text = info.read()
    try:
        return Process(popen, int(json.loads(text)["child-pid"]), boxed=True)
    except (ValueError, KeyError):
        popen.kill()
        raise _no_cell(popen.communicate()[1]) from None


def _user_and_limits(cell: Cell | None) -> list[str]:
    """The beginning of a command outside of any namespace: setpriv, which takes more options."""
    command = [*(_limits(cell.limits) if cell else []), tool("setpriv", "util-linux")]
    if cell and _kind == "user":
        user = str(cell.user if cell.user is not None else new_uid())
        command += ["--no-new-privs", "--clear-groups", "--reuid", user, "--regid", user]
    return command


def _limits(limits: Limits) -> list[str]:
    return [
        tool("prlimit", "util-linux"),
        f"--as={limits.memory_mib << 20}",
        f"--nproc={limits.processes}",
        f"--fsize={limits.file_mib << 20}",
        f"--cpu={limits.cpu_s}",
        "--core=0",
        "--nofile=1024",
    ]


def _bubblewrap(
    cell: Cell, files: Mapping[int, Path], info: int, cwd: Path | None, environment: Mapping[str, str]
) -> list[str]:
    arguments = [tool("bwrap", "bubblewrap"), "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"]
    arguments += ["--info-fd", str(info), "--clearenv"]
    for name, value in {**ENVIRONMENT, **environment}.items():
        arguments += ["--setenv", name, value]
    arguments += ["--ro-bind", "/usr", "/usr", "--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]
    for folder in SYSTEM_LINKS:
        if os.path.islink(folder):
            arguments += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            arguments += ["--ro-bind", folder, folder]
    for device in DEVICES:
        arguments += ["--dev-bind", device, device]
    arguments += ["--size", str(cell.limits.file_mib << 20), "--tmpfs", "/tmp", "--symlink", "/tmp", "/var/tmp"]
    for descriptor, path in files.items():
        arguments += ["--ro-bind-data", str(descriptor), str(path)]
    if cell.folder:
        inside = cell.inside or cell.folder
        arguments += ["--ro-bind", str(cell.folder), str(inside)]
        if cell.writable:
            arguments += ["--bind", str(cell.folder / cell.writable), str(inside / cell.writable)]
    if cwd:
        arguments += ["--chdir", str(cwd)]
    return arguments + (["--as-pid-1"] if cell.first_process else [])


def new_uid() -> int:
    """A user id for one cell: no account's, and different from those of cells near it in time."""
    return FIRST_UID + (os.getpid() * 61 + next(_cells)) % UIDS


def tool(name: str, package: str) -> str:
    """The path of a program. Raises HarnessFault that names the package."""
    found = shutil.which(name)
    if found is None:
        raise HarnessFault(f"{name} is not installed: apt install {package}")
    return found


def temporary_folder() -> str:
    """Where a folder for a cell can stand: every user must be able to reach it."""
    for path in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        if all(os.stat(above).st_mode & 0o001 for above in (Path(path), *Path(path).parents)):
            return path
    raise HarnessFault("no temporary folder can be reached by all users: set TMPDIR to one that can")


def check_available() -> None:
    """Tries a cell. Raises HarnessFault with bubblewrap's reason and what else there is."""
    popen = launch(["/usr/bin/true"], Cell(Limits(1024, 64, 64, 60)), stderr=subprocess.PIPE).popen
    _, complaint = popen.communicate()
    if popen.returncode != 0:
        raise _no_cell(complaint)


def _no_cell(complaint: bytes | None) -> HarnessFault:
    """`complaint`: what was said on standard error, if somebody listens there."""
    lines = (complaint or b"").decode(errors="replace").strip().splitlines()
    reason = f": {lines[-1]}" if lines else ""
    return HarnessFault(f"bubblewrap can't make a sandbox here{reason}; allow unprivileged user namespaces, or grade with "
                        "--sandbox=user or none (SANDBOX=… for make), which keep less away from the host")
