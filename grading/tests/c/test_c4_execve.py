"""C4: execve and execveat: arguments, paths, scripts, errors that leave the caller as it was."""

from __future__ import annotations

import errno
import os
import random
import struct

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.tests.b.process import PAGE, Process
from grading.tests.c import stack
from grading.tests.c.conftest import Guests, ProgramFile
from grading.tests.c.elf_files import small
from grading.tests.c.exec_calls import EXECVE, EXECVEAT, call, check_intact, exec_and_wait, exec_as, exec_words, place, try_exec, try_exec_at, vector
from grading.tests.c.guest import PUPPET, STARTS, Guest
from grading.tests.c.hostile import all_hostile, draw_cases
from grading.tests.c.test_c3_start import registers, teller

pytestmark = stands_on(STARTS)

AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, AT_FDCWD = 0x1000, 0x100, -100
LIMIT, LONGEST = 2 << 20, 128 << 10  # bytes: of strings and pointers, and of one string
SUCCESS = "success"


def arguments_of(guest: Guest, pid: int) -> tuple[list[bytes], dict[int, int], stack.Memory]:
    """argv and the auxiliary vector of a teller, and its memory."""
    first = stack.FirstStack.read(guest.memory(pid), registers(guest, pid)["rsp"])
    return first.arguments, first.auxiliary, first.memory


@item("C4", points=5)
def test_wrong_files_leave_the_caller_intact(guest_with: Guests, rng: random.Random) -> None:
    """Every hostile ELF file and script gives Linux's error, and the caller goes on with all its memory."""
    cases = draw_cases(rng, all_hostile())
    guest = guest_with({f"/h/{case.name}": (case.content, case.mode) for case in cases} | {"/h/ld-folder/x": b""})
    caller = guest.caller()
    caller.chdir("/h")
    wrong = [case for case in cases if case.wanted.startswith("E")]
    arguments, environment, path = vector(caller, (b"x",)), vector(caller, ()), caller.buffer(PAGE)
    path.store(b"none\0")
    try_exec(caller, path.address, arguments, environment)
    closing = caller.open("ld-text", os.O_RDONLY | os.O_CLOEXEC)
    before = guest.regions(caller.pid)
    check_intact(guest, caller, before, "a first call")
    frames = guest.frames_in_use()
    for case in wrong:
        path.store(case.name.encode() + b"\0")
        check(expected=case.wanted, seen=try_exec(caller, path.address, arguments, environment), what=f"execve() of `{case.file.name}` ({len(case.content)} bytes)")
    check_intact(guest, caller, before, f"{len(wrong)} calls of execve() that failed")
    check(expected=0, seen=caller.attempt().lseek(closing, 0, os.SEEK_CUR), what="lseek() of a descriptor of the caller's with close-on-exec after them")
    check(expected=frames, seen=guest.frames_in_use(), what="frames in use after them, and before")


@item("C4", points=2)
def test_right_files_run(guest_with: Guests, rng: random.Random) -> None:
    """Scripts and odd files that Linux runs end as there."""
    cases = draw_cases(rng, all_hostile())
    guest = guest_with({f"/h/{case.name}": (case.content, case.mode) for case in cases} | {"/h/ld-folder/x": b""})
    caller = guest.caller()
    caller.chdir("/h")
    for case in cases:
        if not case.wanted.startswith("exited") or not case.file.name.startswith(("script", "interpreter")):
            continue
        child = caller.fork()
        words = [EXECVE, place(child, case.name), vector(child, (b"x",)), 0]
        guest.puppets.set_to_work(child.pid, "call", *words)
        status = caller.reap(child)
        check(expected=int(case.wanted[7:]) << 8, seen=status, what=f"the wait status of `{case.file.name}`, {case.wanted} on Linux")


