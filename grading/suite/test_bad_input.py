"""Whatever a person gets wrong: one line that names what is wrong and the fix, and nothing broken left.

What the kernel makes of corrupt modules and too little memory is in test_boot.py, what the grader
makes of submissions' files in detail in unit/.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from grading.suite.rubric_runs import grade, submission

PROGRESS = re.compile(r"make: \*\*\*|lab \w: (not graded$|[a-z ]+ …$)|Ctrl-A x|  [A-Z+]+ +\S+$")
COPIED = ("Makefile", "kernel", "labs", "user", "fs-images", "grading", "handouts", ".gdbinit")


def run(*command: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    return subprocess.run([str(word) for word in command], cwd=cwd, env=environment or clean, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that says what is wrong; there is no traceback and the command failed."""
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.strip() and not PROGRESS.match(line)]
    # make repeats its recipe's failure in a line of its own: "make: *** [Makefile:1: grade] Error 2"
    errors = lines or [line for line in done.stdout.splitlines() if line.startswith("make: ***")]
    assert len(errors) == 1, done.stdout
    return errors[0]


@pytest.fixture(scope="module")
def copy(root: Path, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree without its build folder, to be mistreated."""
    top = tmp_path_factory.mktemp("tree") / "cairn"
    top.mkdir()
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, top / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (root / name).exists():
            shutil.copy2(root / name, top / name)
    return top


# Names that don't exist.

@pytest.mark.parametrize("target", ["kernel", "image", "qemu", "qemu-gdb", "gdb", "grade", "bench", "starter"])
def test_unknown_lab_with_make(root: Path, target: str) -> None:
    line = complaint(run("make", target, "LAB=x", cwd=root))
    assert "no lab x" in line and "LAB" in line and " a" in line


@pytest.mark.parametrize("command", [["grading/grade", "x"], ["/usr/bin/python3", "grading", "starter", "x"]])
def test_unknown_lab_with_commands(root: Path, command: list[str]) -> None:
    line = complaint(run(*command, cwd=root))
    assert "no lab 'x'" in line and "labs in this tree: a" in line


def test_unknown_item(root: Path, built: Path, tmp_path: Path) -> None:
    for command in (["make", "grade", "LAB=a", "K=A9"], ["grading/grade", "a", "-k", "A9", "--out", tmp_path]):
        line = complaint(run(*command, cwd=root))
        assert "A9" in line and "A1, A2, A3, A4, A5" in line
    assert not (tmp_path / "results.json").exists()


def test_unknown_target(root: Path) -> None:
    assert "No rule to make target 'quemu'" in run("make", "quemu", cwd=root).stdout


@pytest.mark.parametrize(("variable", "hint"), [("MEMORY=lots", "128M"), ("MEMORY=0", "128M"), ("MEMORY=1M", "needs 32M")])
def test_unreadable_memory_size(root: Path, built: Path, variable: str, hint: str) -> None:
    done = run("make", "qemu", "LAB=a", variable, cwd=root)
    assert done.returncode != 0 and hint in done.stdout and "Traceback" not in done.stdout


# Submissions.

@pytest.fixture
def solution(tmp_path: Path) -> Path:
    return submission("a", tmp_path / "submission", None, solved=True)


def refused(folder: Path, out: Path) -> str:
    graded = grade("a", out, "--submission", folder, "-k", "A1")
    assert graded.status == 1 and graded.last_line.startswith("lab a: 0/"), graded.output
    return graded.output


def test_submission_with_a_file_missing(built: Path, solution: Path, tmp_path: Path) -> None:
    """It costs its own item."""
    (solution / "labs/a-paging/tlb.cc").unlink()
    graded = grade("a", tmp_path / "out", "--submission", solution, "-k", "A1")
    assert graded.status == 0 and "lacks labs/a-paging/tlb.cc" in graded.output, graded.output
    graded = grade("a", tmp_path / "out", "--submission", solution, "-k", "A3")
    assert graded.status == 1 and graded.last_line.startswith("lab a: 0/"), graded.output


def test_submission_with_a_link(built: Path, solution: Path, tmp_path: Path) -> None:
    file = solution / "labs/a-paging/tlb.cc"
    file.unlink()
    file.symlink_to("/etc/shadow")
    assert "labs/a-paging/tlb.cc is a link" in refused(solution, tmp_path / "out")


def test_submission_that_is_no_folder(built: Path, tmp_path: Path) -> None:
    graded = grade("a", tmp_path / "out", "--submission", tmp_path / "nowhere")
    assert graded.status == 2 and "SUBMISSION must be a folder" in graded.output


def test_submission_that_does_not_compile(built: Path, solution: Path, tmp_path: Path) -> None:
    (solution / "labs/a-paging/tlb.cc").write_text("this is no C++\n")
    assert "labs/a-paging/tlb.cc:1:1: error" in refused(solution, tmp_path / "out")


def test_bytes_that_are_no_text(built: Path, solution: Path, tmp_path: Path) -> None:
    (solution / "labs/a-paging/tlb.cc").write_bytes(bytes(range(256)))
    (solution / "labs/a-paging/answers.toml").write_bytes(b"\xff\xfe")
    assert "error" in refused(solution, tmp_path / "out")


def test_broken_answers_cost_their_points_only(built: Path, solution: Path, tmp_path: Path) -> None:
    (solution / "labs/a-paging/answers.toml").write_text("[layout\n")
    graded = grade("a", tmp_path / "out", "--submission", solution, "-k", "test_answers")
    assert graded.status == 1 and "answers.toml" in graded.output and "Traceback" not in graded.output


# Tools, files and folders.

def test_a_missing_lab_file_names_the_way_back(copy: Path) -> None:
    file = copy / "labs/a-paging/tlb.cc"
    text = file.read_bytes()
    file.unlink()
    try:
        assert "labs/a-paging/tlb.cc" in complaint(run("make", "kernel", "LAB=a", "-j1", cwd=copy))
        assert "git checkout" in complaint(run("grading/grade", "a", cwd=copy))
    finally:
        file.write_bytes(text)


def folder_of_tools(folder: Path, without: str) -> dict[str, str]:
    """An environment whose PATH has every tool of this host but one."""
    folder.mkdir()
    for directory in ("/usr/sbin", "/sbin", "/usr/bin", "/bin"):
        for tool in Path(directory).iterdir():
            if tool.name != without and not (folder / tool.name).exists():
                (folder / tool.name).symlink_to(tool)
    return {"PATH": str(folder), "HOME": str(folder)}


def test_grading_without_qemu(root: Path, built: Path, tmp_path: Path) -> None:
    environment = folder_of_tools(tmp_path / "tools", "qemu-system-x86_64")
    done = run("grading/grade", "a", "--out", tmp_path / "out", cwd=root, environment=environment)
    assert done.returncode == 2
    assert "qemu-system-x86_64" in done.stdout and "qemu-system-x86" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_second_gdb_session_is_told(root: Path, built: Path) -> None:
    with open(built / "gdb.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        line = complaint(run("/usr/bin/python3", "grading", "qemu", "--stage", "a", "--gdb", cwd=root))
    assert "another QEMU holds" in line and "leave it first" in line


def test_a_second_grading_is_told(root: Path, built: Path, tmp_path: Path) -> None:
    with open(tmp_path / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        line = complaint(run("grading/grade", "a", "--out", tmp_path, cwd=root))
    assert "another grading" in line and "--out" in line


@contextmanager
def read_only(folder: Path) -> Iterator[list[str]]:
    """The start of a command that sees `folder` read-only, even as root."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    yield ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(folder), str(folder)]


@pytest.mark.parametrize("command", [
    ["make", "kernel", "LAB=a"],
    ["make", "grade", "LAB=a"],
    ["make", "starter", "LAB=a"],
    ["make", "branches"],
    ["/usr/bin/python3", "grading", "starter", "a"],
    ["/usr/bin/python3", "grading", "branches"],
    ["grading/grade", "a"],
])
def test_a_read_only_build_folder_is_named(copy: Path, command: list[str]) -> None:
    with read_only(copy / "build") as start:
        line = complaint(run(*start, *command, cwd=copy))
    assert "build" in line
    assert list((copy / "build").iterdir()) == []


# Killed half-way.

def test_a_build_that_was_killed_goes_on(copy: Path, built: Path) -> None:
    for seconds in (0.3, 1, 2.5):
        process = subprocess.Popen(["make", "image", "LAB=a", "CCACHE="], cwd=copy, start_new_session=True,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = run("make", "image", "LAB=a", cwd=copy)
    assert done.returncode == 0, done.stdout
    assert run("make", "-q", "build/a/disk.img", "LAB=a", cwd=copy).returncode == 0
    assert (copy / "build/a/kernel.elf").read_bytes() == (built / "kernel.elf").read_bytes()


def test_a_grading_that_was_killed_leaves_nothing_running(root: Path, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen([root / "grading/grade", "a", "--out", out, "-k", "A2"], cwd=root,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(out.glob("logs/test_*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    while machines_of(out) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert machines_of(out) == []
    assert not (out / "results.json").exists()
    graded = grade("a", out, "-k", "test_map_refuses")
    assert graded.status == 0, graded.output


def machines_of(out: Path) -> list[str]:
    """Processes whose command line or open files are in a grading's folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = " ".join(process.cmdline())
            if str(out) in words or any(file.path.startswith(f"{out}/") for file in process.open_files()):
                found.append(words[:100])
    return found


FORGED_LTO = r"""
__asm__(".section .gnu.lto_.opts,\"e\",@progbits\n.string \"'-O2'\"\n"
        ".section .gnu.lto_.symtab.1,\"e\",@progbits\n.string \"forged\"\n"
        ".section .gnu.lto_main.1,\"e\",@progbits\n.string \"x\"\n.text\n.comm __gnu_lto_v1,1,1\n");
int main(void) { return 2; }
"""


def test_forged_sections_reach_no_plugin_of_the_linker(copy: Path) -> None:
    """A test's object that says it holds code for the link-time optimizer is linked as what it is."""
    source = copy / "labs/a-paging/tests/isolation_forged.c"
    source.write_text(FORGED_LTO)
    try:
        done = run("make", "build/user/isolation_forged.elf", "LAB=a", cwd=copy)
        assert done.returncode == 0, done.stdout
    finally:
        source.unlink()
