"""`make gdb`: finds the machine, says in one line why it can't, and stops where the kernel begins."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pexpect
import pytest

from grading import ROOT
from grading.course import starter
from grading.machine.gdb_command import gdb_on
from grading.machine.machine import Machine
from grading.suite.test_gdb import BACKSTOP_S, debug

PROMPT = "(gdb) "


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A tree with nothing but this command and a gdb that says with what it was started."""
    (tmp_path / "grading" / "machine").mkdir(parents=True)
    for name in ("__init__", "__main__", *(f"machine/{each}" for each in ("__init__", "gdb_command", "qemu_command", "qemu", "failures"))):
        shutil.copy(ROOT / f"grading/{name}.py", tmp_path / f"grading/{name}.py")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gdb").write_text('#!/bin/sh\necho "gdb: $*"\n')
    (tmp_path / "bin" / "gdb").chmod(0o755)
    return tmp_path


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def machine_in(small: Path, stage: str, stack: ExitStack) -> Path:
    """Makes it look as if a machine of the stage ran; its folder."""
    folder = small / "build" / stage
    folder.mkdir(parents=True)
    lock = stack.enter_context(open(folder / "gdb.lock", "w"))
    fcntl.flock(lock, fcntl.LOCK_EX)
    (folder / "kernel.elf").touch()
    (folder / "gdb.sock").touch()
    return folder


def attach(small: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{small / 'bin'}:{os.environ['PATH']}"}
    command = ["/usr/bin/python3", small / "grading", "gdb", *arguments]
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)


def refused(small: Path, *arguments: str) -> str:
    """The one line of an attach that fails."""
    done = attach(small, *arguments)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and done.stdout == ""
    return line


def test_without_a_machine_it_says_how_to_start_one(small: Path) -> None:
    assert refused(small) == "gdb: no machine to attach to: run `make qemu-gdb LAB=a` in another terminal first"
    assert refused(small, "b") == "gdb: no machine to attach to: run `make qemu-gdb LAB=b` in another terminal first"


def test_the_machine_that_runs_is_found(small: Path, stack: ExitStack) -> None:
    machine_in(small, "a", stack)
    (small / "build" / "all").mkdir()
    (small / "build" / "all" / "gdb.lock").touch()  # of a machine that has ended
    done = attach(small, "--", "-batch")
    assert done.returncode == 0 and done.stderr == ""
    assert "-x .gdbinit build/a/kernel.elf -ex target remote build/a/gdb.sock" in done.stdout and done.stdout.endswith("-batch\n")


def test_of_two_machines_one_must_be_chosen(small: Path, stack: ExitStack) -> None:
    machine_in(small, "a", stack)
    machine_in(small, "all", stack)
    choices = "`python3 grading gdb a` or `python3 grading gdb all`"
    assert refused(small) == f"gdb: several machines run: say which with {choices}"
    assert "build/all/gdb.sock" in attach(small, "all").stdout


def test_a_debug_kernels_machine_is_found(small: Path, stack: ExitStack) -> None:
    machine_in(small, "a-debug", stack)
    for arguments in ((), ("a",), ("a-debug",)):
        assert "target remote build/a-debug/gdb.sock" in attach(small, *arguments).stdout
    assert "make qemu-gdb`" in refused(small, "all")
    (small / "build/a-debug/kernel.elf").unlink()
    assert refused(small).endswith("is missing: make kernel LAB=a DEBUG=1")


def test_one_debugger_at_a_time(small: Path, stack: ExitStack) -> None:
    folder = machine_in(small, "a", stack)
    client = stack.enter_context(open(folder / "gdb.client", "w"))
    fcntl.flock(client, fcntl.LOCK_EX)
    assert refused(small) == "gdb: another GDB is attached to build/a/gdb.sock: leave it first"


def test_a_missing_and_a_newer_kernel_are_told(small: Path, stack: ExitStack) -> None:
    folder = machine_in(small, "a", stack)
    os.utime(folder / "gdb.sock", (1, 1))
    assert "build/a/kernel.elf is newer than the machine that runs" in attach(small).stderr
    (folder / "kernel.elf").unlink()
    assert refused(small) == "gdb: build/a/kernel.elf is missing: make kernel LAB=a"


