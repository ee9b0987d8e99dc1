"""trace tells what programs do: calls with their arguments and results, signals, ends; and to nobody whom it doesn't concern."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading import ROOT
from grading.machine.machine import Machine
from grading.suite.conftest import run_make
from grading.tests.c.guest import make_disk

USER = ROOT / "build" / "user"
BUSYBOX = Path("/bin/busybox")
APPLETS = ("sh", "cat", "chown", "grep", "head", "kill", "mkdir", "mount", "sleep", "su", "tail", "wc")
MANY = 10_000  # calls whose lines are more than a ring and a pipe hold
SET_USER_ID = 0o4755
MOUNT = "[ -e /proc/self ] || { mkdir -p /proc; mount -t proc proc /proc; }"
# What user/tests/traced.c does. N: a number; A: an address.
LINES = r'''
openat(AT_FDCWD, "/nowhere/\"x\"", O_RDONLY|O_DIRECTORY|O_CLOEXEC) = -1 ENOENT
open(0x8, O_RDWR|O_CREAT|O_TRUNC, 0640) = -1 EFAULT
pipe2([3, 4], O_CLOEXEC) = 0
write(4, "one\ttwo\n\0012 and so on and on and "..., 41) = 41
read(3, "one\ttwo\n", 8) = 8
fstat(3, {st_mode=S_IFIFO|0600, st_size=0, ...}) = 0
fcntl(3, F_GETFL) = 0
fcntl(3, F_SETFD, FD_CLOEXEC) = 0
ioctl(3, TIOCGWINSZ, A) = -1 ENOTTY
poll([{fd=3, events=POLLIN|POLLPRI}], 1, 1000) = 1 ([{fd=3, revents=POLLIN}])
writev(4, [{iov_base="ab", iov_len=2}, {iov_base="", iov_len=0}, {iov_base="cde", iov_len=3}], 3) = 5
lseek(3, -1, SEEK_END) = -1 ESPIPE
close(99) = -1 EBADF
nanosleep({tv_sec=0, tv_nsec=1000}, NULL) = 0
nanosleep(0x10, NULL) = -1 EFAULT
prlimit64(0, RLIMIT_CORE, {rlim_cur=64, rlim_max=RLIM64_INFINITY}, NULL) = 0
mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED_VALIDATE|MAP_ANONYMOUS, -1, 0x1) = -1 EINVAL
mprotect(0x1000, 4096, PROT_NONE) = -1 ENOMEM
futex(A, FUTEX_WAIT|FUTEX_PRIVATE_FLAG, 2, {tv_sec=0, tv_nsec=1000}, NULL, 0x0) = -1 EAGAIN
futex(A, FUTEX_CMP_REQUEUE, 1, 7, A, 0x2) = -1 EAGAIN
syscall_500(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS
rt_sigaction(SIGUSR2, {sa_handler=SIG_IGN, sa_mask=[INT TERM], sa_flags=SA_RESTART}, NULL, 8) = 0
rt_sigprocmask(SIG_SETMASK, ~[INT], NULL, 8) = 0
rt_sigprocmask(SIG_SETMASK, [], NULL, 8) = 0
rt_sigaction(SIGUSR1, {sa_handler=A, sa_mask=[], sa_flags=SA_RESTORER|SA_RESTART, sa_restorer=A}, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, 8) = 0
getpid() = N
kill(N, SIGUSR1) = 0
--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=N, si_uid=0} ---
rt_sigreturn() = ?
fork() = N
wait4(N, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], WSTOPPED, NULL) = N
exit_group(5) = ?
+++ exited with 5 +++
'''.strip().splitlines()
SCRIPTS = {
    "whole": "trace -o /tmp/t /p/traced; echo status $?; cat /tmp/t",
    "follow": "trace -f -o /tmp/t sh -c '/p/traced 2 & wait; kill -9 $$'; echo status $?; cat /tmp/t",
    "threads": "trace -o /tmp/t /p/traced 3 threads; cat /tmp/t",
    # The reader begins when the writer has long found everything full.
    "full": f"trace /p/traced {MANY} 2>&1 >/dev/null | {{ sleep 1; grep -c '^getppid() = '; }}",
    # Who reads goes while the writer waits for room.
    "left": f"trace /p/traced {MANY} 2>&1 >/tmp/said | head -n1 >/dev/null; while ! grep . /tmp/said; do sleep 0.1; done",
    "attach": """until_true() { until eval "$1" >/dev/null 2>&1; do sleep 0.1; done; }
