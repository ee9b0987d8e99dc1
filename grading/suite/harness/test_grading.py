"""The command `grading/grade` from end to end, on a made-up course."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest

from grading.grader.submission import PREFIX, sweep
from grading.machine.sandbox import temporary_folder
from grading.suite.harness.conftest import Course


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.rstrip("\n").rpartition("\n")[2]


def test_full_score(course: Course) -> None:
    done = course.grade()
    assert (done.returncode, last_line(done)) == (0, "lab a: 100/100"), done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    document = json.loads((course.out / "results.json").read_text())
    assert document["score"] == 100 and len(document["tests"]) == 6
    suite = ElementTree.parse(course.out / "junit.xml").getroot().find("testsuite")
    assert suite is not None and suite.get("tests") == "6"
    assert b"made-up guest" in (course.out / "logs" / "test_echo" / "console.log").read_bytes()


def test_lost_points_can_be_repeated(course: Course) -> None:
    first = course.grade(MADE_UP="random")
    assert (first.returncode, last_line(first)) == (1, "lab a: 86.7/100")
    [again] = [line.split() for line in first.stdout.splitlines() if "again:" in line]
    assert again[1:5] == ["make", "grade", "LAB=a", "K=test_random"]
    seen = [line for line in first.stdout.splitlines() if "seen:" in line]
    second = course.grade("-k", "test_random", "--seed", again[5].removeprefix("SEED="), MADE_UP="random")
    assert [line for line in second.stdout.splitlines() if "seen:" in line] == seen
    assert last_line(second) == "lab a: 0/13.3"


def test_choosing(course: Course) -> None:
    assert last_line(course.grade("-k", "A1")) == "lab a: 60/60"
    assert last_line(course.grade("-k", "test_sizes[hidden2]")) == "lab a: 15/15"
    wrong = course.grade("-k", "A7")
    assert (
        wrong.returncode == 2
        and wrong.stderr == "grade: lab a has no item and no test called 'A7'; its items are A1, A2\n"
    )
    assert course.grade("-k", "A1", "--gdb").returncode == 2


def test_wrong_calls_are_told_in_a_line(course: Course) -> None:
    done = subprocess.run([course.root / "grading" / "grade", "z"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr == "grade: there is no lab 'z'; labs in this tree: a\n"
    (course.root / "labs" / "a-paging" / "walk.cc").unlink()
    done = course.grade()
    assert done.returncode == 2 and done.stderr.startswith("grade: missing: labs/a-paging/walk.cc: take back")
    (course.root / "labs" / "a-paging" / "lab.toml").write_text("lab = ")
    assert course.grade().returncode == 2


def test_a_flaky_host_costs_nothing(course: Course) -> None:
    done = course.grade(MADE_UP="host-once")
    assert (done.returncode, last_line(done)) == (0, "lab a: 100/100")


def test_a_broken_host_gives_no_grade(course: Course) -> None:
    assert course.grade().returncode == 0
    assert reports(course) == ["junit.xml", "results.json"]
    done = course.grade(MADE_UP="host")
    assert (done.returncode, last_line(done)) == (2, "lab a: not graded")
    assert "no memory left on the host" in done.stdout
    assert reports(course) == []


def test_a_run_that_fails_early_leaves_no_earlier_results(course: Course) -> None:
    for arguments in (("-k", "A7"), ("--submission", course.root / "nowhere"), ("-k", "A1", "--gdb")):
        assert course.grade("-k", "test_echo").returncode == 0 and reports(course)
        assert course.grade(*arguments).returncode == 2 and reports(course) == []


def test_results_say_which_submission_they_are_for(course: Course) -> None:
    seen = []
    for text in ("// one\n", "// another\n", "// one\n"):
        assert course.grade("-k", "test_echo", "--submission", course.submission(text)).returncode == 0
        document = json.loads((course.out / "results.json").read_text())
        junit = ElementTree.parse(course.out / "junit.xml").find("testsuite/properties/property[@name='submission']")
        assert junit is not None and junit.get("value") == document["extra_data"]["submission"] != ""
        seen.append(document["extra_data"]["submission"])
    assert seen[0] == seen[2] != seen[1]


def test_students_reports_name_nothing_of_the_host(course: Course) -> None:
    """Where the grader's tree, the submission and the cell lie, and which hidden kernel has which mistake."""
    out = course.root.parent / "reports"
    for text in ("// ASK wrong\n", "int walk() { return }\n"):
        folder = course.submission(text)
        assert course.grade("--submission", folder, "--out", out).returncode == 1
        document = json.loads((out / "results.json").read_text())
        assert document["stdout_visibility"] == "hidden"
        written = (out / "results.json").read_text()
        assert "labs/a-paging/walk.cc" in written or "test_asked" in written
        for place in (course.root.parent, temporary_folder(), "SUBMISSION="):
            assert str(place) not in written
    course.grade("--submission", course.submission("// ASK wrong\n"), "--out", out)
    shown = {test["name"]: test["visibility"] for test in json.loads((out / "results.json").read_text())["tests"]}
    assert shown["A1: test_echo"] == "visible" and shown["A1: test_sizes[hidden1]"] == "after_published"


