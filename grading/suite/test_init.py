"""From boot to a login: busybox's init, getty, login and shell, all Debian's, and a person at the console."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from grading.machine.machine import Machine
from grading.suite.login import answer, boot, key, log_in, people, prompt

MONITOR_KEY = "\x1d"  # ^]
SAY = "echo started >/dev/tty"  # so that keys come when the line editor has given the terminal up
STARTED = r"^started\r\n"


@pytest.fixture(scope="module")
def machine(complete: Path) -> Iterator[Machine]:
    with boot(complete) as running:
        yield running


def test_a_person_works_at_the_console(machine: Machine) -> None:
    log_in(machine, "root")
    assert answer(machine, "id; tty; pwd; hostname") == "uid=0(root) gid=0(root) groups=0(root)\n/dev/ttyS0\n/root\ncairn\n"
    assert re.fullmatch(r"Hello from process \d+, child of \d+\.\n", answer(machine, "hello"))  # the course's own
    assert answer(machine, "echo nobody elses >secret; chmod 600 secret; cat secret | tr a-z A-Z") == "NOBODY ELSES\n"
    # A loop in the foreground, of which ^C makes an end; the shell lives.
    key(machine, f"{SAY}; while :; do :; done\r", STARTED)
    key(machine, "\x03", prompt("root"))
    assert answer(machine, "echo $?") == "130\n"
    # A job that is stopped, goes on in the background, comes back and is ended.
    key(machine, f"({SAY}; exec sleep 1000)\r", STARTED)
    assert "Stopped" in key(machine, "\x1a", r"\[1\]\+ +Stopped .*\r\n")
    assert "Stopped" in answer(machine, "jobs")
    assert answer(machine, "bg").startswith("[1] ")
    assert "Running" in answer(machine, "jobs")
    key(machine, f"{SAY}; fg\r", STARTED)
    machine.console.wait_for(r"sleep 1000.*\r\n")
    key(machine, "\x03", prompt("root"))
    assert answer(machine, "jobs") == ""
    # A pipeline is one job: ^D ends its first part and with it the others.
    key(machine, f"({SAY}; cat) | tr a-z A-Z\r", STARTED)
    key(machine, "shout\r", "shout\r\n")
    assert key(machine, "\x04", r"SHOUT\r\n")
    machine.console.wait_for(prompt("root"))
    # What a background job reads stops it.
    answer(machine, "cat & true")
    assert "Stopped" in answer(machine, "sleep 1; jobs")
    answer(machine, "kill -9 %1; wait")


def test_the_monitor_is_one_key_away(machine: Machine) -> None:
    key(machine, MONITOR_KEY, "cairn> ")
    assert key(machine, "ps\r", r"^pid=1 .*name=init\r\n")
    machine.console.wait_for("cairn> ")
    machine.console.send(MONITOR_KEY)
    assert answer(machine, "echo back") == "back\n"


def test_others_are_refused(machine: Machine) -> None:
    machine.console.send("exit\r")
    log_in(machine, "student")
    assert answer(machine, "id -un; id -gn; pwd", "student") == "student\nstudent\n/home/student\n"
    assert "Permission denied" in answer(machine, "cat /root/secret", "student")
    assert "Permission denied" in answer(machine, "cat /etc/shadow", "student")
    assert "Permission denied" in answer(machine, "echo >/etc/motd", "student")
    assert "not permitted" in answer(machine, "kill -9 1", "student")
    assert "not permitted" in answer(machine, "chown student /etc/passwd", "student")
    assert answer(machine, "for file in /tmp/mine mine; do echo $file >$file; cat $file; stat -c %U $file; done", "student") == (
        "/tmp/mine\nstudent\nmine\nstudent\n")
    machine.console.send("exit\r")
    log_in(machine, "root")
    # Nobody ends init by a signal that it doesn't catch.
    assert answer(machine, "kill -9 1; kill -STOP 1; kill -0 1; echo $?") == "0\n"


def test_no_init_no_kernel(complete: Path) -> None:
    with boot(complete, "/bin/false") as machine:
        machine.console.wait_for(r"process 1 \(false\) exited with status 1\r\n")
        machine.console.wait_for("panic: process 1, the init program, ended")


@pytest.mark.parametrize(("program", "why"), [("/bin/none", "there is no such program"), ("/etc/motd", "it can't be run")])
def test_an_init_that_never_ran_is_none(complete: Path, program: str, why: str) -> None:
    with boot(complete, program) as machine:
        machine.console.wait_for(f"init={program}: {why}; the monitor goes on")
        machine.console.wait_for("cairn> ")
        machine.console.send("run hello\r")
        machine.console.wait_for("^Hello from process 2, ")
        machine.console.wait_for("^pid=2 exited status=0")


def test_make_qemu_boots_to_a_login(complete: Path) -> None:
    """As people do it, through GRUB, on the disk that is theirs."""
    with people("make qemu") as terminal:
        terminal.expect_exact("cairn login: ")
        assert "cairn> " not in terminal.before
        terminal.send("root\r")
        terminal.expect_exact("root@cairn:~# ")
        assert "The key ^] " in terminal.before
        terminal.send("poweroff\r")
        terminal.expect(pexpect.EOF)
    with people("make qemu MONITOR=1") as terminal:
        assert "not unmounted" not in terminal.before
        terminal.expect_exact("cairn> ")
        assert "login" not in terminal.before
        terminal.send("\x01x")
        terminal.expect(pexpect.EOF)