sleep 1000 & victim=$!; until_true 'grep sleep /proc/$victim/comm && grep State:.S /proc/$victim/status'
trace -o /tmp/first $victim & first=$!; until_true 'ls -l /proc/$first/fd | grep proc:'
trace $victim; cat /proc/$victim/trace /proc/self/trace; true <>/proc/self/trace
kill $first; wait $first
trace -o /tmp/second $victim & second=$!; until_true 'ls -l /proc/$second/fd | grep proc:'
kill $victim; wait $victim; echo status $?; wait $second; cat /tmp/first /tmp/second""",
    "locks": "cat /proc/cairn/locks",
    "foreign": "sleep 1000 & su nobody -s /bin/sh -c 'trace '$!; kill %1",
    "privileged": """mkdir -p /tmp/own; chown nobody /tmp/own
su nobody -s /bin/sh -c 'trace -o /tmp/own/t /p/set_user_id 3'; cat /tmp/own/t
echo root:; trace -o /tmp/t /p/set_user_id 3; grep -c getppid /tmp/t""",
}

# What user/tests/traced.c adds: calls, and failures among them. Nothing else of it makes these calls.
COUNTS = {"nanosleep": (2, 1), "poll": (1, 0), "prlimit64": (1, 0), "mprotect": (1, 1), "kill": (1, 0), "lseek": (1, 1), "pipe2": (1, 0)}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The complete kernel with busybox, trace and a program to be traced on its root."""
    run_make(ROOT, "kernel", "programs")
    files: dict[str, bytes | tuple[bytes, int] | str] = {f"/bin/{name}": "busybox" for name in APPLETS}
    files["/bin/busybox"] = (BUSYBOX.read_bytes(), SET_USER_ID)
    files["/bin/trace"] = (USER / "trace.elf").read_bytes()
    files["/p/traced"] = (USER / "traced.elf").read_bytes()
    files["/p/set_user_id"] = ((USER / "traced.elf").read_bytes(), SET_USER_ID)
    files["/etc/passwd"] = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"
    files |= {f"/s/{name}": f"{MOUNT}; mkdir -p /tmp; cd /\n{script}\n".encode() for name, script in SCRIPTS.items()}
    disk = make_disk(tmp_path_factory.mktemp("disk"), files)
    with Machine(ROOT / "build/all/kernel.elf", initrd=USER / "programs.cpio", options="channel root=vda log=warn", disks=[disk]) as running:
        yield running


def run(machine: Machine, script: str) -> list[str]:
    """The lines that a script prints."""
    before = len(machine.console.text)
    machine.channel.command(f"run /bin/sh /s/{script}")
    machine.channel.command("ps")
    return machine.console.text[before:].replace("\r\n", "\n").splitlines()


def pattern(line: str) -> str:
    """What an expected line may be."""
    return re.sub(r"\bA\b", "0x[0-9a-f]+", re.sub(r"\bN\b", "[0-9]+", re.escape(line)))


def own_calls(lines: list[str]) -> list[str]:
    """What the program's source says, from its first call on: its C library has some of its own."""
    first = next(i for i, line in enumerate(lines) if line.startswith("openat"))
    return [line for line in lines[first:] if "[RT_1 RT_2]" not in line]


def check(seen: list[str], expected: list[str]) -> None:
    """Each expected line comes where the one before it ended."""
    for number, (line, wanted) in enumerate(zip(seen, expected)):
        assert re.fullmatch(pattern(wanted), line), f"line {number}: {line!r}, not {wanted!r}"
    assert len(seen) == len(expected), seen[-3:]