def reports(course: Course) -> list[str]:
    return sorted(path.name for path in course.out.glob("*.*") if path.suffix in (".json", ".xml"))


def test_a_mistake_in_the_lab_is_the_compilers_to_tell(course: Course) -> None:
    (course.root / "labs" / "a-paging" / "walk.cc").write_text("int walk() { return }\n")
    done = course.grade()
    assert (done.returncode, last_line(done)) == (1, "lab a: 0/100")
    assert "labs/a-paging/walk.cc:1:21: error: expected" in done.stdout


def test_a_mistake_in_the_kernel_is_the_graders(course: Course) -> None:
    (course.root / "kernel" / "guest.c").write_text("int walk() { return }\n")
    for arguments in ((), ("--submission", course.submission())):
        done = course.grade(*arguments)
        assert (done.returncode, last_line(done)) == (2, "lab a: not graded"), done.stdout


def test_a_submission(course: Course) -> None:
    done = course.grade("--submission", course.submission("// nothing asked\n"))
    assert (done.returncode, last_line(done)) == (0, "lab a: 100/100"), done.stdout + done.stderr
    done = course.grade(
        "-k",
        "A2",
        "--submission",
        course.submission(
            '// ASK exit 2\nint f() { return not_implemented("A2"); }\n'.replace(
                "int", "extern int not_implemented(const char*); int"
            )
        ),
    )
    assert "undefined reference" in done.stdout


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.mark.parametrize("kind", ["user", "none"])
def test_where_namespaces_are_refused(course: Course, stack: ExitStack, kind: str) -> None:
    """As in a plain container: bubblewrap can't make a cell, and the grader says what there is instead."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=temporary_folder())))  # which all users reach
    folder.chmod(0o755)
    (folder / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    (folder / "bwrap").chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    assert course.grade("-k", "test_echo").returncode == 0
    before = {each: each.stat().st_mtime_ns for each in (course.root / "build" / "a").rglob("*")}
    done = course.grade("--submission", course.submission(), PATH=path)
    assert done.returncode == 2 and "No permissions to create new namespace" in done.stderr and "--sandbox=user or none" in done.stderr
    done = course.grade("--submission", course.submission(), "--sandbox", kind, PATH=path)
    if kind == "user" and os.geteuid() != 0:
        assert done.returncode == 2 and "only root can" in done.stderr
        return
    assert (done.returncode, last_line(done)) == (0, "lab a: 100/100"), done.stdout + done.stderr
    assert "Warning: graded without" in done.stdout and f"--sandbox={kind}" in done.stdout
    assert f"--sandbox={kind}" in json.loads((course.out / "results.json").read_text())["output"]
    assert {each: each.stat().st_mtime_ns for each in (course.root / "build" / "a").rglob("*")} == before
    spy = 'asm(".incbin \\"%s\\"");\n' % (course.root / "labs" / "a-paging" / "walk.cc")
    (course.root / "labs" / "a-paging" / "walk.cc").chmod(0o600)
    done = course.grade("-k", "test_echo", "--submission", course.submission(spy), "--sandbox", kind, PATH=path)
    assert (done.returncode == 1) == (kind == "user")  # whose id can't read what others can't


def test_what_is_not_implemented(course: Course) -> None:
    text = '// ASK exit 2\nint not_implemented(const char*) { return 0; }\nint f() { return not_implemented("A2"); }\n'
    done = course.grade("-k", "A2", "--submission", course.submission(text))
    assert (done.returncode, last_line(done)) == (1, "lab a: 26.6/40")
    assert "A2 is not implemented yet: see handouts/a.md#a2 (labs/a-paging/walk.cc)" in done.stdout


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        "{root}/grading/tests/a/test_rubric.py",
        "grading/grader/command.py",
        "build/a/obj/labs/a-paging/walk.cc.o",
        "build/a/kernel.elf",
        "../../labs/a-paging/walk.cc",
    ],
)
def test_a_submission_sees_nothing_else(course: Course, path: str) -> None:
    assert course.grade("-k", "test_echo").returncode == 0  # so that there is something to see
    path = path.format(root=course.root)
    done = course.grade("-k", "test_echo", "--submission", course.submission(f'asm(".incbin \\"{path}\\"");\n'))
    assert (done.returncode, last_line(done)) == (1, "lab a: 0/100")
    done = course.grade("-k", "test_echo", "--submission", course.submission(f'#include "{path}"\n'))
    assert (done.returncode, last_line(done)) == (1, "lab a: 0/100")
    assert "secret_of_a" not in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        'asm(".fill 0x7fffffff, 8, 1\\n.fill 0x7fffffff, 8, 1");',
        "constexpr long f(long n) { return n < 2 ? n : f(n - 1) + f(n - 2); } static_assert(f(90) == 1);",
        "template<int N> struct T { T<N + 1> t; }; T<0> t;",
        '#include "walk.cc"',
        "#error No space left on device",
        '#pragma message "No space left on device"\nasm(".neither here nor there");',
        'asm(".print \\"lab a: 100/100\\"\\n.neither");',
        '#pragma message "make: tools are missing: Permission denied"\nasm(".section .x, \\"a");',
        '#define P _Pragma("message \\"flood\\"")\n' + "P " * 5000 + "\n#error end",
    ],
)
def test_bombs_are_lost_points(course: Course, text: str) -> None:
    done = course.grade("--submission", course.submission(text + "\n"))
    assert (done.returncode, last_line(done)) == (1, "lab a: 0/100")
    assert len(done.stdout) < 20_000 and "lab a: 100/100" not in done.stdout.splitlines()


def test_what_a_test_keeps_is_bounded(course: Course) -> None:
    done = course.grade("-k", "test_random", "--submission", course.submission(), MADE_UP="memory")
    assert (done.returncode, last_line(done)) == (1, "lab a: 0/13.3"), done.stdout + done.stderr
    assert "MemoryError" in done.stdout


def test_one_limit_for_a_whole_submission(course: Course) -> None:
    """The first test spins until the limit; those after it end at once, and say why."""
    toml = course.root / "labs" / "a-paging" / "lab.toml"
    toml.write_text(toml.read_text().replace("cpu_s = 60", "cpu_s = 1"))
    start = time.monotonic()
    done = course.grade("-k", "test_asked|test_random", "--jobs", "1", "--submission", course.submission("// ASK spin\n"))
    assert (done.returncode, last_line(done)) == (1, "lab a: 0/26.7"), done.stdout + done.stderr
    assert done.stdout.count("have used 5 s of CPU time together, 5 times what a right solution needs") == 2
    assert time.monotonic() - start < 60


def test_a_cell_that_builds_nothing_is_the_hosts_fault(course: Course) -> None:
    """Whatever it says, this tree's own files fail there, too."""
    assert course.grade("-k", "test_echo").returncode == 0
    makefile = course.root / "Makefile"
    makefile.write_text(makefile.read_text() + "ifeq ($(origin CCACHE),command line)\n$(error out of order)\nendif\n")
    done = course.grade("--submission", course.submission())
    assert (done.returncode, last_line(done)) == (2, "lab a: not graded"), done.stdout
    assert "a cell can't build this tree's own files either" in done.stderr


