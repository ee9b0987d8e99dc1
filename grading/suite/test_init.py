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
AT_24 = r"\x1b\[24;1H\x1b\[K"  # where vi says what it is doing


@pytest.fixture(scope="module")
def machine(complete: Path) -> Iterator[Machine]:
    """Where root is logged in, before each test and after it."""
    with boot(complete) as running:
        log_in(running)
        yield running


def test_a_person_works_at_the_console(machine: Machine) -> None:
    assert answer(machine, "id; tty; pwd; hostname") == "uid=0(root) gid=0(root) groups=0(root)\n/dev/ttyS0\n/root\ncairn\n"
    assert re.fullmatch(r"Hello from process \d+, child of \d+\.\n", answer(machine, "hello"))  # the course's own
    assert answer(machine, "echo words | tr a-z A-Z") == "WORDS\n"
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


def test_vi_edits_a_file_and_saves_it(machine: Machine) -> None:
    machine.channel.command("window 24 80")
    key(machine, "vi poem\r", rf"{AT_24}- poem 1/1 100%")
    key(machine, "i", rf"{AT_24}I poem")
    key(machine, "roses\rviolets", r"\x1b\[1;1Hroses\x1b\[2;1Hviolets")
    key(machine, "\x1b", rf"{AT_24}- poem \[Modified\] 2/2 100%")
    key(machine, "kx", r"\[Modified\] 1/2 50%")  # up, and the last letter goes
    key(machine, ":w\r", rf"{AT_24}'poem' 2L, 13C")
    key(machine, ":q\r", r"\x1b\[\?1049lroot@cairn:~# ")
    assert answer(machine, "cat poem") == "rose\nviolets\n"


def test_less_pages_and_quits(machine: Machine) -> None:
    machine.channel.command("window 24 80")
    key(machine, "seq 100 >count; less count\r", r"\x1b\[K1\r\n(?s:.*)\x1b\[K23\r\n\x1b\[24;0H")
    key(machine, " ", r"^\x1b\[K46\r\n\x1b\[24;0H\x1b\[K:")
    key(machine, "b", r"\x1b\[K1\r\n(?s:.*)\x1b\[K23\r\n")
    key(machine, "G", r"^\x1b\[K100\r\n(?s:.*)\(END\)")
    key(machine, "q", r"\x1b\[Kroot@cairn:~# ")


def test_top_refreshes_and_quits(machine: Machine) -> None:
    machine.channel.command("window 24 80")
    screen = r"\x1b\[H\x1b\[JMem: \d+K used, (?s:.*?)\r\n +\d+ +\d+ root +R .* top -d 1"
    key(machine, "top -d 1\r", screen)
    for _ in range(2):
        machine.console.wait_for(screen)
    key(machine, "q", r"\r\nroot@cairn:~# ")
    assert answer(machine, "echo $?") == "0\n"


def wait_for_a_key(machine: Machine, name: str) -> None:
    """Until the program does nothing else: a change of the window just before would be lost on it."""
    while not re.search(rf"wait=(input|poll) name={name}$", "\n".join(machine.channel.command("ps").lines), re.MULTILINE):
        pass


def test_programs_follow_the_window(machine: Machine) -> None:
    machine.channel.command("window 24 80")
    key(machine, "seq 100 >count; less count\r", r"^\x1b\[K23\r\n\x1b\[24;0H")
    wait_for_a_key(machine, "less")
    machine.channel.command("window 10 60")
    machine.console.wait_for(r"^\x1b\[K9\r\n\x1b\[10;0H")
    key(machine, "q", r"\x1b\[Kroot@cairn:~# ")
    assert answer(machine, "stty size") == "10 60\n"
    key(machine, "vi count\r", r"\x1b\[9;1H9(?s:.*)\x1b\[10;1H\x1b\[K- count 1/100 1%")
    wait_for_a_key(machine, "vi")
    machine.channel.command("window 6 200")
    machine.console.wait_for(r"\x1b\[5;1H5 (?s:.*)\x1b\[6;1H\x1b\[K- count 1/100 1%")
    key(machine, ":q\r", r"\x1b\[\?1049lroot@cairn:~# ")


def test_the_shell_remembers_and_edits_lines(machine: Machine) -> None:
    up, left = "\x1b[A", "\x1b[D"
    for word in ("first", "second"):
        answer(machine, f"echo {word}")
    key(machine, f"{up}{up}\r", r"^first\r\n")
    machine.console.wait_for(prompt("root"))
    key(machine, f"echo wrd{left}{left}o\r", r"^word\r\n")  # editing is not only at the end
    machine.console.wait_for(prompt("root"))
    key(machine, "cat /etc/mo\t\r", "^Welcome to Cairn")  # names are completed
    machine.console.wait_for(prompt("root"))


def test_the_monitor_is_one_key_away(machine: Machine) -> None:
    key(machine, MONITOR_KEY, "cairn> ")
    assert key(machine, "ps\r", r"^pid=1 .*name=init\r\n")
    machine.console.wait_for("cairn> ")
    machine.console.send(MONITOR_KEY)
    assert answer(machine, "echo back") == "back\n"


def test_others_are_refused(machine: Machine) -> None:
    answer(machine, "echo nobody elses >secret; chmod 600 secret")
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


def test_programs_know_their_path_when_nothing_is_cached(machine: Machine) -> None:
    """The C library of a static program asks for it as it starts, and aborts if it isn't one."""
    assert answer(machine, "cat </dev/null; true") == ""
    machine.channel.command("cache drop")
    assert answer(machine, "readlink /proc/self/exe; readlink /proc/1/exe; sh -c 'echo runs'") == "/bin/busybox\n/bin/busybox\nruns\n"


def test_dmesg_reads_the_kernels_log(machine: Machine) -> None:
    lines = answer(machine, "dmesg").splitlines()
    assert lines[0] == "[    0.000000] debug boot: check memory" and any("boot: Cairn, started by" in line for line in lines)
    assert lines == machine.channel.command("log").lines[:len(lines)]
    assert answer(machine, "dmesg -c >/dev/null; dmesg") == ""
    assert answer(machine, "su -s /bin/sh student -c 'dmesg -c'").strip().endswith("Operation not permitted")


def test_pseudo_terminals_are_at_their_place(machine: Machine) -> None:
    """With a fifo and a pipe instead of a connection, Debian's telnetd gives a shell one."""
    assert "devpts on /dev/pts type devpts " in answer(machine, "mount")
    keys = "mkfifo keys; exec 3<>keys; echo 'tty; ls /dev/pts; exit' >&3"
    shown = answer(machine, f"{keys}; telnetd -i -l /bin/sh <&3 | tr -cd ' -~\\n'; exec 3>&-; rm keys")
    assert shown.endswith("/dev/pts/0\n0     ptmx\n"), shown
    assert answer(machine, "ls /dev/pts") == "ptmx\n"


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
        terminal.send("stty size\r")
        terminal.expect_exact("\n{} {}\r".format(*terminal.getwinsize()))
        terminal.send("poweroff\r")
        terminal.expect(pexpect.EOF)
    with people("make qemu MONITOR=1") as terminal:
        assert "not unmounted" not in terminal.before
        terminal.expect_exact("cairn> ")
        assert "login" not in terminal.before
        terminal.send("\x01x")
        terminal.expect(pexpect.EOF)