def test_students_have_the_commands(tmp_path: Path) -> None:
    starter.write(starter.manifest("a"), tmp_path / "tree")
    done = subprocess.run([*gdb_on(Path("/dev/null")), "-batch", "-ex", "cairn help", "-ex", "cairn ps"], cwd=tmp_path / "tree",
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert "cairn bt [PID] " in done.stdout and "cairn ps: no machine is attached" in done.stderr


@pytest.mark.parametrize("boot", ["grub", "uefi"])
def test_stops_at_kernel_main(built: Path, tmp_path: Path, boot: str) -> None:
    """From power-on, through the boot loader, and on to the prompt."""
    socket = tmp_path / "gdb.sock"
    esp = ROOT / "build" / "esp.img" if boot == "uefi" else None
    with Machine(disk=built / "disk.img", esp=esp, boot=boot, options="", gdb_socket=socket) as machine:
        text = debug(built / "kernel.elf", socket, "cairn ps", "cairn help", "break kernel_main", "continue",
                     "cairn bt", "cairn ps", "cairn frames")
        assert "cairn ps: the kernel isn't loaded yet: `break kernel_main`, then `continue`" in text
        assert re.search(r"^cairn pt PID \[ADDRESS\] +a process's page-table walk", text, re.MULTILINE)
        assert "Breakpoint 1, cairn::kernel_main (magic=920085129" in text
        assert "this CPU is still booting\n#0  0xffffffff" in text and " long_mode  kernel/arch/start.S:" in text
        assert "no processes: `run hello &`" in text and "cairn frames: the frame allocator hasn't started" in text
        machine.console.wait_for("cairn> $")


def test_stops_at_a_panic(built: Path, tmp_path: Path) -> None:
    """With a message that the kernel has anyway, and a person's own breakpoints still numbered from 1."""
    socket = tmp_path / "gdb.sock"
    with Machine(built / "kernel.elf", options="", gdb_socket=socket):
        text = debug(built / "kernel.elf", socket, "break kernel_main", "continue", "set $rdi = cairn::nmi_count.name_",
                     "set $rip = cairn::panic", "continue", "frame", "kill")
    assert "Breakpoint 1, cairn::kernel_main" in text
    assert "The kernel panics: interrupts.nmi" in text and re.search(r"^#0 .*cairn::panic ", text, re.MULTILINE)


def test_the_two_commands(built: Path) -> None:
    """`make qemu-gdb LAB=a` in one terminal, `make gdb` in another, as a person does it."""
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name} | {"TERM": "dumb"}
    terminal = {"cwd": ROOT, "env": environment, "encoding": "utf-8", "timeout": BACKSTOP_S}
    with ExitStack() as opened:
        qemu = opened.enter_context(pexpect.spawn("make qemu-gdb LAB=a", **terminal))
        if qemu.expect(["run `make gdb LAB=a` in another terminal", "another QEMU holds"]) == 1:
            pytest.skip("build/a/gdb.sock is in use: leave that machine first")
        gdb = opened.enter_context(pexpect.spawn("make gdb LAB=a", **terminal))
        gdb.expect_exact(PROMPT)
        assert "safe" not in gdb.before
        assert "Breakpoint 1 at" in say(gdb, "break kernel_main")
        assert "Breakpoint 1, cairn::kernel_main" in say(gdb, "continue")
        assert "kernel_main  kernel/boot/main.cc:" in say(gdb, "cairn bt")
        gdb.sendline("continue")
        qemu.expect_exact("cairn> ")
        qemu.sendline("run spin &")
        pid = qemu.expect(r"pid=(\d+)") or qemu.match[1]
        gdb.sendintr()
        gdb.expect_exact(PROMPT)
        assert re.search(rf"^ +{pid} +1 \w+ +0x\w+ spin ", say(gdb, "cairn ps"), re.MULTILINE)
        gdb.sendline("quit")
        gdb.expect(pexpect.EOF)
        qemu.send("\x01x")
        qemu.expect(pexpect.EOF)


def say(gdb: pexpect.spawn, command: str) -> str:
    """What GDB answers."""
    gdb.sendline(command)
    gdb.expect_exact(PROMPT)
    return str(gdb.before)