def test_a_refused_submission(course: Course) -> None:
    folder = course.submission()
    (folder / "labs" / "a-paging" / "walk.cc").unlink()
    (folder / "labs" / "a-paging" / "walk.cc").symlink_to("/etc/shadow")
    done = course.grade("--submission", folder)
    assert (done.returncode, last_line(done)) == (1, "lab a: 0/100")
    assert "labs/a-paging/walk.cc is a link" in done.stdout
    (folder / "labs" / "a-paging" / "walk.cc").unlink()
    done = course.grade("--submission", folder)
    assert (done.returncode, last_line(done)) == (1, "lab a: 0/100") and "none of lab a's files is there (walk.cc)" in done.stdout
    assert course.grade("--submission", course.root / "nowhere").returncode == 2


def test_a_submission_does_not_touch_our_objects(course: Course) -> None:
    assert course.grade("-k", "test_echo").returncode == 0
    before = {path: path.stat().st_mtime_ns for path in (course.root / "build" / "a").rglob("*")}
    course.grade("-k", "test_echo", "--submission", course.submission("int f() { return 1; }\n"))
    assert {path: path.stat().st_mtime_ns for path in (course.root / "build" / "a").rglob("*")} == before


def test_another_make_is_at_work(course: Course) -> None:
    """Its half-written files may be gone when they are copied, as the end of this link is."""
    assert course.grade("-k", "test_echo").returncode == 0
    (course.root / "build/a/obj/kernel/half.cc.o.1.part.d").symlink_to(course.root / "gone")
    assert course.grade("-k", "test_echo", "--submission", course.submission()).returncode == 0


