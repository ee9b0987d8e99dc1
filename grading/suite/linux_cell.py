"""A bubblewrap cell on this machine's Linux, which shows what a program does there and keeps it from all else."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grading import ROOT
from grading.machine.sandbox import tool

DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}  # minor numbers of major 1
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "MKNOD", "SETGID", "SETUID",
                "SYS_ADMIN", "SYS_CHROOT")


def cell(device_folder: Path, *mounts: str | Path) -> list[str]:
    """The beginning of a command: what follows (more of bwrap's words, then the program) sees these mounts, bwrap's words
    too, and devices of its own, made in a folder that isn't there yet. It can change what is mounted and nothing else."""
    command = [tool("bwrap", "bubblewrap"), "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
               "--die-with-parent", "--new-session", "--clearenv"]
    if os.geteuid() != 0:
        command += ["--unshare-user", "--uid", "0", "--gid", "0"]
    command += ["--cap-drop", "ALL"]
    for capability in CAPABILITIES:
        command += ["--cap-add", f"CAP_{capability}"]
    return command + [*map(str, mounts), *_devices(device_folder)]


def _devices(folder: Path) -> list[str]:
    """A /dev for the cell. Root could change the machine's own nodes, so it gets others; nobody else can."""
    if os.geteuid() != 0:
        return [word for name in DEVICES for word in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")]
    folder.mkdir()
    for name, minor in DEVICES.items():
        os.mknod(folder / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        (folder / name).chmod(0o666)
    return ["--dev-bind", str(folder), "/dev"]


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """A fresh folder below build/, which is on a disk more often than /tmp is. Gone afterwards."""
    (ROOT / "build").mkdir(exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=ROOT / "build"))
    if os.statvfs(path).f_flag & os.ST_NODEV:
        pytest.skip("build/ is on a file system without device nodes (mount option nodev)")
    yield path
    for inner, names, _ in os.walk(path):  # some folders forbid everything
        for each in names:
            if not (Path(inner) / each).is_symlink():
                (Path(inner) / each).chmod(0o700)
    shutil.rmtree(path)


def counts_folders(parent: Path) -> bool:
    """Whether the file system of a folder gives folders a link for each one in them; Btrfs and overlays don't."""
    probe = parent / "probe"
    probe.mkdir()
    links = probe.stat().st_nlink
    probe.rmdir()
    return links == 2
