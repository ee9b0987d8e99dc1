"""The command `grading/grade`: builds a lab, runs its rubric, reports points.

Exit status: 0 at full score, 1 when points are lost, 2 when the grader itself failed or was
called wrongly; then there are no results, not even those of an earlier grading.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import os

import secrets
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from grading import ROOT
from grading.course import given, mutants
from grading.course.lab import Lab, LabError, load_lab
from grading.grader import runner
from grading.grader.build import BuildFailed, build, folder_of
from grading.grader.progress_line import ProgressLine
from grading.grader.reports.gradescope import gradescope
from grading.grader.reports.junit import junit
from grading.grader.reports.terminal import WIDTH, terminal
from grading.grader.results import Results, write_atomically
from grading.grader.run import Run
from grading.grader.submission import Overlay, Refused, fingerprint
from grading.machine import sandbox
from grading.machine.allowance import FACTOR
from grading.machine.failures import HarnessFault
from grading.machine.qemu_command import claim_gdb_socket
from grading.machine.text import printable

FULL, LOST, FAULT = 0, 1, 2
REPORTS = ("results.json", "junit.xml")


def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr] # a terminal without UTF-8 is no fault
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    arguments.submission, arguments.out = (path and path.absolute() for path in (arguments.submission, arguments.out))
    os.chdir(ROOT)
    try:
        lab = load_lab(arguments.lab)
        with locked(arguments.out or ROOT / "build" / "grade" / lab.letter, lab) as out:
            for name in REPORTS:
                (out / name).unlink(missing_ok=True)
            results = grade(lab, arguments, out)
            return report(results, out)
    except (LabError, HarnessFault) as error:
        return failed(arguments.lab, str(error))
    except KeyboardInterrupt:
        return failed(arguments.lab, "interrupted; there are no results")
    except OSError as error:
        return failed(arguments.lab, f"{error.filename or 'the host'}: {error.strerror or error}")
    except Exception:  # noqa: BLE001 - Python's own exit status would be 1, which means lost points
        traceback.print_exc()
        return failed(arguments.lab, "a mistake in the grader, see above")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grading/grade",
        description="Grades one lab: builds it, runs its rubric in QEMU, prints the points.",
        epilog="Exit status: 0 full score, 1 points lost, 2 the grader failed. Submissions are built and run under "
        "bubblewrap, which needs unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1); see --sandbox.",
    )
    parser.add_argument("lab", help="the lab's letter, such as a")
    parser.add_argument(
        "-k",
        dest="choice",
        default="",
        metavar="WHAT",
        help="only this item (A2), or the tests with this in their names",
    )
    parser.add_argument(
        "--submission", type=Path, metavar="DIR", help="grade the lab's files in DIR instead of this tree's"
    )
    parser.add_argument(
        "--sandbox",
        choices=sandbox.KINDS,
        default="cell",
        help="what a submission is built and run in: `cell`, bubblewrap's (default); where namespaces are refused `user`, "
        "a user id of its own (for root), or `none`",
    )
    parser.add_argument(
        "--reference",
        action="append",
        default=[],
        metavar="LAB",
        help="take this earlier lab from the reference objects; may be given again",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="repeat a run's random choices")
    parser.add_argument("--gdb", action="store_true", help="run one test under GDB; choose it with -k")
    parser.add_argument(
        "--jobs",
        type=positive,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="tests run at once (default: one a core)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where results.json, junit.xml and logs/ go (default: build/grade/LAB)"
    )
    return parser


def positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


@contextlib.contextmanager
def locked(out: Path, lab: Lab) -> Iterator[Path]:
    """Keeps other gradings out of the folder. Raises HarnessFault."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        lock = open(out / ".lock", "w")  # noqa: SIM115 - closed below
    except OSError as error:
        raise HarnessFault(
            f"{out}: {error.strerror}: make it a folder that you can write to, or use --out DIR"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HarnessFault(
                f"another grading of lab {lab.letter} writes to {out}: wait for it, or use --out DIR"
            ) from None
        yield out


def grade(lab: Lab, arguments: argparse.Namespace, out: Path) -> Results:
    """Builds and runs. Raises LabError, HarnessFault, QemuError, KeyboardInterrupt."""
    start = time.monotonic()
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(1_000_000_000)
    references = known_references(lab, arguments.reference)
    results = Results(lab, seed, choice=arguments.choice, places=[ROOT, out])
    progress = ProgressLine(f"lab {lab.letter}")
    with contextlib.ExitStack() as stack:
        stack.enter_context(progress)
        tests = runner.collect(lab, arguments.choice)
        gdb_socket = prepare_gdb(lab, arguments, tests) if arguments.gdb else None
        tree = ROOT
        try:
            if arguments.submission:
                if not arguments.submission.is_dir():
                    raise HarnessFault(
                        f"{arguments.submission} is no folder: SUBMISSION must be a folder with a student's tree"
                    )
                sandbox.use(arguments.sandbox)
                results.warnings += filter(None, [sandbox.KINDS[arguments.sandbox]])
                if arguments.sandbox == "cell":
                    sandbox.check_available()
                overlay = stack.enter_context(Overlay(arguments.submission, lab, references))
                tree = overlay.folder
                results.places += [tree, arguments.submission]
                results.warnings += overlay.warnings
                results.fingerprint = fingerprint(overlay.taken)
            if tree == ROOT:
                missing = [f"labs/{lab.folder.name}/{file}" for file in lab.student_files() if not (lab.folder / file).exists()]
                if missing:
                    raise HarnessFault(f"missing: {' '.join(missing)}: take back with git checkout")
                changed = given.changed()
                results.warnings += [given.warning(changed)] if changed else []
                results.fingerprint = fingerprint({str(file): (lab.folder / file).read_bytes() for file in lab.student_files()})
            progress.show("building")
            build_own_tree(lab, references, out / "logs" / "build.log", trusted=tree == ROOT)
            if tree != ROOT:
                progress.show("building the submission")
                overlay.build(out / "logs" / "submission-build.log")
        except (BuildFailed, Refused) as failure:
            results.build_failure = printable(str(failure))
        else:
            run = Run(
                lab=lab.letter,
                seed=seed,
                build=tree / "build" / folder_of(lab.letter, references),
                programs=tree / "build" / "user" / "programs.cpio",
                student_files=tree / "labs" / lab.folder.name,
                logs=out / "logs",
                boxed=tree != ROOT,
                choice=arguments.choice,
                submission=arguments.submission,
                references=references,
                gdb_socket=gdb_socket,
                cpu_limit_s=FACTOR * lab.cpu_s,
                sandbox=arguments.sandbox,
            )
            results.tests = runner.run(run, lab, tests, 1 if arguments.gdb else arguments.jobs, progress)
    results.seconds = time.monotonic() - start
    return results


def known_references(lab: Lab, letters: list[str]) -> tuple[str, ...]:
    """The labs to take from reference objects, in order. Raises LabError."""
    for letter in letters:
        if load_lab(letter).letter >= lab.letter:
            raise LabError(f"--reference {letter}: lab {letter} doesn't come before lab {lab.letter}")
    return tuple(sorted(set(letters)))


def build_own_tree(lab: Lab, references: tuple[str, ...], log: Path, trusted: bool) -> None:
    """Builds this tree; for a submission it must be sound, as its objects and programs are used.

    The kernels with mistakes, where the tree has some, stand on the sources of all labs, references or not.
    """
    try:
        build(ROOT, lab.letter, log, references=references)
        if references and mutants.load_mutants(lab.letter):
            trusted, log = False, log.with_name(f"mutants-{log.name}")
            build(ROOT, lab.letter, log)
    except BuildFailed as failure:
        if trusted:
            raise
        raise HarnessFault(f"the grader's own tree does not build (see {log})") from failure
    except mutants.MutantError as error:
        raise HarnessFault(str(error)) from error


def prepare_gdb(lab: Lab, arguments: argparse.Namespace, tests: list[runner.Collected]) -> Path:
    """Claims the GDB socket. Raises HarnessFault or QemuError."""
    if arguments.submission:
        raise HarnessFault("--gdb debugs this tree only: copy the submission's files into labs/ of a clone")
    if len(tests) != 1:
        names, more = ", ".join(test.name for test in tests[:12]), ", …" if len(tests) > 12 else ""
        raise HarnessFault(f"--gdb runs one test, choose it with -k (K=…): {names}{more}")
    folder = Path("build") / lab.letter  # relative: a socket's path may have 107 bytes
    folder.mkdir(parents=True, exist_ok=True)
    socket = claim_gdb_socket(folder)
    print(
        f"GDB: run `make gdb LAB={lab.letter}` in another terminal; the machine starts when GDB continues it",
        file=sys.stderr,
    )
    return socket


def report(results: Results, out: Path) -> int:
    """Writes the reports and prints the table; returns the exit status."""
    if not results.faults:
        write_atomically(out / "results.json", gradescope(results))
        write_atomically(out / "junit.xml", junit(results))
    is_terminal = sys.stdout.isatty()
    plain = {"highlight": False, "emoji": False, "markup": False}
    with quiet_if_unread():
        terminal(results, Console(**plain, force_terminal=is_terminal, soft_wrap=not is_terminal,
                                  width=None if is_terminal else WIDTH))
    if results.faults:
        names = ", ".join(test.name for test in results.faults)
        return failed(results.lab.letter, f"the harness failed in {names}; no results were written")
    with quiet_if_unread():
        print(results.score, flush=True)
    return FULL if results.full else LOST


def failed(letter: str, text: str) -> int:
    """Says what is wrong; returns the exit status."""
    print(f"grade: {text}", file=sys.stderr)
    with quiet_if_unread():
        print(f"lab {letter}: not graded", flush=True)
    return FAULT


@contextlib.contextmanager
def quiet_if_unread() -> Iterator[None]:
    """Printing to a pipe that nobody reads any more (`grade a | head`) changes no exit status."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