def processes_of(course: Course) -> list[str]:
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(course.root) in line]


@contextmanager
def default_action(number: signal.Signals) -> Iterator[None]:
    """For the processes that are started meanwhile."""
    before = signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("boxed", [False, True], ids=["bare", "boxed"])
def test_killed_half_way(course: Course, number: signal.Signals, boxed: bool) -> None:
    assert course.grade("-k", "test_echo").returncode == 0
    text = f"// ASK spin {course.root}\n"
    (course.root / "labs" / "a-paging" / "walk.cc").write_text(text)
    submission = ["--submission", course.submission(text)] if boxed else []
    command = [course.root / "grading" / "grade", "a", "-k", "A2", *submission]
    with default_action(signal.SIGINT):  # which a suite in the background ignores, and its children with it
        grader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: (course.out / "logs" / "test_asked" / "channel.log").exists())
    time.sleep(0.5)
    grader.send_signal(number)
    output, complaint = grader.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert grader.returncode == 2 and "interrupted" in complaint and output.endswith("lab a: not graded\n")
    wait_until(lambda: not processes_of(course))
    assert reports(course) == []
    assert not [path for path in course.out.iterdir() if path.name.startswith(".results")]
    sweep()  # as the next grading does
    for tree in Path(temporary_folder()).glob(f"{PREFIX}*"):
        taken = tree / "labs" / "a-paging" / "walk.cc"
        assert not taken.exists() or taken.read_text() != text


def test_edits_elsewhere_are_named_beside_the_points(course: Course) -> None:
    (course.root / "grading" / "given.sha256").write_text(f"{hashlib.sha256(b'').hexdigest()}  kernel/guest.c\n")
    for arguments in ((), ("--submission", course.submission())):
        done = course.grade(*arguments)
        assert (done.returncode, last_line(done)) == (0, "lab a: 100/100")
        own = not arguments
        assert ("kernel/guest.c" in done.stdout) == own and ("git checkout" in done.stdout) == own
        assert ("kernel/guest.c" in json.loads((course.out / "results.json").read_text())["output"]) == own


def test_one_grading_at_a_time(course: Course) -> None:
    (course.root / "labs" / "a-paging" / "walk.cc").write_text("// ASK spin\n")
    first = subprocess.Popen(
        [course.root / "grading" / "grade", "a", "-k", "test_asked"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: (course.out / "logs" / "test_asked" / "channel.log").exists())
        second = course.grade("-k", "test_echo")
        assert second.returncode == 2 and "another grading of lab a" in second.stderr
        assert course.grade("-k", "test_echo", "--out", course.root / "elsewhere").returncode == 0
        assert (course.root / "elsewhere" / "results.json").exists()
    finally:
        first.terminate()
        first.wait()


def test_under_a_debugger(course: Course) -> None:
    """The machine waits for GDB, and the test then runs as ever."""
    arguments = ["-k", "test_echo", "--gdb"]
    command = [course.root / "grading" / "grade", "a", *arguments]
    grader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    socket = course.root / "build" / "a" / "gdb.sock"
    wait_until(socket.exists)
    time.sleep(0.3)
    assert grader.poll() is None
    assert "another QEMU holds build/a/gdb.sock" in course.grade(*arguments, "--out", course.root / "other").stderr
    debugger = ["gdb", "-q", "-nx", "-batch", "-ex", "target remote build/a/gdb.sock", "-ex", "continue"]
    subprocess.run(debugger, cwd=course.root, capture_output=True, check=False, timeout=60)
    output, complaint = grader.communicate(timeout=60)
    assert output.endswith("lab a: 30/30\n") and "make gdb LAB=a" in complaint
    assert not socket.exists()


def test_no_place_to_write(course: Course) -> None:
    done = course.grade("--out", Path("/dev/null/x"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def wait_until(condition: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_grader_under_a_closed_terminal(course: Course) -> None:
    """No terminal, no HOME, another current folder: the same grade."""
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [course.root / "grading" / "grade", "a"], cwd="/", env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, last_line(done)) == (0, "lab a: 100/100")