@item("C4", points=2)
def test_paths(guest_with: Guests) -> None:
    """What isn't there, isn't a file, may not be executed by root or by another user, can't be read as a path."""
    guest = guest_with({"/bin/good": small(3).to_bytes(), "/bin/plain": (small(3).to_bytes(), 0o644), "/folder/x": b"", "/bin/root": (small(3).to_bytes(), 0o700)})
    caller = guest.caller()
    caller.symlink("/bin/loop", "/bin/loop")
    caller.symlink("/bin/good", "/bin/link")
    before = guest.regions(caller.pid)
    for path, error in {"/bin/none": "ENOENT", "": "ENOENT", "/none/good": "ENOENT", "/bin/good/x": "ENOTDIR", "/bin/good/": "ENOTDIR", "/folder": "EACCES",
                        "/bin/plain": "EACCES", "/bin/loop": "ELOOP", "/dev/null": "EACCES", "/" + "n" * 256: "ENAMETOOLONG"}.items():
        check(expected=error, seen=try_exec(caller, path), what=f'execve("{path[:40]}")')
    for address in (0, 8, 0xFFFF_8000_0000_0000, 0x7FFF_FFFF_FFFF):
        check(expected="EFAULT", seen=try_exec(caller, address), what=f"execve() of a path at {address:#x}")
    user = caller.fork()
    call(user, "setuid", 1000)
    check(expected="EACCES", seen=try_exec(user, "/bin/root"), what="execve() by user 1000 of root's program with permissions 0700")
    check(expected=before, seen=[region for region in guest.regions(caller.pid) if region in before], what="the caller's regions")
    check(expected="exited status=3", seen=guest.run("/bin/link"), what="how a program ends that is reached by a symbolic link")


@item("C4", points=1)
def test_nobody_writes_to_what_runs(guest_with: Guests) -> None:
    """A file that is open for writing doesn't run, and one that runs can't be opened for it or cut, until it has ended."""
    guest = guest_with({"/bin/teller": teller().to_bytes()})
    caller = guest.caller()
    pid = guest.start("/bin/teller")
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC):
        seen = caller.attempt().open("/bin/teller", flags)
        check(expected=-errno.ETXTBSY, seen=seen, what=f"open() with flags {flags:#o} of a program that runs")
    check(expected=-errno.ETXTBSY, seen=caller.attempt().call("truncate", place(caller, "/bin/teller"), 0), what="truncate() of it")
    caller.open("/bin/teller", os.O_RDONLY)
    guest.end(pid)
    writing = caller.open("/bin/teller", os.O_RDWR)
    check(expected="ETXTBSY", seen=try_exec(caller, "/bin/teller"), what="execve() of a file that is open for writing")
    caller.close(writing)
    guest.end(guest.start("/bin/teller"))


@item("C4", points=2)
def test_arguments_that_cannot_be_read(guest_with: Guests) -> None:
    """EFAULT for arrays and strings that aren't there, or end at memory that isn't; null arrays are empty ones."""
    guest = guest_with({"/teller": teller().to_bytes()})
    caller = guest.caller()
    path, good, string = place(caller, "/teller"), vector(caller, (b"x",)), vector(caller, (b"x",))
    buffer = caller.buffer(2 * PAGE)
    caller.do("munmap", buffer.address + PAGE, 1)
    last_word, last_bytes = buffer.address + PAGE - 8, buffer.address + PAGE - 3
    buffer.store(struct.pack("<Q", buffer.address), PAGE - 8)
    for bad in (8, 0xFFFF_8000_0000_0000, last_word, (1 << 64) - 8):
        check(expected="EFAULT", seen=try_exec(caller, path, bad, good), what=f"execve() with argv at {bad:#x}")
        check(expected="EFAULT", seen=try_exec(caller, path, good, bad), what=f"execve() with envp at {bad:#x}")
    buffer.store(b"abc", PAGE - 3)
    for bad in (8, 0xFFFF_8000_0000_0000, last_bytes):
        caller.store(string, struct.pack("<Q", bad))
        check(expected="EFAULT", seen=try_exec(caller, path, string, good), what=f"execve() with argv[0] at {bad:#x}")
        check(expected="EFAULT", seen=try_exec(caller, path, good, string), what=f"execve() with envp[0] at {bad:#x}")
    pid = exec_and_wait(guest, "/teller", None, None)
    check(expected=[b""], seen=arguments_of(guest, pid)[0], what="argv of a program that was given none")


