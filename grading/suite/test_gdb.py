"""GDB's `cairn` commands, by a real gdb on a real QEMU: what they print agrees with what the monitor
says and with what the harness sees from outside. Attaching itself is in test_gdb_attach.py."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from grading import ROOT
from grading.machine.gdb_command import gdb_on
from grading.judge import page_walk
from grading.machine.machine import Machine
from grading.suite.rubric_runs import PROGRAMS
from grading.tests.a.puppets import Puppets

BACKSTOP_S = 600  # for a gdb whose breakpoint is never hit
UNMAPPED = 0x10_0000_0000
KERNEL_TEXT = 0xFFFF_FFFF_8010_1000
PAGE_FAULT = 14
MARK = "echo \\n<<<\\n"


def debug(kernel: Path, target: Path | None, *commands: str) -> str:
    """What a gdb that runs the commands prints; it lets the machine go on at its end."""
    connect = [f"target remote {target}"] if target else []
    words = [word for command in (*connect, *commands) for word in ("-ex", command)]
    done = subprocess.run([*gdb_on(kernel), "-batch", *words], cwd=ROOT, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BACKSTOP_S, check=False)
    assert "Python Exception" not in done.stdout and "Traceback" not in done.stdout, done.stdout
    return done.stdout


class Scene:
    """A running machine with a puppet; GDB may have it after offer()."""

    def __init__(self, machine: Machine, kernel: Path, folder: Path) -> None:
        self.machine, self.kernel, self.socket = machine, kernel, folder / "gdb.sock"
        self.puppets = Puppets(machine)
        self.pid = self.puppets.start()

    def offer(self) -> None:
        """Gives the stub to GDB, which stops the machine when it attaches."""
        self.machine.monitor(f"chardev-add socket,id=debugger,path={self.socket},server=on,wait=off")
        self.machine.monitor("gdbserver chardev:debugger")

    def gdb(self, *commands: str) -> list[str]:
        """What each of the commands printed."""
        marked = [word for command in commands for word in (MARK, command)]
        text = debug(self.kernel, self.socket, *marked, MARK)
        return [part.strip("\n") for part in text.split("\n<<<\n")[1:-1]]


@pytest.fixture(scope="module")
def kernel(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernel, where no other test builds."""
    return Path(shutil.copy(built / "kernel.elf", tmp_path_factory.mktemp("kernel")))


@dataclass
class Seen:
    """What there is to find, by the monitor and the harness."""

    scene: Scene
    child: int  # pids
    ended: int
    processes: list[dict[str, str]]
    regions: list[dict[str, str]]
    frames: str
    pages: page_walk.PageMap
    childs_pages: page_walk.PageMap


