"""The kernel boots by every way, with little and much memory, and says what is wrong when it can't."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

from grading import ROOT
from grading.judge import page_walk
from grading.machine.failures import GuestFailure
from grading.machine.machine import Machine
from grading.suite.rubric_runs import PROGRAMS

ESP = ROOT / "build" / "esp.img"
FRAME = 4096
# Of memory, at most, beside the frame table: firmware, the kernel, its tables, the programs.
RESERVED_MIB = {"pvh": 12, "grub": 12, "uefi": 64}


def start(built: Path, boot: str = "pvh", **arguments) -> Machine:
    """A machine with the kernel of build/a."""
    files = {"kernel": built / "kernel.elf", "initrd": PROGRAMS} if boot == "pvh" else {
        "disk": built / "disk.img", "esp": ESP if boot == "uefi" else None}
    return Machine(**{**files, "boot": boot, **arguments})


@pytest.fixture(scope="module")
def with_channel(built: Path) -> Iterator[Machine]:
    """A machine for tests that ask for what changes nothing."""
    with start(built) as machine:
        yield machine


@pytest.fixture(scope="module")
def at_the_prompt(built: Path) -> Iterator[Machine]:
    """A machine for tests that type a line and go on to the next prompt."""
    with start(built, options="") as machine:
        machine.console.wait_for("cairn> $")
        yield machine


@pytest.mark.parametrize("boot", ["pvh", "grub", "uefi"])
def test_boots_to_the_prompt(built: Path, boot: str) -> None:
    check_that_it_works(built, boot, 128)


def test_options_arrive_through_grub(built: Path) -> None:
    with start(built, "grub") as machine:
        machine.channel.command("help")


@pytest.mark.parametrize(("boot", "memory"), [
    *(("pvh", memory) for memory in (32, 33, 64, 1024, 2048, 2815, 2816, 3072, 4096, 8192)),
    *(("grub", memory) for memory in (32, 3072, 8192)),
    ("uefi", 8192),
])
def test_boots_with_little_and_much_memory(built: Path, boot: str, memory: int) -> None:
    check_that_it_works(built, boot, memory)


def check_that_it_works(built: Path, boot: str, memory: int) -> None:
    """It boots to its prompt, uses all of the memory, and runs a program."""
    # By the console: OVMF writes to all serial lines before the kernel does.
    with start(built, boot, memory_mib=memory, options="") as machine:
        machine.console.wait_for("cairn> $")
        machine.console.send("frames\n")
        total = int(machine.console.wait_for(r"^total=(\d+) ")[1]) * FRAME >> 20
        assert memory - RESERVED_MIB[boot] - memory // 128 <= total <= memory
        machine.console.send("run hello\n")
        machine.console.wait_for(r"pid=\d+ exited status=0")
        machine.console.wait_for("cairn> $")


@pytest.mark.parametrize("memory", [4, 8, 16, 24, 31])
def test_too_little_memory_is_said(built: Path, memory: int) -> None:
    programs = PROGRAMS if memory > 4 else None  # QEMU would put them over the kernel
    with start(built, memory_mib=memory, options="", initrd=programs) as machine:
        machine.console.wait_for(r"too little memory: 32 MiB are needed .*MEMORY=32M")
        machine.console.wait_for("boot stopped")
        assert "cairn> " not in machine.console.text


def test_every_command_of_help_is_explained(with_channel: Machine) -> None:
    names = [line.split()[0] for line in with_channel.channel.command("help").lines]
    wanted = {"help", "run", "ps", "kill", "pt", "vm", "frames", "metrics", "log", "reboot", "halt"}
    assert wanted <= set(names)
    for name in names:
        assert with_channel.channel.command(f"help {name}").lines


def test_help_stands_in_80_columns_and_the_console_is_not_waited_for(complete: Path) -> None:
    with start(complete, "grub") as machine:
        for escaped in machine.channel.command("help").lines:  # \xe2 and so on for what isn't ASCII
            line = escaped.encode().decode("unicode_escape").encode("latin-1").decode()
            assert re.fullmatch(r"\S+ +(?<=^.{13})(\S.*|) +(?<=^.{38})\S.*", line) and len(line) <= 80, line
        reply = machine.channel.try_command("cat /dev/console")
        assert reply.errno == "EAGAIN" and "doesn't wait" in reply.message
        reply = machine.channel.try_command("mv a")
        assert reply.errno == "EINVAL" and reply.message == "usage: mv OLD NEW"


def test_monitor_follows_a_program(built: Path) -> None:
    with start(built) as machine:
        command = machine.channel.command
        pid = command("run spin &").number("pid")
        process = next(line for line in command("ps").values() if line["pid"] == str(pid))
        assert process["name"] == "spin"
        regions = command(f"vm {pid}").values()
        text = next(int(region["start"], 16) for region in regions if region["access"] == "r-x")
        walk = command(f"pt {pid} {text:#x}").values()
        assert [line["level"] for line in walk] == ["4", "3", "2", "1"]
        assert command(f"pt {pid}").lines
        assert command("metrics tlb").all("tlb.flush_single")
        assert command("log").lines is not None
        command(f"kill {pid}")
        assert command(f"wait {pid}").lines[-1] == f"pid={pid} killed signal=9"
        assert all(line["pid"] != str(pid) for line in command("ps").values())


@pytest.mark.parametrize(("line", "errno", "hint"), [
    ("hlep", "EINVAL", "'help'"),
    ("zzzz", "EINVAL", "'help' lists"),
    ("kill", "EINVAL", "usage"),
    ("kill 99999", "ESRCH", "'ps'"),
    ("kill x", "EINVAL", "not a number"),
    ("run nothing", "ENOENT", "there are"),
    ("pt 99999", "ESRCH", "'ps'"),
    ("x " * 100, "E2BIG", "too many words"),
    ("exit", "EINVAL", "'halt'"),
    ("quit", "EINVAL", "'halt'"),
])
def test_a_wrong_command_gets_a_hint(with_channel: Machine, line: str, errno: str, hint: str) -> None:
    reply = with_channel.channel.try_command(line)
    assert reply.errno == errno
    assert hint in reply.message


@pytest.mark.parametrize("keys", [
    "hlep\x7f\x7f\x7felp",  # backspace
    "hlep\x08\x08\x08elp",
    "nonsense\x15help",  # ^U: everything away
    "elp\x01h",  # ^A: to the start
    "hel\x01\x05p",  # ^E: to the end
    "helXp\x02\x02\x04\x05",  # ^B ^B ^D: one back, delete under the cursor
    "hep\x1b[Dl",  # cursor left, insert
    "hlp\x1b[D\x1b[D\x1b[D\x1b[Ce",  # left and right
    "elp\x1b[Hh",  # Home
    "help me\x1b[D\x1b[D\x1b[D\x0b",  # ^K: the rest away
    "helpX\x1b[D\x1b[3~",  # Delete
    "help me too\x17 \x17\x17help",  # ^W: a word away, and blanks after it
    "hel\t",  # Tab: the rest of the only command that begins so
    "h\tel\t",  # several: none is taken
])
def test_line_editing(at_the_prompt: Machine, keys: str) -> None:
    console = at_the_prompt.console
    console.send(keys + "\n")
    console.wait_for(r"^help +\[COMMAND\]")
    console.wait_for(r"^halt ")
    console.wait_for("cairn> $")


PROMPT, COMMAND = "cairn> ", "zz "  # none: Tab after it finds nothing, and rings


@pytest.mark.parametrize("columns", [20, 80])
def test_lines_longer_than_a_row(built: Path, seed: int, columns: int) -> None:
    """Typed, moved in, erased, inserted into: a terminal shows the line and its cursor where they are."""
    screen = pyte.Screen(columns, 24)
    terminal = pyte.Stream(screen)
    with start(built, options="") as machine:
        console = machine.console
        console.wait_for("cairn> $")
        console.send(f"window 24 {columns}\n")
        console.wait_for("cairn> $")
        terminal.feed(PROMPT)
        for keys, text, cursor in edits(random.Random(seed), columns):
            console.send(keys + "\t")
            terminal.feed(console.read_to("\a"))
            whole, place = PROMPT + text, len(PROMPT) + cursor
            top = screen.cursor.y - place // columns
            rows = len(whole) // columns + 1
            assert screen.cursor.x == place % columns, keys
            assert "".join(screen.display[top:top + rows]).rstrip() == whole.rstrip(), keys
            assert not "".join(screen.display[top + rows:]).strip(), keys


def edits(rng: random.Random, columns: int) -> Iterator[tuple[str, str, int]]:
    """Keys, and the line and the cursor's place in it after them."""
    yield COMMAND, COMMAND, (cursor := len(COMMAND))
    text = COMMAND
    for kind in ["type"] * 6 + ["home", "right"] + rng.choices(("type", "left", "right", "home", "end", "erase", "rest"), k=40):
        word, back = "".join(rng.choices("abcdefgh ", k=rng.randrange(1, columns))), min(cursor - len(COMMAND), rng.randrange(2 * columns))
        if kind == "type" and len(text) + len(word) < 240:
            text, cursor, keys = text[:cursor] + word + text[cursor:], cursor + len(word), word
        elif kind == "left":
            keys, cursor = "\x02" * back, cursor - back
        elif kind == "right":
            row_end = cursor + columns - (len(PROMPT) + cursor) % columns  # where the next row begins
            cursor, keys = (place := min(row_end, len(text))), "\x06" * (place - cursor)
        elif kind == "home":
            keys, cursor = "\x01" + "\x06" * len(COMMAND), len(COMMAND)
        elif kind == "erase":
            keys, text, cursor = "\x7f" * back, text[:cursor - back] + text[cursor:], cursor - back
        elif kind == "rest":
            keys, text = "\x0b", text[:cursor]
        else:
            keys, cursor = "\x05", len(text)
        yield keys, text, cursor


