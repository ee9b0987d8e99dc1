"""Debian's busybox does on Cairn what it does on Linux: its applets with real arguments, and scripts of its shell.

The cases are in shell/*/*.toml: each is a script, named after an applet or a part of the shell's language. shell/run runs
them all in folders of their own, on the host in a cell whose root is that of the image `minimal`, and on Cairn after a
login on that image. Output, exit statuses and the files that are left must agree.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.judge import ext2_judge
from grading.judge.disk_image import root_partition
from grading.judge.ext2_images import copy_sparse
from grading.machine.failures import GuestExited
from grading.machine.text import printable
from grading.suite import linux_cell, shell_cases
from grading.suite.disks import debugfs
from grading.suite.login import boot, log_in
from grading.suite.shell_cases import Case, Results

import minimal  # of fs-images/, as ext2_images says

CASES = shell_cases.load()
APPLETS, SCRIPTS = 120, 60  # at least
FIELDS = ("kind", "mode", "size", "links", "digest", "target", "device")
OWNERS = ("owner", "group")
NEEDS_ROOT = re.compile(r"\b(student|chown|chgrp|mknod|setpriv|chroot)\b")
NEEDS_COUNTED_FOLDERS = re.compile(r"%h|-links")
LINUX_S = 600  # a backstop


def lay_out(top: Path) -> None:
    """The root of `minimal` with the cases, in a fresh folder of this machine."""
    top.mkdir()
    for name, mode in {"dev": 0o755, "tmp": 0o1777, "mnt": 0o755, "cases": 0o755}.items():
        (top / name).mkdir()
        (top / name).chmod(mode)
    minimal.lay_out(top)
    if os.geteuid() == 0:
        for path, owner in minimal.OWNERS.items():
            os.chown(top / path.lstrip("/"), owner, owner)
    for case in CASES.values():
        (top / "cases" / case.name).write_text(case.script)
    shutil.copy(shell_cases.RUNNER, top / "run-cases")


def on_linux(folder: Path) -> Results:
    """Runs the cases here, within a fresh folder."""
    top = folder / "root"
    lay_out(top)
    command = ["env", "--default-signal", *linux_cell.cell(folder / "dev", "--dev-bind", top, "/", "--proc", "/proc"), "--chdir", "/",
               "/run-cases"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LINUX_S, check=False)
    assert done.stdout.endswith("cases: done\n"), f"on Linux: {done.stdout[-200:]}{done.stderr[-500:]}"
    return Results.found(top / "said", shell_cases.tree(top / "made", "/made"))


def on_cairn(complete: Path, folder: Path) -> Results:
    """Runs the cases there; the disk is checked afterwards."""
    lines = ["mkdir /cases", f"write {shell_cases.RUNNER} /run-cases"]
    for case in CASES.values():
        (folder / case.name).write_text(case.script)
        lines.append(f"write {folder / case.name} /cases/{case.name}")
    disk = copy_sparse(complete / "disk.img", folder / "disk.img")
    offset = root_partition(disk).offset
    debugfs(disk, *lines, offset=offset)
    with boot(complete, disk=disk) as machine:
        log_in(machine)
        machine.console.send("/run-cases; poweroff\r")
        machine.console.wait_for(r"^cases: done\r\n")
        with pytest.raises(GuestExited):
            machine.console.wait_for("never")
    ext2_judge.check_clean(disk, offset)
    ext2_judge.run_debugfs(disk, [f"rdump /said {folder}"], offset)
    return Results.found(folder / "said", ext2_judge.read_tree(disk, offset))


@pytest.fixture(scope="module")
def linux() -> Iterator[Results]:
    with linux_cell.folder("shell") as folder:
        yield on_linux(folder)


@pytest.fixture(scope="module")
def cairn(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> Results:
    return on_cairn(complete, tmp_path_factory.mktemp("cairn"))


@pytest.fixture(scope="module")
def left_out() -> re.Pattern[str] | None:
    """What the scripts have in them that this host's Linux can't do."""
    with linux_cell.folder("shell") as folder:
        missing = [NEEDS_ROOT] * (os.geteuid() != 0) + [NEEDS_COUNTED_FOLDERS] * (not linux_cell.counts_folders(folder))
    return re.compile("|".join(pattern.pattern for pattern in missing)) if missing else None


@pytest.mark.parametrize("name", CASES)
def test_busybox_does_as_on_linux(name: str, linux: Results, cairn: Results, left_out: re.Pattern[str] | None) -> None:
    case = CASES[name]
    if left_out and left_out.search(case.script):
        pytest.skip("this host's Linux can't run it as it is meant: it takes root, and a file system that counts folders")
    (expected, expected_files), (seen, seen_files) = linux.of(case), cairn.of(case)
    again = f"again: make test TEST={name}\n{case.script}"
    for kind in shell_cases.SAID:
        assert seen[kind] == expected[kind], f"{kind} of {name}\n{differences(expected[kind], seen[kind])}\n{again}"
    fields = FIELDS + (OWNERS if os.geteuid() == 0 else ())
    ext2_judge.compare(expected_files, seen_files, fields, what=f"the files that {name} leaves", hint=again)


def differences(expected: bytes | None, seen: bytes | None) -> str:
    texts = [printable((text or b"").decode(errors="backslashreplace")).splitlines() for text in (expected, seen)]
    return "\n".join(difflib.unified_diff(*texts, "Linux", "Cairn", lineterm="", n=1))


def test_there_are_enough_cases() -> None:
    """Each applet's script calls it, and with arguments or input."""
    known = {Path(path).name for path in minimal.applets()}
    applets = {case.subject for case in CASES.values() if case.kind == "applets"}
    assert applets <= known and len(applets) >= APPLETS, sorted(applets - known)
    assert all(calls(case) for case in CASES.values() if case.kind == "applets"), [case.name for case in CASES.values() if not calls(case)]
    assert sum(case.kind == "scripts" for case in CASES.values()) >= SCRIPTS


def calls(case: Case) -> bool:
    return re.search(rf"(?<![\w./]){re.escape(case.subject)}(?![\w])", case.script) is not None
