"""What a command in a cell can see and use."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from grading import ROOT
from grading.machine.failures import HarnessFault
from grading.machine.sandbox import Cell, Limits, Process, check_available, launch, temporary_folder

LIMITS = Limits(memory_mib=256, processes=32, file_mib=8, cpu_s=2)


def run(command: str, cell: Cell | None = None) -> tuple[int, str]:
    process = launch(["/bin/sh", "-c", command], cell or Cell(LIMITS), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.popen.communicate(timeout=60)
    return process.popen.returncode, output.decode(errors="replace")


def gone(pid: int) -> bool:
    """Waits for a killed process to end (as a zombie, where nobody reaps)."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_cells_can_be_made() -> None:
    check_available()


def test_bubblewrap_says_why_it_makes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir=temporary_folder()) as folder:
        Path(folder).chmod(0o755)  # the cell's user must reach it
        bwrap = Path(folder, "bwrap")
        bwrap.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
        bwrap.chmod(0o755)
        monkeypatch.setattr("grading.machine.sandbox.tool", lambda name, _: str(bwrap) if name == "bwrap" else shutil.which(name))
        with pytest.raises(HarnessFault, match="can't make a sandbox here: bwrap: No permissions to create new namespace"):
            check_available()


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/etc/shadow",
        "/root",
        "/home",
        "/proc/self",
        "/sys",
        "/var/lib",
        "/dev/zero",
        "/dev/ptmx",
        __file__,
    ],
)
def test_the_host_is_out_of_sight(path: str) -> None:
    assert run(f"test -e {path}")[0] != 0


def test_system_programs_are_there_and_read_only() -> None:
    assert run("gcc --version && ld --version && python3 --version")[0] == 0
    assert run("touch /usr/x")[0] != 0


def test_no_network() -> None:
    status, output = run("python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 22), 1)'")
    assert status != 0 and "ECONN" not in output


def test_no_other_processes_and_no_privileges() -> None:
    status, output = run("id -u; mount -t tmpfs none /tmp 2>&1 && echo mounted; chroot / true 2>&1 && echo rooted")
    assert "mounted" not in output and "rooted" not in output
    if os.geteuid() == 0:
        assert output.split()[0] != "0"


def test_nothing_leaks_through_the_environment() -> None:
    os.environ["SECRET_OF_THE_GRADER"] = "1"
    assert "SECRET_OF_THE_GRADER" not in run("env")[1]


def test_a_folder_and_files(tmp_path: Path) -> None:
    shared = Path(subprocess.check_output(["mktemp", "-d", "-p", temporary_folder()], text=True).strip())
    secret = tmp_path / "private" / "kernel.elf"
    secret.parent.mkdir(mode=0o700)
    secret.write_text("contents")
    secret.chmod(0o600)
    try:
        (shared / "build").mkdir()
        (shared / "build").chmod(0o777)
        shared.chmod(0o777)
        cell = Cell(LIMITS, folder=shared, inside=Path("/inside"), writable="build", files=(secret,))
        status, output = run(
            f"cat {secret} && touch /inside/build/made && ls /inside/build && echo changed >{secret}", cell
        )
        assert status != 0 and "contents" in output and "made" in output
        assert run("touch /inside/made", cell)[0] != 0
        assert secret.read_text() == "contents" and (shared / "build" / "made").exists()
    finally:
        shutil.rmtree(shared)


def test_memory_is_limited() -> None:
    assert run("python3 -c 'x = bytearray(512 << 20)'")[0] != 0


def test_files_are_limited() -> None:
    status, _ = run("head -c 20000000 /dev/urandom >/tmp/x")
    assert status != 0


def test_cpu_time_is_limited() -> None:
    status, _ = run("while :; do :; done")
    assert status in (128 + 9, 128 + 24, -9, -24)


def test_processes_are_limited() -> None:
    status, output = run("for i in $(seq 100); do sleep 5 & done; echo all")
    assert "all" not in output or "fork" in output


def test_nothing_survives_the_command() -> None:
    mark = f"31.{os.getpid()}"
    run(f"sleep {mark} & sleep {mark} &")
    time.sleep(0.1)
    assert not [process for process in psutil.process_iter(["cmdline"]) if mark in (process.info["cmdline"] or [])]


def test_the_commands_own_pid_and_time() -> None:
    process = launch(["python3", "-c", "while True: pass"], Cell(LIMITS, first_process=True))
    try:
        deadline = time.monotonic() + 30
        while process.cpu_time() < 0.3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.cpu_time() >= 0.3
        assert b"python3" in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    finally:
        process.kill()
    assert not process.alive() and gone(process.pid)


@pytest.mark.parametrize("cell", [None, Cell(LIMITS, first_process=True)], ids=["bare", "boxed"])
def test_killing_the_parent_kills_the_command(cell: Cell | None) -> None:
    script = f"""
import time
from grading.machine.sandbox import Cell, Limits, launch
print(launch(["sleep", "1000"], {cell}).pid, flush=True)
time.sleep(1000)
"""
    parent = subprocess.Popen(["/usr/bin/python3", "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    parent.kill()
    parent.wait()
    assert gone(pid)


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(HarnessFault, match="apt install"):
        launch(["/bin/true"], Cell(LIMITS))


def test_kill_is_harmless_twice() -> None:
    process: Process = launch(["/bin/true"])
    process.popen.wait()
    process.kill()
    process.kill()