def test_programs_are_completed(at_the_prompt: Machine) -> None:
    at_the_prompt.console.send("run hel\t\n")
    at_the_prompt.console.wait_for(r"^run hello \r\n")
    at_the_prompt.console.wait_for("cairn> $")


def test_history(built: Path) -> None:
    with start(built, options="") as machine:
        machine.console.wait_for("cairn> $")
        for line in ("metrics tlb.flush_single", "frames", "ps"):
            machine.console.send(line + "\n")
            machine.console.wait_for("cairn> $")
        machine.console.send("half a li\x1b[A\x1b[A\x1b[A\n")  # up three times
        machine.console.wait_for(r"^tlb\.flush_single=\d+")
        machine.console.wait_for("cairn> $")
        machine.console.send("metrics\x1b[A\x1b[B tlb.flush_all\n")  # up and down again: what was typed
        machine.console.wait_for(r"^tlb\.flush_all=\d+")


def test_a_line_of_noise_does_no_harm(built: Path, seed: int) -> None:
    rng = random.Random(seed)
    with start(built, options="") as machine:
        machine.console.wait_for("cairn> $")
        for _ in range(20):
            noise = "".join(chr(rng.randrange(1, 127)) for _ in range(rng.randrange(200)))
            machine.console.send(re.sub("halt|reboot", "", noise) + "\x15\n")
        machine.console.send("\x15\nmetrics tlb.flush_all\n")
        machine.console.wait_for(r"^tlb\.flush_all=\d+")