@pytest.fixture(scope="module")
def seen(kernel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """A puppet and its child that wait for a line, a program that ended, one that computes."""
    with Machine(kernel, PROGRAMS) as machine:
        scene = Scene(machine, kernel, tmp_path_factory.mktemp("gdb"))
        command = machine.channel.command
        child = scene.puppets.do(scene.pid, "fork")
        ended = command("run hello &").number("pid")
        scene.puppets.until(ended, "zombie")
        command("run spin &")
        scene.puppets.until_blocked(child)
        told = command("ps").values(), command(f"vm {scene.pid}").values(), "\n".join(command("frames").lines)
        maps = [page_walk.walk(machine, scene.puppets.root(pid)) for pid in (scene.pid, child)]
        scene.offer()
        yield Seen(scene, child, ended, *told, *maps)


def test_ps_agrees_with_the_monitor(seen: Seen) -> None:
    (text,) = seen.scene.gdb("cairn ps")
    rows = {row[0]: row for row in (line.split(maxsplit=5) for line in text.splitlines()[1:])}
    for process in seen.processes:
        row = rows[process["pid"]]
        assert (row[1], row[4]) == (process["ppid"], process["name"])
        assert row[3] == "-" if process["state"] == "zombie" else int(row[3], 16) == int(process["root"], 0)
        assert row[2] == process["state"] or process["name"] == "spin"
    assert re.search(r"\(kernel/\S+:\d+\), system call read, user 0x4\w+ \w+", rows[str(seen.scene.pid)][5])
    assert re.search(r"user 0x4\w+ main", next(row[5] for row in rows.values() if row[4] == "spin"))


def test_a_walk_agrees_with_the_harness(seen: Seen) -> None:
    pid = seen.scene.pid
    pages = [*seen.pages.values()][:4]
    addresses = [*(page.virtual + 0x123 for page in pages), UNMAPPED, KERNEL_TEXT, 1 << 48]
    answers = seen.scene.gdb(*(f"cairn pt {pid} {address:#x}" for address in addresses))
    for page, answer in zip(pages, answers[:4], strict=True):
        assert f"-> physical {page.physical + 0x123:#x}  {page.flags}, a page of 4 KiB; frame use " in answer
        steps = re.findall(r"^level (\d)  table (\w+)  index +(\d+)  entry (\w+) -> \w+  present", answer, re.MULTILINE)
        told = [tuple(int(word, 0) for word in step) for step in steps]
        assert told == [(step.level, step.table, step.index, step.entry) for step in page.levels]
    assert "not present" in answers[4] and f"{UNMAPPED:#x} is not mapped: the entry of level" in answers[4]
    assert "-> physical 0x101000  rx, " in answers[5]
    assert answers[6] == "cairn pt: 0x1000000000000 is not canonical: no page table can map it"


def test_mapped_ranges_are_all_pages(seen: Seen) -> None:
    (text,) = seen.scene.gdb(f"cairn pt {seen.scene.pid}")
    covered: dict[int, str] = {}
    for start, end, flags, count in re.findall(r"^(0x\w+) (0x\w+) (\w+) +(\d+) x 4 KiB", text, re.MULTILINE):
        addresses = range(int(start, 16), int(end, 16), page_walk.PAGE)
        assert len(addresses) == int(count)
        covered |= dict.fromkeys(addresses, flags)
    assert covered == {page.virtual: page.flags for page in seen.pages.values()}
    assert f"{len(seen.pages)} pages, {len(seen.pages.tables)} tables" in text


def test_regions_agree_with_the_monitor(seen: Seen) -> None:
    (text,) = seen.scene.gdb(f"cairn vm {seen.scene.pid}")
    rows = re.findall(r"^(0x\w+) (0x\w+) (\S+) +(\S+) +(\d+) of", text, re.MULTILINE)
    told = [(int(line["start"], 0), int(line["end"], 0), line["access"], line["kind"]) for line in seen.regions]
    assert [(int(start, 16), int(end, 16), access, kind) for start, end, access, kind, _ in rows] == told
    assert sum(int(row[4]) for row in rows) == len(seen.pages)


def test_frames_agree_with_the_monitor(seen: Seen) -> None:
    text = seen.scene.gdb("cairn frames")[0]
    for name, count in re.findall(r"(?:use=)?([\w-]+)(?: frames)?=(\d+)", seen.frames.partition("heap bytes")[0]):
        assert re.search(rf"^{name} +{count} frames", text, re.MULTILINE), (name, count, text)


def test_a_shared_frame_names_who_maps_it(seen: Seen) -> None:
    shared = seen.pages.frames() & seen.childs_pages.frames()
    page = next(page for page in seen.pages.values() if page.physical in shared)
    (text,) = seen.scene.gdb(f"cairn frames {page.physical + 8:#x}")
    assert re.match(rf"{page.physical:#x}: frame use \w+, references [2-9]\n", text)
    for pid in (seen.scene.pid, seen.child):
        assert f"pid {pid} (puppet) at {page.virtual:#x} " in text


def test_backtrace_of_a_sleeper_reaches_its_user_code(seen: Seen) -> None:
    before, text, after, ended = seen.scene.gdb("info registers", f"cairn bt {seen.scene.pid}", "info registers", f"cairn bt {seen.ended}")
    assert re.search(
        r"pid \d+ \(puppet\): blocked\n(.*\n)*#\d+ +\w+ schedule .*\n(.*\n)*#\d+ +\w+ syscall_dispatch +kernel/\S+:\d+\n(.*\n)*"
        r"    --- system call read, from user mode at (0x4\w+)\n#\d+ +0x0+4\w+ user \w+\+\d+\n(.*\n)*"
        r"#\d+ +\w+ user read\+\d+\n#\d+ +\w+ user main\+\d+\n#\d+ +\w+ user \(a guess\) libc_start_main", text), text
    assert before == after
    assert "no stack" in ended


def test_with_a_programs_symbols_too(seen: Seen) -> None:
    """Its language is C, its outermost function main, its break points in user mode."""
    *_, ps, bt, selected = seen.scene.gdb("add-symbol-file build/user/spin.elf", "break main", "continue", "cairn ps",
                                          f"cairn bt {seen.scene.pid}", "frame")
    assert "user" in ps and "system call read, " in bt and "main () at user/programs/spin.c" in selected


def test_small_types_are_printed_as_what_they_hold(seen: Seen) -> None:
    process = f"$all[{seen.scene.pid}]"
    prepare = (
        "set language c++", "set $all = 'cairn::(anonymous namespace)::leaves'[0].processes",
        f"set $link = (long){process}.threads.head_.next - (long)&(('cairn::UserThread'*)0)->process_link")
    values = (f"{process}.pid", "(('cairn::UserThread'*)$link).state", f"{process}.space.object_.table_.root_", f"{process}.pending.set_")
    answers = seen.scene.gdb(*prepare, *(f"p {value}" for value in values))[len(prepare):]
    values = [re.sub(r"^\$\d+ = ", "", answer) for answer in answers]
    assert values == [str(seen.scene.pid), "cairn::ThreadState::kBlocked", hex(seen.pages.root), "0"]


@pytest.mark.parametrize(("command", "answer"), [
    ("cairn pt", r"cairn pt: usage: cairn pt PID \[ADDRESS\]"),
    ("cairn vm 77", r"cairn vm: there is no process 77: `cairn ps` lists them"),
    ("cairn bt hello", r"cairn bt: 'hello' is no pid: `cairn ps` lists the processes"),
    ("cairn vm ENDED", r"cairn vm: process \d+ has ended and has no memory any more"),
    ("cairn pt PID nowhere", r"cairn pt: 'nowhere' is no address: .*"),
    ("cairn nonsense", r"cairn: there is no command 'nonsense'; there are: bt (\w+ )*frames (\w+ )*ps pt (\w+ )*vm"),
])
def test_mistakes_are_answered_in_one_line(seen: Seen, command: str, answer: str) -> None:
    command = command.replace("PID", str(seen.scene.pid)).replace("ENDED", str(seen.ended))
    assert re.fullmatch(answer, seen.scene.gdb(command)[0])


def test_damaged_structures_are_one_line_too(seen: Seen) -> None:
    leaf = "'cairn::(anonymous namespace)::leaves'[0]"
    link = "$region.link.left"
    answers = seen.scene.gdb(
        "set language c++", f"set $leaf = {leaf}", f"set $region = $leaf.processes[{seen.scene.pid}].space.object_.regions_.root_",
        f"set $left = {link}", f"set var {link} = $region", f"cairn vm {seen.scene.pid}", f"set var {link} = $left",
        f"set var {leaf} = 4096", "cairn ps", f"set var {leaf} = $leaf", "cairn ps")
    assert "cairn vm: the tree of regions is damaged" in answers[5]
    assert answers[8] == "cairn ps: a structure of the kernel can't be read: Cannot access memory at address 0x1000"
    assert "puppet" in answers[10]


def test_another_kernel_and_none_at_all(seen: Seen, tmp_path: Path) -> None:
    data = bytearray(seen.scene.kernel.read_bytes())
    table = subprocess.run(["readelf", "-SW", seen.scene.kernel], capture_output=True, text=True, check=True).stdout
    data[int(re.search(r"\.text +PROGBITS +\w+ (\w+)", table)[1], 16)] ^= 1  # type: ignore[index]
    other = tmp_path / "other.elf"
    other.write_bytes(data)
    assert "cairn ps: the machine runs another kernel than" in debug(other, seen.scene.socket, "cairn ps")
    assert "cairn bt: no symbols of a kernel" in seen.scene.gdb("file", "cairn bt")[1]
    assert "cairn frames: no machine is attached" in debug(seen.scene.kernel, None, "cairn frames")
    assert "cairn ps: the machine is running: stop it" in seen.scene.gdb("continue &", "cairn ps")[1]


# Stepping through entry and exit.

ENTRY_STEPS, EXIT_STEPS = 27, 21  # instructions that stay in arch/trap.S
TRAP_S = ROOT / "kernel" / "arch" / "trap.S"
SYSCALL_RETURN = next(i for i, line in enumerate(TRAP_S.read_text().splitlines(), 2) if "call    syscall_dispatch" in line)


@pytest.fixture(scope="module")
def storm(kernel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A puppet that forks for ever; its children write to shared pages."""
    with Machine(kernel, PROGRAMS) as machine:
        scene = Scene(machine, kernel, tmp_path_factory.mktemp("gdb"))
        page = scene.puppets.do(scene.pid, "mmap", 1, 3)
        scene.puppets.send(scene.pid, "storm", 1 << 40, 1, page, 1)
        scene.offer()
        yield scene


def test_backtrace_across_a_page_fault(storm: Scene) -> None:
    *_, mine, plain = storm.gdb("break cairn::handle_page_fault", "continue", "cairn bt", "bt")
    rip = re.search(
        r"^cpu 0: pid \d+ \(puppet\)\n#0 .* handle_page_fault .*\n(?:.*\n)*#\d+ +\w+ trap_dispatch +kernel/traps/dispatch.cc:\d+\n"
        r"#\d+ +\w+ trap_common .*\n    --- page fault \((?:write, protection|read, not present)\), from user mode at (0x4\w+)\n"
        r"#\d+ +\w+ user \w+(?:\+\d+)?\n(?:.*\n)*#\d+ .* user .*main", mine)
    assert rip, mine
    assert re.search(rf"in trap_common .*\n#\d+ +0x0+{rip[1][2:]} in ", plain), plain


@pytest.mark.parametrize(("where", "steps"), [
    (f"*((char*)&::trap_stubs + 16 * {PAGE_FAULT})", ENTRY_STEPS),
    ("*&::syscall_entry", ENTRY_STEPS),
    ("*&::return_to_user", EXIT_STEPS),
    (f"kernel/arch/trap.S:{SYSCALL_RETURN}", EXIT_STEPS),
])
def test_every_instruction_of_entry_and_exit_is_unwound(storm: Scene, where: str, steps: int) -> None:
    answers = storm.gdb(f"break {where}", "continue", "cairn bt", *["stepi", "cairn bt"] * steps)
    user = [re.search(r"^#\d+ +(0x0+4\w+) user ", answer, re.MULTILINE) for answer in answers[2::2]]
    assert all(user), answers
    assert len({match[1] for match in user if match}) == 1, answers


def test_a_switch_of_stacks_is_unwound(storm: Scene) -> None:
    answers = storm.gdb("break switch_stacks", "continue", "cairn bt", *["stepi", "cairn bt"] * 14)
    ends = r"switch_to .*\n(.*\n)*.* user |new thread, begins with begin_child|thread_trampoline"
    assert all(re.search(ends, answer) for answer in answers[2::2]), answers