def test_calls_are_told_with_what_they_were_given_and_gave(machine: Machine) -> None:
    seen = run(machine, "whole")
    assert seen[0] == "status 5"
    assert re.match(r'execve\("/p/traced", \["/p/traced"\], 0x[0-9a-f]+ /\* \d+ variables \*/\) = 0', seen[1])
    check(own_calls(seen), LINES)


def test_the_monitor_tells_the_same(machine: Machine) -> None:
    lines = machine.channel.command("trace traced").lines
    check(own_calls(lines[:-1]), LINES)
    assert re.fullmatch(r"pid=\d+ exited status=5", lines[-1])


def test_children_are_followed(machine: Machine) -> None:
    seen = run(machine, "follow")
    assert "status 137" in seen
    child = re.search(r"^(?:<\.\.\. )?(?:v?fork|clone)\b.*\) = (\d+)$", "\n".join(seen), re.MULTILINE)
    assert child, seen
    theirs = [line for line in seen if line.startswith(f"[pid {child[1]}] ")]
    assert any('execve("/p/traced", ["/p/traced", "2"]' in line for line in theirs), seen
    assert sum("getppid() = " in line for line in theirs) == 2
    assert theirs[-1].endswith("+++ exited with 0 +++") and seen[-1] == "+++ killed by SIGKILL +++"


def test_threads_are_told_of(machine: Machine) -> None:
    seen = "\n".join(run(machine, "threads"))
    thread = re.search(r"^(?:clone\(CLONE_VM\|.*\|CLONE_THREAD\|.*|<\.\.\. clone.*) = (\d+)$", seen, re.MULTILINE)
    assert thread, seen
    # The other thread may come between a call and its result.
    begun, ended = (re.findall(rf"^(.*){part}", seen, re.MULTILINE) for part in (r"getppid\(", r"getppid(?:\(| resumed>)\) = "))
    assert begun == [f"[pid {thread[1]}] "] * 3 and [line.removesuffix("<... ") for line in ended] == begun, seen


def test_who_finds_no_room_waits_and_nothing_is_lost(machine: Machine) -> None:
    assert run(machine, "full") == [str(MANY)]


def test_a_reader_who_goes_sets_all_free(machine: Machine) -> None:
    assert run(machine, "left") == [f"made {MANY} calls"]


def test_one_reader_at_a_time_and_never_oneself(machine: Machine) -> None:
    check([line for line in run(machine, "attach") if line != "Terminated"], [
        "trace: /proc/N/trace: Operation not permitted",
        "traced", "not traced",
        "/s/attach: line N: can't create /proc/self/trace: Operation not permitted",
        "status 143",
        "--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=N, si_uid=0} ---",
        "+++ killed by SIGTERM +++"])


def test_others_processes_are_not_shown(machine: Machine) -> None:
    check(run(machine, "foreign"), ["trace: /proc/N/trace: Permission denied"])


def test_a_trace_ends_where_its_program_gets_privileges(machine: Machine) -> None:
    seen = run(machine, "privileged")
    assert seen[0] == "made 3 calls" and "made 3 calls" in seen[seen.index("root:"):], seen
    users = seen[1:seen.index("root:")]
    assert users[-1].startswith('execve("/p/set_user_id"') and not any("getppid" in line for line in users), seen
    assert seen[-1] == "3"


def counts(machine: Machine) -> dict[str, tuple[int, int]]:
    """How often each call was made, and failed."""
    lines = "\n".join(machine.channel.command("syscalls").lines)
    return {name: (int(calls or 0), int(failed or 0)) for name, calls, failed in re.findall(r"^ *\d+ (\w+)\(.*?(?: calls=(\d+) failed=(\d+))?$", lines, re.MULTILINE)}


@pytest.mark.parametrize("command", ["run traced", "trace traced"])
def test_calls_are_counted_traced_or_not(machine: Machine, command: str) -> None:
    before = counts(machine)
    machine.channel.command(command)
    after = counts(machine)
    assert {name: (after[name][0] - before[name][0], after[name][1] - before[name][1]) for name in COUNTS} == COUNTS


def test_a_kernel_that_counts_no_locks_says_so(machine: Machine) -> None:
    assert run(machine, "locks") == ["this kernel counts no locks: make kernel DEBUG=1 builds one that does"]