@item("C4", points=3)
def test_limits_of_arguments(guest_with: Guests, rng: random.Random) -> None:
    """A string of 128 KiB with its NUL passes, one byte more is E2BIG; so are 2 MiB of strings and pointers, and one byte more."""
    guest = guest_with({"/teller": teller().to_bytes()})
    caller = guest.caller()
    text = caller.buffer(LONGEST + PAGE)
    array = caller.buffer(PAGE)

    def sizes(process: Process, *lengths: int) -> int:
        """argv of strings of these lengths, all ends of the one in `text`."""
        end = text.address + LONGEST - 1
        array.store(struct.pack(f"<{len(lengths) + 1}Q", *(end - length for length in lengths), 0))
        return array.address

    caller.do("set", text.address, LONGEST - 1, ord("a"))
    child = caller.fork()
    path = b"/teller\0"
    count = LIMIT // LONGEST
    rest = LIMIT - (count - 1) * LONGEST - len(path) - 8 * count
    full = [LONGEST - 1] * (count - 1) + [rest - 1]
    check(expected="E2BIG", seen=try_exec(caller, "/teller", sizes(caller, *full[:-1], rest), None), what=f"execve() with {LIMIT + 1} bytes of arguments")
    check(expected="E2BIG", seen=try_exec(caller, "/teller", sizes(caller, *full), vector(caller, (b"",))), what="execve() with a full size of arguments and an environment")
    caller.do("set", text.address + LONGEST - 1, 1, ord("a"))
    check(expected="E2BIG", seen=try_exec(caller, "/teller", vector_of(caller, array, text.address), None), what=f"execve() with an argument of {LONGEST} bytes and a NUL")
    caller.do("set", text.address + LONGEST - 1, 1, 0)
    after = exec_as(guest, caller, "/teller", sizes(caller, *full), None)
    seen = [len(argument) for argument in arguments_of(guest, after.pid)[0]]
    check(expected=full, seen=seen, what=f"the lengths of arguments that take {LIMIT} bytes in all")
    guest.end(after.pid)
    pointers = child.buffer(LIMIT + PAGE)
    empty = place(child, b"")
    child.store(pointers.address, struct.pack("<4Q", *[empty] * 4))
    fill(child, pointers.address, LIMIT)
    check(expected="E2BIG", seen=try_exec(child, "/teller", pointers.address, None), what="execve() with pointers alone that take 2 MiB")


def fill(process: Process, address: int, size: int) -> None:
    """Repeats the 32 bytes at `address` up to `size`, through a pipe of the process's own, twice as many each time."""
    ends = process.buffer(PAGE)
    process.call("pipe", ends.address)
    reader, writer = struct.unpack("<ii", ends.load(8))
    done = 32
    while done < size:
        part = min(done, size - done, 32 << 10)
        process.call("write", writer, address, part)
        process.call("read", reader, address + done, part)
        done += part


def vector_of(process: Process, array: object, address: int) -> int:
    """An array of one pointer."""
    array.store(struct.pack("<QQ", address, 0))  # type: ignore[attr-defined]
    return array.address  # type: ignore[attr-defined]


