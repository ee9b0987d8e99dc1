"""From boot to a login: busybox's init, getty, login and shell, all Debian's, and a person at the console."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading import ROOT
from grading.machine.machine import Machine
from grading.suite.conftest import run_make
from grading.tests.c.guest import Files, make_disk

BUSYBOX = Path("/bin/busybox")
MONITOR_KEY = "\x1d"  # ^]
ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nstudent:x:1000:1000:student:/tmp:/bin/sh\n",
    "shadow": "root::19000::::::\nstudent::19000::::::\n",
    "group": "root:x:0:\nstudent:x:1000:\n",
    "inittab": "ttyS0::respawn:/sbin/getty -L 115200 ttyS0 vt100\n",
    "profile": "PS1='<\\u> '\n",
}
SAY = "echo started >/dev/tty"  # so that keys come when the line editor has given the terminal up
STARTED = r"^started\r\n"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with busybox under all its names."""
    names = subprocess.run([BUSYBOX, "--list-full"], capture_output=True, text=True, check=True).stdout.split()
    files: dict[str, bytes | tuple[bytes, int] | str] = {f"/{name}": "/bin/busybox" for name in names}
    files |= {f"/etc/{name}": (text.encode(), 0o600 if name == "shadow" else 0o644) for name, text in ETC.items()}
    files["/bin/busybox"] = BUSYBOX.read_bytes()
    files["/root/secret"] = (b"nobody else's\n", 0o600)
    return make_disk(tmp_path_factory.mktemp("disk"), files)


def boot(disk: Path, options: str = "init=/sbin/init") -> Machine:
    run_make(ROOT, "kernel", "programs")
    return Machine(ROOT / "build/all/kernel.elf", initrd=ROOT / "build/user/programs.cpio", options=f"channel root=vda {options}", disks=[disk])


@pytest.fixture(scope="module")
def machine(disk: Path) -> Iterator[Machine]:
    with boot(disk) as running:
        yield running


def log_in(machine: Machine, name: str) -> None:
    machine.console.wait_for("login: ")
    machine.console.send(f"{name}\r")
    machine.console.wait_for(f"<{name}> ")


def answer(machine: Machine, command: str, name: str = "root") -> str:
    """What the shell prints for a command."""
    machine.console.send(f"{command}; echo ' 'end\r")
    shown = machine.console.read_to(r"^ end\r\n").replace("\r\n", "\n")
    machine.console.wait_for(f"<{name}> ")
    return shown.partition("\n")[2].removesuffix(" end\n")


def key(machine: Machine, keys: str, shown: str) -> str:
    machine.console.send(keys)
    return machine.console.wait_for(shown)[0]


def test_a_person_works_at_the_console(machine: Machine) -> None:
    log_in(machine, "root")
    assert answer(machine, "id; tty") == "uid=0(root) gid=0(root) groups=0(root)\n/dev/ttyS0\n"
    assert answer(machine, "cat /root/secret | tr a-z A-Z") == "NOBODY ELSE'S\n"
    # A loop in the foreground, of which ^C makes an end; the shell lives.
    key(machine, f"{SAY}; while :; do :; done\r", STARTED)
    key(machine, "\x03", "<root> ")
    assert answer(machine, "echo $?") == "130\n"
    # A job that is stopped, goes on in the background, comes back and is ended.
    key(machine, f"({SAY}; exec sleep 1000)\r", STARTED)
    assert "Stopped" in key(machine, "\x1a", r"\[1\]\+ +Stopped .*\r\n")
    assert "Stopped" in answer(machine, "jobs")
    assert answer(machine, "bg").startswith("[1] ")
    assert "Running" in answer(machine, "jobs")
    key(machine, f"{SAY}; fg\r", STARTED)
    machine.console.wait_for(r"sleep 1000.*\r\n")
    key(machine, "\x03", "<root> ")
    assert answer(machine, "jobs") == ""
    # A pipeline is one job: ^D ends its first part and with it the others.
    key(machine, f"({SAY}; cat) | tr a-z A-Z\r", STARTED)
    key(machine, "shout\r", "shout\r\n")
    assert key(machine, "\x04", r"SHOUT\r\n")
    machine.console.wait_for("<root> ")
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
    answer(machine, "chmod 1777 /tmp")
    machine.console.send("exit\r")
    log_in(machine, "student")
    assert answer(machine, "id -un; id -gn", "student") == "student\nstudent\n"
    assert "Permission denied" in answer(machine, "cat /root/secret", "student")
    assert "Permission denied" in answer(machine, "cat /etc/shadow", "student")
    assert "not permitted" in answer(machine, "kill -9 1", "student")
    assert "not permitted" in answer(machine, "chown student /etc/passwd", "student")
    assert answer(machine, "echo mine >/tmp/mine; cat /tmp/mine; stat -c %U /tmp/mine", "student") == "mine\nstudent\n"
    machine.console.send("exit\r")
    log_in(machine, "root")
    # Nobody ends init by a signal that it doesn't catch.
    assert answer(machine, "kill -9 1; kill -STOP 1; kill -0 1; echo $?") == "0\n"


def test_no_init_no_kernel(disk: Path, tmp_path: Path) -> None:
    disk = Path(shutil.copy(disk, tmp_path))  # the other machine has it
    with boot(disk, "init=/bin/false") as machine:
        machine.console.wait_for(r"process 1 \(false\) exited with status 1\r\n")
        machine.console.wait_for("panic: process 1, the init program, ended")
    with boot(disk, "init=/bin/none") as machine:
        machine.console.wait_for("init=/bin/none: there is no such program; the monitor goes on")
        machine.console.wait_for("cairn> ")
