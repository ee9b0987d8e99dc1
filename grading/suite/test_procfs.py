"""/proc tells what Linux's does, to a program that looks itself over, and to busybox's ps, top, free and the like."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading import ROOT
from grading.machine.machine import Machine
from grading.suite.conftest import run_make
from grading.tests.c.guest import make_disk

USER = ROOT / "build" / "user"
BUSYBOX = Path("/bin/busybox")
WORDS = ["one", "two words", ""]
ENVIRONMENT = {"A": "1", "B": "2"}
LINE = re.compile(r"calls: (.*?)(?=\r?\n)")
WANTED_LINES = 90
ROUNDS = 30
SLACK = 16  # frames, of thousands of processes: objects of one size share frames, stacks stay for the next threads
PIDS_A_FRAME = 128  # in the kernel's table, which grows until pids come again
MOUNT = "[ -e /proc/self ] || { mkdir -p /proc; mount -t proc proc /proc; }"
SCRIPTS = {
    "look": f"{MOUNT}; cd /tmp; exec env -i A=1 B=2 /p/proc_files one 'two words' ''",
    "churn": f"{MOUNT}; exec /p/proc_churn {ROUNDS}",
    "applets": f"""{MOUNT}
cd /tmp; sleep 1000 & sleep 1001 &
say() {{ echo "== $1"; eval "$1"; }}
say 'ps -o pid,ppid,comm,args'
say 'pidof sleep'
say 'free'
say 'top -b -n1'
say 'mount'
say 'uptime'
say 'cat /proc/$!/cmdline'
say 'readlink /proc/$!/exe; readlink /proc/$!/cwd; readlink /proc/self/fd/1'
say 'echo text >made; exec 3<made; readlink /proc/$$/fd/3; cat /proc/$$/fd/3'
say 'grep -c . /proc/cairn/metrics'
say 'renice -n -7 -p $! >/dev/null; cut -d" " -f18,19 /proc/$!/stat'
killall sleep; wait
say 'pidof sleep; echo $?'
say 'killall sleep'
""",
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The complete kernel with busybox and the two programs on its root."""
    run_make(ROOT, "kernel", "programs")
    names = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    files: dict[str, bytes | tuple[bytes, int] | str] = {f"/bin/{name}": "busybox" for name in names}
    files["/bin/busybox"] = BUSYBOX.read_bytes()
    files["/etc/passwd"] = b"root:x:0:0:root:/root:/bin/sh\n"
    files |= {f"/p/{name}": (USER / f"{name}.elf").read_bytes() for name in ("proc_files", "proc_churn")}
    files |= {f"/s/{name}": script.encode() + b"\n" for name, script in SCRIPTS.items()}
    disk = make_disk(tmp_path_factory.mktemp("disk"), files)
    with Machine(ROOT / "build/all/kernel.elf", initrd=USER / "programs.cpio", options="channel root=vda log=warn", disks=[disk]) as running:
        yield running


def run(machine: Machine, script: str) -> str:
    """What a script prints."""
    before = len(machine.console.text)
    machine.channel.command(f"run /bin/sh /s/{script}")
    machine.channel.command("ps")
    return machine.console.text[before:].replace("\r\n", "\n")


def test_a_program_looks_itself_over(machine: Machine, tmp_path: Path) -> None:
    program = tmp_path / "proc_files"
    program.write_bytes((USER / "proc_files.elf").read_bytes())
    program.chmod(0o755)
    linux = subprocess.run(["/p/proc_files", *WORDS],
                           executable=program, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, cwd=tmp_path)
    expected, seen = LINE.findall(linux.stdout), LINE.findall(run(machine, "look"))
    if os.geteuid() != 0:
        expected, seen = ([line for line in lines if not line.startswith("[root]")] for lines in (expected, seen))
    assert expected[-1] == "done" and len(expected) >= WANTED_LINES
    differences = [f"Linux {a!r}\nCairn {b!r}" for a, b in zip(expected, seen) if a != b]
    assert not differences and len(seen) == len(expected), "\n".join(differences)


def test_busybox_finds_what_it_reads(machine: Machine) -> None:
    shown = dict(part.split("\n", 1) for part in run(machine, "applets").split("== ")[1:])
    pids = shown["pidof sleep"].split()
    assert len(pids) == 2
    for pid, seconds in zip(sorted(pids, key=int), ("1000", "1001")):
        assert re.search(rf"^ *{pid} +\d+ +sleep +sleep {seconds}$", shown["ps -o pid,ppid,comm,args"], re.M)
    total, used, free = (int(word) for word in re.search(r"^Mem: +(\d+) +(\d+) +(\d+)", shown["free"], re.M).groups())
    assert 100_000 < total < 131_072 and 0 < used < total and total // 2 < free < total
    top = shown["top -b -n1"]
    assert re.search(r"^Mem: \d+K used, \d+K free", top) and re.search(r"^CPU: .* \d+% idle", top, re.M)
    assert re.search(rf"^ *{pids[0]} +\d+ root +S .* sleep 100[01]$", top, re.M)
    assert re.search(r"^proc on /proc type proc \(rw,relatime\)$", shown["mount"], re.M)
    assert re.search(r"^/dev/vda on / type ext2 ", shown["mount"], re.M)
    assert re.search(r" up \d+ min, .*load average: \d+\.\d\d, \d+\.\d\d, \d+\.\d\d$", shown["uptime"], re.M)
    assert shown["cat /proc/$!/cmdline"] == "sleep\x001001\x00"
    assert shown["readlink /proc/$!/exe; readlink /proc/$!/cwd; readlink /proc/self/fd/1"] == "/bin/busybox\n/tmp\n/dev/console\n"
    assert shown["echo text >made; exec 3<made; readlink /proc/$$/fd/3; cat /proc/$$/fd/3"] == "/tmp/made\ntext\n"
    assert int(shown["grep -c . /proc/cairn/metrics"]) > 40
    assert next(text for name, text in shown.items() if name.startswith("renice")) == "13 -7\n"
    assert shown["pidof sleep; echo $?"] == "1\n"
    assert "no process killed" in shown["killall sleep"]


def census(machine: Machine) -> dict[str, int]:
    """Frames in use, by use; those of the page cache and of requests to the disk come and go."""
    text = "\n".join(machine.channel.command("frames").lines)
    return {use: int(frames) for use, frames in re.findall(r"^use=(\S+) frames=(\d+)$", text, re.M) if use not in ("cache", "dma")}


def newest_pid(machine: Machine) -> int:
    """The pid that was given last."""
    answer = "\n".join(machine.channel.command("run /bin/true").lines)
    return int(re.search(r"pid=(\d+)", answer)[1])


def test_nothing_is_lost_while_processes_come_and_go(machine: Machine) -> None:
    run(machine, "churn")  # what stays after the first time are caches
    before, first_pid = census(machine), newest_pid(machine)
    said = run(machine, "churn")
    opened, gone = (int(word) for word in re.fullmatch(r"churn: opened (\d+), gone (\d+)\n", said).groups())
    assert opened > 1000 and gone > 0
    after, last_pid = census(machine), newest_pid(machine)
    tables = last_pid // PIDS_A_FRAME - first_pid // PIDS_A_FRAME
    grown = {use: after[use] - before[use] for use in after}
    grown["heap"] -= tables
    assert last_pid - first_pid > 1000 and max(grown.values()) <= SLACK, f"{grown}\n{before}\n{after}"