@item("C4", points=3)
def test_scripts(guest_with: Guests, rng: random.Random) -> None:
    """A script's interpreter gets its own path, the one argument, the script's path and the caller's arguments but the first."""
    lines = {"plain": ("#!/teller", []), "blanks": ("#! \t/teller \t ", []), "one": ("#!/teller -x", [b"-x"]), "many": ("#!/teller  a b  c\t", [b"a b  c"])}
    files = {f"/bin/{name}": line.encode() + b"\nrest\n" for name, (line, _) in lines.items()}
    files["/bin/nested"] = b"#!/bin/one y\n"
    guest = guest_with({"/teller": teller().to_bytes(), **files})
    given = [b"zero", b"", b"two words", b"x" * rng.randrange(200)]
    for name, (line, extra) in lines.items():
        pid = exec_and_wait(guest, f"/bin/{name}", given, ())
        seen, auxiliary, memory = arguments_of(guest, pid)
        check(expected=[b"/teller", *extra, f"/bin/{name}".encode(), *given[1:]], seen=seen, what=f"argv of the interpreter of a script that begins with `{line}`")
        check(expected=f"/bin/{name}".encode(), seen=memory.string(auxiliary[stack.EXECFN], "AT_EXECFN"), what="AT_EXECFN of a script")
        guest.end(pid)
    pid = exec_and_wait(guest, "/bin/nested", None, ())
    check(expected=[b"/teller", b"-x", b"/bin/one", b"y", b"/bin/nested"], seen=arguments_of(guest, pid)[0], what="argv of the interpreter of a script's interpreter")


@item("C4", points=2)
def test_set_ids(guest_with: Guests, program: ProgramFile) -> None:
    """The set-user-ID and set-group-ID bits of a program make its owner and group the process's, for files too, and AT_SECURE says so."""
    guest = guest_with({"/teller": teller().to_bytes(), "/script": b"#!/teller\n", f"/elf/{PUPPET}": program(PUPPET), "/of-78": (b"x", 0o040), "/of-root": (b"x", 0o600)})
    caller = guest.caller()
    for path, mode, user, group in (("/teller", 0o4755, 1000, 0), ("/teller", 0o2755, 0, 2000), ("/teller", 0o6755, 1000, 2000), ("/teller", 0o2745, 0, 0), ("/teller", 0o755, 0, 0)):
        caller.call("lchown", place(caller, path), 1000, 2000)
        caller.chmod(path, mode)
        pid = exec_and_wait(guest, path)
        aux = arguments_of(guest, pid)[1]
        check(expected=(0, user, 0, group, int(bool(user or group))), seen=tuple(aux[kind] for kind in (stack.UID, stack.EUID, stack.GID, stack.EGID, stack.SECURE)),
              what=f"AT_UID, AT_EUID, AT_GID, AT_EGID, AT_SECURE of a program of user 1000 and group 2000 with mode {mode:#o}, run by root")
        guest.end(pid)
    caller.call("lchown", place(caller, "/script"), 1000, 2000)
    caller.chmod("/script", 0o6755)
    aux = arguments_of(guest, exec_and_wait(guest, "/script"))[1]
    check(expected=(0, 0), seen=(aux[stack.EUID], aux[stack.EGID]), what="AT_EUID and AT_EGID behind a script with these bits")
    caller.call("lchown", place(caller, f"/elf/{PUPPET}"), 1000, 2000)
    caller.chmod(f"/elf/{PUPPET}", 0o6755)
    caller.call("lchown", place(caller, "/of-78"), 0, 78)
    groups = caller.buffer(8)
    groups.store(struct.pack("<2I", 77, 78))
    call(caller, "setgroups", 2, groups.address)
    check_ids(exec_as(guest, caller, f"/elf/{PUPPET}"))


def check_ids(process: Process) -> None:
    """Of a process of root's with the groups 77 and 78 that executed a program of user 1000 and group 2000 with both bits."""
    numbers = process.buffer(16)
    for name, wanted in (("getresuid", (0, 1000, 1000)), ("getresgid", (0, 2000, 2000))):
        call(process, name, *(numbers.address + 4 * index for index in range(3)))
        check(expected=wanted, seen=struct.unpack("<3I", numbers.load(12)), what=f"{name}(): real, effective, saved")
    count = call(process, "getgroups", 4, numbers.address)
    check(expected=(77, 78), seen=struct.unpack(f"<{count}I", numbers.load(4 * count)), what="getgroups()")
    process.fails("EACCES").open("/of-root")
    process.open("/of-78")


