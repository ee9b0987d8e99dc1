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
# Three threads that wait: two for one word, one of them with bits, and the third for memory that is shared.
SLEEPERS = r"""
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
enum { kWait, kRequeue = 3, kWaitBits = 9, kPrivate = 128 };
struct Sleeper { uint32_t* word; int operation, tid; } sleepers[3];
void* sleeper(void* argument) {
  struct Sleeper* me = argument;
  me->tid = syscall(SYS_gettid);
  syscall(SYS_futex, me->word, me->operation, 0, NULL, NULL, 2);
  return NULL;
}
int main(void) {
  static uint32_t word;
  uint32_t* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const struct Sleeper kSleepers[] = {{&word, kWait | kPrivate}, {&word, kWaitBits | kPrivate}, {shared + 4, kWait}};
  for (int i = 0; i < 3; i++) {
    struct Sleeper* one = &sleepers[i];
    pthread_t thread;
    *one = kSleepers[i];
    pthread_create(&thread, NULL, sleeper, one);
    // Moved to where they are: how many wait.
    while (syscall(SYS_futex, one->word, kRequeue | (one->operation & kPrivate), 0, 9L, one->word, 0) != 1 + (i == 1)) sched_yield();
  }
  printf("\nsleepers %p %d %d %d\n", &word, sleepers[0].tid, sleepers[1].tid, sleepers[2].tid);
  fflush(stdout);
  for (;;) pause();
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
    sleepers: list[str]  # their process's pid, the address of the word, their tids
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
    for name, source in ("stepper", SOURCE), ("sleepers", SLEEPERS):
        subprocess.run(["gcc", "-static-pie", "-g", "-O1", "-x", "c", "-", "-o", folder / name], input=source, text=True, check=True)
    files: dict[str, bytes | tuple[bytes, int] | str] = {f"/bin/{path.name}": path.read_bytes() for path in (program, folder / "sleepers", Path("/bin/busybox"))}
    files |= {f"/bin/{name}": "busybox" for name in ("sh", "mkdir", "mount")} | {"/bin/spin": (ROOT / "build/user/spin.elf").read_bytes()}
    script = "mkdir -p /proc; mount -t proc proc /proc"
    files["/s"] = script.encode()
    disk = make_disk(folder, files)
    with Machine(kernel, PROGRAMS, options="channel root=vda log=warn", disks=[disk]) as machine:
        machine.channel.command("run /bin/sh /s")
        spin = machine.channel.command("run /bin/spin &").number("pid")
        pid = machine.channel.command("run stepper &").number("pid")
        machine.console.wait_for("ready\r?\n")
        sleepers = machine.channel.command("run sleepers &").number("pid")
        waiters = machine.console.wait_for(r"sleepers 0x[0-9a-f]+( \d+){3}\r?\n").group().split()[1:]
        maps = re.findall(r"^[0-9a-f]+-[0-9a-f]+ .*", machine.console.text.replace("\r", ""), re.MULTILINE)
        socket = folder / "gdb.sock"
        machine.monitor(f"chardev-add socket,id=debugger,path={socket},server=on,wait=off")
        machine.monitor("gdbserver chardev:debugger")
        yield Seen(kernel, socket, program, pid, spin, [str(sleepers), *waiters], maps, machine.channel.command("syscalls").lines)


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


def test_threads_and_what_they_wait_for(seen: Seen) -> None:
    pid, word, first, second, third = seen.sleepers
    listed, everybody, futexes, none = seen.gdb(f"cairn threads {pid}", "cairn threads", "cairn futexes", "cairn threads 999")
    shared = re.search(rf"^(object [1-9]\d* at 0x10): {third}$", futexes, re.MULTILINE)
    assert f"{word} of process {pid}: {first}, {second} (bits 0x2)" in futexes.splitlines() and shared, futexes
    lines = [line.split(None, 4) for line in listed.splitlines()[1:]]
    assert [line[:4] for line in lines] == [[pid, tid, "blocked", "sleepers"] for tid in (pid, first, second, third)]
    waits = [f"futex {name}, futex_wait (kernel/futex/futex.cc:" for name in (f"{word} of process {pid}", f"{word} of process {pid}", shared[1])]
    assert [line[4].startswith(wait) for line, wait in zip(lines[1:], waits)] == [True, True, True], listed
    assert "system call futex, user 0x" in lines[1][4] and "futex" not in lines[0][4]
    assert set(listed.splitlines()) < set(everybody.splitlines()) and re.search(rf"^ *{seen.spin} +{seen.spin} ", everybody, re.MULTILINE)
    assert none == "cairn threads: there is no process 999: `cairn ps` lists them"


def test_system_calls_and_who_implements_them(seen: Seen) -> None:
    listed, read, execve, getpid, missing = seen.gdb(*(f"cairn syscalls {word}".strip() for word in ("", "read", "59", "getpid", "nothing")))
    assert [line.split()[:2] for line in listed.splitlines()] == [re.split(r"[ (]", line.strip())[:2] for line in seen.calls]
    assert [" absent " in line for line in listed.splitlines()] == ["not in this stage" in line for line in seen.calls]
    assert re.fullmatch(r" +0 read +from lab b on +kernel/syscalls/lab_b/io_calls.cc:\d+", f"    {read.strip()}")
    assert re.search(r"59 execve +lab c's own +labs/c-exec/exec_calls.cc:\d+", execve)
    assert re.search(r"39 getpid +every stage +kernel/syscalls/process_calls.cc:\d+", getpid)
    assert missing == "cairn syscalls: there is no system call nothing in kernel/syscalls/table.h"
