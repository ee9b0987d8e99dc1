"""The terminal behaves as Linux's: the same keys, typed at both, show the same and are read as the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from grading.machine.machine import Machine
from grading.suite.rubric_runs import PROGRAMS, ROOT, run_make

END = r"tty: end\r*\n"
READY = r"(?i:tty: ready)\r*\n"
SECONDS = 60

# What is set and read (user/tests/tty.c), and what is typed once the program is ready.
CASES = {
    "a line": ("ready read=100", "hello\r"),
    "two lines": ("ready read=100 read=100", "one\rtwo\r"),
    "a line in pieces": ("ready read=3 read=3 read=3", "abcdefgh\r"),
    "erase": ("ready read=100", "abc\x7f\x7fd\r"),
    "erase beyond the start": ("ready read=100", "a\x7f\x7f\x7fb\r"),
    "erase without echoe": ("-echoe ready read=100", "abc\x7f\x7fd\r"),
    "erase control characters": ("ready read=100", "a\x01b\x02\x7f\x7f\x7fc\r"),
    "erase hidden control characters": ("-echoctl ready read=100", "a\x01b\x02\x7f\x7f\x7fc\r"),
    "erase tabs": ("ready read=100", "a\tb\x7f\x7f\x7fc\r"),
    "erase two tabs": ("ready read=100", "ab\t\tx\x7f\x7f\x7f\x7fc\r"),
    "erase UTF-8": ("iutf8 ready read=100", "aé€😀\x7f\x7fx\r"),
    "erase bytes": ("ready read=100", "aé\x7fx\r"),
    "erase a tab behind UTF-8": ("iutf8 ready read=100", "é\tx\x7f\x7f\x7fy\r"),
    "erase a word": ("ready read=100", "foo bar_baz  \x17x\r"),
    "erase words": ("ready read=100", "foo, bar.\x17\x17\x17x\r"),
    "erase a word of UTF-8": ("iutf8 ready read=100", "foo grün\x17x\r"),
    "erase a word without echoe": ("-echoe ready read=100", "foo bar\x17x\r"),
    "kill": ("ready read=100", "abcdef\x15xyz\r"),
    "kill a tab": ("ready read=100", "ab\tc\x01\x15xyz\r"),
    "kill without echoke": ("-echoke ready read=100", "abcdef\x15xyz\r"),
    "kill without echok": ("-echok ready read=100", "abcdef\x15xyz\r"),
    "kill without either": ("-echok -echoke ready read=100", "abcdef\x15xyz\r"),
    "kill without echo": ("-echo ready read=100", "abcdef\x15xyz\r"),
    "word erase is extended": ("-iexten ready read=100", "foo bar\x17x\x12y\r"),
    "reprint": ("ready read=100", "abc\x01\x12d\r"),
    "literal": ("ready read=100", "\x16\x03\x16\x7f\x16\x16\x7fq\r"),
    "end of file": ("ready read=100 read=100", "abc\x04def\r"),
    "end of file at once": ("ready read=100", "\x04"),
    "end of file fits": ("ready read=3 read=100", "abc\x04def\r"),
    "ends of file": ("ready read=100 read=100 read=100", "\x04\x04x\r"),
    "another end of line": ("eol=0x78 ready read=100 read=100", "abxcd\r"),
    "a second end of line": ("eol2=0x78 ready read=100 read=100", "abxcd\r"),
    "a second end of line is extended": ("eol2=0x78 -iexten ready read=100", "abxcd\r"),
    "no echo": ("-echo ready read=100", "secret\r"),
    "no echo but newlines": ("-echo echonl ready read=100", "secret\r"),
    "returns stay": ("-icrnl ready read=100", "a\rb\n"),
    "newlines become returns": ("inlcr -icrnl eol=0x0d ready read=100", "a\nb\r"),
    "returns are ignored": ("igncr ready read=100", "a\rb\n"),
    "bytes are stripped": ("istrip ready read=100", "é\r"),
    "letters become small": ("iuclc ready read=100", "AbC\r"),
    "keys can be changed": ("erase=0x23 kill=0x40 ready read=100", "ab#c@d\x7fe\r"),
    "keys can be switched off": ("erase=0 intr=0 ready read=100", "ab\x7f\x03c\r"),
    "no signals": ("-isig ready read=100", "a\x03\x1c\x1ab\r"),
    "raw": ("-icanon min=5 ready read=100", "abcde"),
    "raw with keys": ("-icanon -isig -ixon min=9 ready read=100", "\x03\x1c\x1a\x7f\x15\x04\x11\x13\x12"),
    "raw literal": ("-icanon min=4 ready read=100", "\x16abc"),
    "raw with returns": ("-icanon min=4 ready read=100", "a\rb\r"),
    "raw with fewer bytes than wanted": ("-icanon min=9 ready read=3 read=3", "abcdef"),
    "raw polls": ("-icanon min=0 time=0 ready read=100 min=3 read=100", "abc"),
    "raw within a time": ("-icanon min=0 time=3 read=100 min=3 time=0 ready read=100", "abc"),
    "raw between bytes": ("-icanon min=9 time=5 ready read=100", "abc"),
    "stop and start": ("ready read=100", "a\x13b\x11c\r"),
    "any key starts": ("ixany ready read=100", "a\x13bc\r"),
    "stop keys without ixon": ("-ixon ready read=100", "a\x13b\x11c\r"),
    "from lines to raw": ("ready sleep=700 -icanon min=1 read=100", "abc"),
    "from raw to lines": ("-icanon ready sleep=700 icanon bytes read=100", "abc"),
    "bytes that can be read": ("ready sleep=700 bytes read=100 bytes", "abc\rdef"),
    "bytes of a raw terminal": ("-icanon ready sleep=700 bytes read=100 bytes", "abc"),
    "a line that is too long": ("-echo ready read=8192", "x" * 5000 + "\r"),
    "output": ("write=abNTcRdNBx ready", ""),
    "output unprocessed": ("-opost write=aNTbRc ready", ""),
    "output with newlines alone": ("-onlcr write=abNcd ready", ""),
    "output of returns": ("ocrnl write=aRb onocr write=RRx ready", ""),
    "output of spaces": ("tab3 write=aTbNTcTx ready", ""),
    "output of spaces after newlines": ("tab3 -onlcr write=abNTx onlret write=abNTx ready", ""),
    "output of capitals": ("olcuc write=aBcNd ready", ""),
    "echo is output": ("-onlcr olcuc ready read=100", "abc\r"),
    "window": ("window ready", ""),
}


def on_linux(steps: str, keys: str) -> str:
    process = pexpect.spawn("env", ["--default-signal", str(ROOT / "build/user/tty.elf"), *steps.split()], timeout=SECONDS, echo=True)
    process.delaybeforesend = None
    process.expect(READY.encode())
    shown = process.before + process.after
    process.send(keys)
    process.expect(END.encode())
    shown += process.before + process.after
    process.expect(pexpect.EOF)
    return shown.decode("latin-1")


@pytest.fixture(scope="module")
def machine(complete: Path) -> Iterator[Machine]:
    run_make(ROOT, "programs")
    with Machine(complete / "kernel.elf", PROGRAMS, options="channel root=tmpfs") as running:
        yield running


def on_cairn(machine: Machine, steps: str, keys: str) -> str:
    console = machine.console
    command = f"run tty {steps}"
    console.wait_for("cairn> ")
    console.send("\x15" + command + "\r")  # what the case before left unread goes
    console.read_to(re.escape(command) + r"\r*\n")
    shown = console.read_to(READY)
    console.send(keys)
    shown += console.read_to(END)
    console.wait_for("exited status=0")
    return shown


@pytest.mark.parametrize("case", CASES)
def test_the_same_is_shown_and_read(machine: Machine, case: str) -> None:
    steps, keys = CASES[case]
    assert on_cairn(machine, steps, keys) == on_linux(steps, keys)


# What is typed where the program says `type`, in turn.
TYPED = ["line one\r", "\x03", "\x1a"]


def jobs_on_linux() -> str:
    process = pexpect.spawn("env", ["--default-signal", str(ROOT / "build/user/tty_jobs.elf")], timeout=SECONDS)
    shown = b""
    for keys in TYPED:
        process.expect(b"tty: type .*\n")
        shown += process.before + process.after
        process.send(keys)
    process.expect(pexpect.EOF)
    return (shown + process.before).decode("latin-1")


def test_jobs_share_a_terminal(machine: Machine) -> None:
    console = machine.console
    console.wait_for("cairn> ")
    console.send("run tty_jobs\r")
    shown = ""
    for keys in TYPED:
        shown += console.read_to("tty: type .*\\n")
        console.send(keys)
    shown += console.read_to(END)
    console.wait_for("exited status=0")
    expected = re.findall(r"tty: .*?(?=\r?\n)", jobs_on_linux())
    assert len(expected) > 25
    assert re.findall(r"tty: .*?(?=\r?\n)", shown) == expected


def test_programs_are_told_the_size_of_the_window(machine: Machine) -> None:
    console = machine.console
    machine.channel.command("window 24 80")
    console.wait_for("cairn> ")
    console.send("\x15run tty_window\r")
    console.wait_for(r"tty: 24 rows, 80 columns\r*\n")
    machine.channel.command("window 50 132")
    console.wait_for(r"tty: 50 rows, 132 columns\r*\n")
    machine.channel.command("window 50 132")  # the same: nobody is told
    machine.channel.command("window 0 0")
    console.wait_for(r"tty: 0 rows, 0 columns\r*\n")
    console.wait_for("exited status=2")