@item("C4", points=3)
def test_execveat(guest_with: Guests) -> None:
    """execveat() by directory, by descriptor alone, with its flags, and what the program's path is then."""
    guest = guest_with({"/bin/teller": teller().to_bytes(), "/bin/script": b"#!/bin/teller\n", "/bin/plain": (b"", 0o644)})
    caller = guest.caller()
    caller.symlink("teller", "/bin/link")
    folder, file = caller.open("/bin", os.O_RDONLY | os.O_DIRECTORY), caller.open("/bin/teller", os.O_PATH)
    closing = caller.open("/bin/script", os.O_RDONLY | os.O_CLOEXEC)
    wrong = {(folder, "none", 0): "ENOENT", (folder, "", 0): "ENOENT", (file, "x", 0): "ENOTDIR", (99, "teller", 0): "EBADF", (folder, "teller", 1): "EINVAL",
             (folder, "link", AT_SYMLINK_NOFOLLOW): "ELOOP", (folder, "", AT_EMPTY_PATH): "EACCES", (closing, "", AT_EMPTY_PATH): "ENOENT", (folder, "plain", 0): "EACCES"}
    for (dirfd, path, flags), error in wrong.items():
        check(expected=error, seen=try_exec_at(caller, dirfd, path, flags), what=f'execveat({dirfd}, "{path}", flags {flags:#x})')
    for dirfd, path, flags, shown in ((folder, "teller", 0, f"/dev/fd/{folder}/teller"), (folder, "link", 0, f"/dev/fd/{folder}/link"), (file, "", AT_EMPTY_PATH, f"/dev/fd/{file}"),
                                      (99, "/bin/teller", AT_SYMLINK_NOFOLLOW, "/bin/teller"), (AT_FDCWD, "bin/teller", 0, "bin/teller")):
        child = caller.fork()
        words = [EXECVEAT, dirfd, place(child, path), vector(child, (b"x",)), vector(child, ()), flags]
        after = exec_words(guest, child, path, words, str(file) if not path else "")
        _, auxiliary, memory = arguments_of(guest, after.pid)
        check(expected=shown.encode(), seen=memory.string(auxiliary[stack.EXECFN], "AT_EXECFN"), what=f'AT_EXECFN after execveat({dirfd}, "{path}", flags {flags:#x})')
        guest.kill(after.pid)


@item("C4", points=2)
def test_memory_runs_out(guest_with: Guests) -> None:
    """Whichever allocation fails, execve() succeeds or gives ENOMEM with the caller going on, and nothing is left over."""
    guest = guest_with({"/teller": teller().to_bytes()})
    caller = guest.caller()
    words = [EXECVE, place(caller, "/teller"), vector(caller, (b"a", b"b")), vector(caller, (b"c",))]
    failed, frames = [], {}
    for number in range(40):
        child = caller.fork()
        guest.machine.channel.command(f"fail allocation {number}")
        sequence = guest.puppets.set_to_work(child.pid, "call", *words)
        while (process := guest.look_at(child.pid))["wait"] not in ("poll", "input") and process["state"] not in ("zombie", "gone"):
            pass
        guest.machine.channel.command("fail allocation 0")
        check_that(process["wait"] in ("poll", "input"), expected="the new program, or the old one", seen=process["state"], what=f"a process after execve() whose allocation {number} fails")
        if process["name"] != "teller":
            failed.append(number)
            check(expected=errno.ENOMEM, seen=guest.puppets.finished(sequence)[sequence].errno, what=f"errno of execve() whose allocation {number} fails")
            check(expected=child.pid, seen=call(child, "getpid"), what=f"getpid() of the caller of execve() whose allocation {number} failed")
        guest.kill(child.pid)
        caller.reap(child)
        frames = frames or guest.frames_in_use()  # after a first round, which touches the caller's pages
        check(expected=frames, seen=guest.frames_in_use(), what=f"frames in use after execve() whose allocation {number} was to fail")
    check_that(len(failed) >= 2, expected="at least two", seen=failed, what="allocations whose failure execve() told of")
