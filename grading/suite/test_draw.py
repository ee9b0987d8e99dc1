"""`python3 grading draw` shows what readelf says of a file, and the stack that the kernel makes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from grading import ROOT
from grading.suite.conftest import run_make

PROGRAM = ROOT / "build" / "user" / "hello.elf"


def draw(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "grading", "draw", *words], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_program_is_drawn_as_it_is(complete: Path) -> None:
    run_make(ROOT, "programs")
    done = draw(PROGRAM, "one", "two words", "")
    assert done.returncode == 0, done.stderr
    sections = subprocess.run(["readelf", "-SW", PROGRAM], capture_output=True, text=True, check=True).stdout
    told = {(name, int(offset, 16), int(size, 16)) for name, kind, offset, size in re.findall(r"\] (\.\S+) +(\S+) +\w+ (\w+) (\w+)", sections) if kind != "NOBITS"}
    drawn = {(name, int(offset, 16), int(size)) for offset, name, size in re.findall(r"^ +(0x\w+) │ (\.\S+) +(\d+) │", done.stdout, re.MULTILINE)}
    assert drawn == told and len(told) > 10
    # The page in which one segment ends and the next begins.
    assert re.search(r"the file's page at (0x\w+)\n +LOAD rw-.*\n +0x\w+ the file's page at \1, a second time: it is at 0x\w+, too, zeros from 0x\w+ on", done.stdout)
    first = done.stdout.partition("its first stack")[2]
    values = dict(re.findall(r"│ (\S+) +(.*?) *│", first))
    assert [values["argc"], *(values[f"argv[{i}]"].partition(" ─▶ ")[2] for i in range(4))] == ["4", '"/bin/hello.elf"', '"one"', '"two words"', '""']
    header = subprocess.run(["readelf", "-hW", PROGRAM], capture_output=True, text=True, check=True).stdout
    assert values["AT_ENTRY"] == re.findall(r"Entry point address: +(0x\w+)", header)[0] and values["AT_NULL"] == "0"
    assert int(re.findall(r"stack pointer ─▶ .*\n +(0x\w+) │ argc", first)[0], 16) % 16 == 0


def test_what_is_no_program_is_said_in_one_line(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no program")
    for path, answer in ((text, "it isn't an ELF file of 64 bits"), (tmp_path / "none", "No such file")):
        done = draw(path)
        assert done.returncode == 1 and answer in done.stderr and done.stderr.count("\n") == 1 and not done.stdout