@pytest.mark.parametrize(("command", "reason"), [("halt", "shutdown"), ("reboot", "reset")])
def test_halt_and_reboot(built: Path, command: str, reason: str) -> None:
    with start(built, options="") as machine:
        machine.console.wait_for("cairn> $")
        machine.console.send(command + "\n")
        with pytest.raises(GuestFailure) as ended:
            machine.console.wait_for("never printed")
        assert ended.value.reason == reason


@pytest.mark.parametrize("options", ["", "log=debug", "nonsense", "log=loud graded=7 " + "x" * 200])
def test_unknown_options_are_no_obstacle(built: Path, options: str) -> None:
    with start(built, options=options) as machine:
        machine.console.wait_for("cairn> $")


def test_no_kernel_page_is_for_users_or_both_writable_and_executable(with_channel: Machine) -> None:
    root = int(with_channel.channel.command("table use 0").one("cr3"))
    pages = list(page_walk.kernel_half(with_channel, root).values())
    assert any(page.executable for page in pages)
    assert [str(page) for page in pages if page.user] == []
    assert [str(page) for page in pages if page.writable and page.executable] == []


# Modules that aren't as they should be.

def broken(tmp_path: Path, change) -> Path:
    data = bytearray(PROGRAMS.read_bytes())
    file = tmp_path / "programs.cpio"
    file.write_bytes(change(data))
    return file


