"""Where a real kernel hangs or panics: functions, files and lines in what students read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.course import mutants
from grading.machine import whereabouts
from grading.machine.failures import GuestFailure, GuestPanic, GuestSilent
from grading.machine.machine import Machine
from grading.suite.rubric_runs import PROGRAMS

FILE = "labs/a-paging/page_table.cc"
START = "PageWalk walk;\n  if (!is_user_address(address)) return walk;\n"  # of walk_page_table()


@pytest.fixture
def fails(built: Path, line: int) -> Callable[[str, str], str]:
    """What the harness says of a kernel whose walk_page_table() begins with a statement, when a program is run."""
    def told(name: str, statement: str) -> str:
        text = f'#line {line} "{FILE}"\n  {statement}\n  {START}'  # mutants are compiled elsewhere
        mutant = mutants.Mutant(f"whereabouts-{name}", "A1", "", FILE, (START,), (text,), ())
        with Machine(mutants.kernel(mutant, "a"), PROGRAMS) as machine, pytest.raises(GuestFailure) as caught:
            machine.channel.command("run hello")
        assert isinstance(caught.value, GuestSilent if name == "hangs" else GuestPanic)
        return str(caught.value)
    return told


@pytest.fixture
def line(root: Path) -> int:
    """Where such a statement stands."""
    text = (root / FILE).read_text()
    return text[: text.index(START)].count("\n") + 1


def test_a_hang_names_the_students_function(fails: Callable[[str, str], str], line: int, strict_limits: None) -> None:
    first, *rest = fails("hangs", 'for (;;) asm volatile("pause");').split("\n")
    assert re.search(rf", in PageTable::walk_page_table\(.*\) const \({FILE}:{line}\)$", first), first
    assert rest[0] == "processor 0, running:"
    places = [match[1] for match in re.finditer(r"\((\S+):\d+\)$", "\n".join(rest), re.MULTILINE)]
    assert places[0] == FILE and len(places) >= 3 and any(place.startswith("kernel/") for place in places), rest


@pytest.mark.parametrize(("name", "address", "hint"), [("null", 8, "a null pointer?"), ("physical", 0x10_0000, "a physical address")])
def test_a_panic_has_lines_and_a_hint(fails: Callable[[str, str], str], line: int, name: str, address: int, hint: str) -> None:
    text = fails(name, f"(void)*reinterpret_cast<volatile uint64_t*>({address:#x}ul);")
    assert hint in text.split("\n")[0]
    assert re.search(rf"#0 +0x\w+ .*walk_page_table.* \({FILE}:{line}\)$", text, re.MULTILINE), text
    assert "switch to/from" not in text and "end of panic" in text


def test_an_idle_processor(built: Path) -> None:
    with Machine(built / "kernel.elf", PROGRAMS) as machine, machine.stopped():
        innermost, text = whereabouts.described(machine.monitor, built / "kernel.elf", boxed=True)
    assert innermost == "" and text.startswith("processor 0, ") and re.search(r"\(kernel/\S+:\d+\)$", text, re.MULTILINE), text
