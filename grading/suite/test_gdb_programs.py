"""GDB's commands for what programs do, by a real gdb on a real QEMU: their memory and files, breakpoints in them, system
calls, signals; what they print agrees with what the program did and with what the monitor and /proc say."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from grading import ROOT
from grading.machine.machine import Machine
from grading.suite.conftest import run_make
from grading.suite.rubric_runs import PROGRAMS
from grading.suite.test_gdb import debug
from grading.tests.c.guest import make_disk

MARK = "echo \\n<<<\\n"
SOURCE = r"""
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
void handle(int signal) { (void)signal; }
__attribute__((noinline)) void take_step(int* steps) { ++*steps; }
int main(void) {
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART | SA_NODEFER};
  struct timespec pause = {0, 1000000};
  sigset_t blocked;
  int steps = 0;
  sigaddset(&action.sa_mask, SIGINT);
  sigaction(SIGUSR1, &action, NULL);
  signal(SIGTERM, SIG_IGN);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  sigaddset(&blocked, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  kill(getpid(), SIGUSR2);
  for (int i = 0; i < 2; i++) sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
  static char maps[4096];
  read(open("/proc/self/maps", O_RDONLY), maps, sizeof maps - 1);
  printf("\n%sready\n", maps);
  fflush(stdout);
  for (;;) {
    take_step(&steps);
    nanosleep(&pause, NULL);
  }
}
"""


@dataclass
class Seen:
    """A machine whose stub gdb may have, and what is in it."""

    kernel: Path
    socket: Path
    program: Path
    pid: int
    spin: int
    maps: list[str]  # as /proc has them
    calls: list[str]  # as the monitor lists them

    def gdb(self, *commands: str) -> list[str]:
        """What each of the commands printed."""
        marked = [word for command in commands for word in (MARK, command)]
        text = debug(self.kernel, self.socket, *marked, MARK)
        return [part.strip("\n") for part in text.split("\n<<<\n")[1:-1]]


@pytest.fixture(scope="module")
def seen(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """A position-independent program that the host has elsewhere, and one of the course's."""
    run_make(ROOT, "programs")
    folder = tmp_path_factory.mktemp("programs")
    program, kernel = folder / "stepper", Path(shutil.copy(complete / "kernel.elf", folder))
    subprocess.run(["gcc", "-static-pie", "-g", "-O1", "-x", "c", "-", "-o", program], input=SOURCE, text=True, check=True)
    files: dict[str, bytes | tuple[bytes, int] | str] = {"/bin/stepper": program.read_bytes(), "/bin/busybox": Path("/bin/busybox").read_bytes()}
    files |= {f"/bin/{name}": "busybox" for name in ("sh", "mkdir", "mount")} | {"/bin/spin": (ROOT / "build/user/spin.elf").read_bytes()}
    script = "mkdir -p /proc; mount -t proc proc /proc"
    files["/s"] = script.encode()
    disk = make_disk(folder, files)
    with Machine(kernel, PROGRAMS, options="channel root=vda log=warn", disks=[disk]) as machine:
        machine.channel.command("run /bin/sh /s")
        spin = machine.channel.command("run /bin/spin &").number("pid")
        pid = machine.channel.command("run stepper &").number("pid")
        machine.console.wait_for("ready\r?\n")
        maps = re.findall(r"^[0-9a-f]+-[0-9a-f]+ .*", machine.console.text.replace("\r", ""), re.MULTILINE)
        socket = folder / "gdb.sock"
        machine.monitor(f"chardev-add socket,id=debugger,path={socket},server=on,wait=off")
        machine.monitor("gdbserver chardev:debugger")
        yield Seen(kernel, socket, program, pid, spin, maps, machine.channel.command("syscalls").lines)


def test_maps_are_those_of_proc(seen: Seen) -> None:
    (text,) = seen.gdb(f"cairn maps {seen.pid}")
    lines = [line.split() for line in text.splitlines()]
    told = [line.split() for line in seen.maps]
    # /proc has a device between offset and inode, and whole paths.
    expected = [[*line[:3], line[4], *(name.rpartition("/")[2] for name in line[5:6])] for line in told]
    assert lines == expected and any(line[-1] == "stepper" for line in lines)


def test_breakpoints_in_a_program_wherever_it_lies(seen: Seen) -> None:
    loaded, *_, where, steps = seen.gdb(f"cairn user {seen.pid} {seen.program}", "hbreak take_step", "continue", "bt 2", "p *steps")
    base = int(next(line for line in seen.maps if "stepper" in line).split("-")[0], 16)
    assert f"symbols of {seen.program} at {base:#x}; " in loaded
    assert re.search(r"#0 .*take_step \(steps=.*0x\w+\) at <stdin>:\d+\n#1 .* in main \(\) at <stdin>:\d+", where)
    assert re.fullmatch(r"\$\d+ = [1-9]\d*", steps)


def test_the_courses_programs_are_found_by_name(seen: Seen) -> None:
    loaded, missing, wrong = seen.gdb(f"cairn user {seen.spin}", f"cairn user {seen.pid}", f"cairn user {seen.pid} /bin/busybox")
    assert f"symbols of {ROOT}/build/user/spin.elf; " in loaded
    assert missing.startswith(f"cairn user: process {seen.pid} runs stepper, and none of these is it: ")
    assert "none of these is it: /bin/busybox; " in wrong


def test_handlers_masks_and_what_is_queued(seen: Seen) -> None:
    _, text, missing = seen.gdb(f"cairn user {seen.pid} {seen.program}", f"cairn signals {seen.pid}", "cairn signals 999")
    lines = text.splitlines()
    assert lines[0] == "pending [USR2 RT_2], queued: SIGUSR2 code 0, SIGRT_2 code -1, SIGRT_2 code -1"
    assert lines[1] == f"thread {seen.pid} pending [], blocked [USR2 RT_2]"
    assert re.fullmatch(r"SIGUSR1 +0x\w+ handle, flags RESTORER\|RESTART\|NODEFER, mask \[INT\]", lines[2])
    assert lines[3:] == ["SIGTERM    ignored"]
    assert missing == "cairn signals: there is no process 999: `cairn ps` lists them"


def test_system_calls_and_who_implements_them(seen: Seen) -> None:
    listed, read, execve, getpid, missing = seen.gdb(*(f"cairn syscalls {word}".strip() for word in ("", "read", "59", "getpid", "nothing")))
    assert [line.split()[:2] for line in listed.splitlines()] == [re.split(r"[ (]", line.strip())[:2] for line in seen.calls]
    assert [" absent " in line for line in listed.splitlines()] == ["not in this stage" in line for line in seen.calls]
    assert re.fullmatch(r" +0 read +from lab b on +kernel/syscalls/lab_b/io_calls.cc:\d+", f"    {read.strip()}")
    assert re.search(r"59 execve +lab c's own +labs/c-exec/exec_calls.cc:\d+", execve)
    assert re.search(r"39 getpid +every stage +kernel/syscalls/process_calls.cc:\d+", getpid)
    assert missing == "cairn syscalls: there is no system call nothing in kernel/syscalls/table.h"