def test_without_programs_the_monitor_says_so(built: Path) -> None:
    with start(built, initrd=None, options="channel") as machine:
        reply = machine.channel.try_command("run hello")
        assert reply.errno == "ENOENT"
        assert "no programs" in reply.message


def start_of_hello(data: bytearray) -> int:
    """Where the program `hello` begins: behind the header that has its name."""
    name = re.search(rb"070701[0-9A-Fa-f]{104}hello\0", data)
    assert name
    return data.index(b"CAIRNFLT", name.end())


def flip_in_program(data: bytearray) -> bytearray:
    """Changes one byte in the middle of the program `hello`."""
    data[start_of_hello(data) + 500] ^= 0x10
    return data


@pytest.mark.parametrize("change", [
    pytest.param(lambda data: bytes(1000), id="zeros"),
    pytest.param(lambda data: b"\x7fELF" + bytes(data[:5000]), id="another-format"),
    pytest.param(lambda data: data[:50], id="cut-in-header"),
    pytest.param(lambda data: data.replace(b"070701", b"07070x"), id="bad-magic"),
])
def test_an_unreadable_archive_is_one_line(built: Path, tmp_path: Path, change) -> None:
    with start(built, initrd=broken(tmp_path, change), options="") as machine:
        machine.console.wait_for(r"(?:warn|error) +boot: .*programs.*make programs")
        machine.console.wait_for("cairn> $")


@pytest.mark.parametrize("change", [
    pytest.param(flip_in_program, id="flipped-bit"),
    pytest.param(lambda data: data.replace(b"CAIRNFLT\x01", b"CAIRNFLT\x63"), id="unknown-version"),
    pytest.param(lambda data: data.replace(b"CAIRNFLT", b"ELSEWISE"), id="no-flat-image"),
])
def test_a_damaged_program_is_one_line(built: Path, tmp_path: Path, change) -> None:
    with start(built, initrd=broken(tmp_path, change), options="") as machine:
        machine.console.wait_for("cairn> $")
        machine.console.send("run hello\n")
        machine.console.wait_for(r"hello: .*damaged.*make programs")
        machine.console.wait_for("cairn> $")


def test_a_cut_archive_keeps_the_programs_before_the_cut(built: Path, tmp_path: Path) -> None:
    with start(built, initrd=broken(tmp_path, lambda data: data[:-len(data) // 4]), options="channel") as machine:
        machine.channel.command("ps")
        machine.channel.try_command("run hello")
        machine.channel.command("ps")


def test_hostile_module_headers_never_harm_the_kernel(built: Path, tmp_path: Path, seed: int, sample
                                                      ) -> None:
    rng = random.Random(seed)
    fields = list(range(8, 80, 4))  # of the flat program's header
    for field in sample(fields, 6):
        value = rng.choice([0, 0xFFFFFFFF, 0x80000000, rng.randrange(1 << 32)])

        def change(data: bytearray) -> bytearray:
            at = start_of_hello(data)
            data[at + field:at + field + 4] = value.to_bytes(4, "little")
            return data

        with start(built, initrd=broken(tmp_path, change), options="channel") as machine:
            machine.channel.try_command("run hello")
            machine.channel.command("ps")
