"""`make bench`: the figures, the table and the JSON; and a few rows measured on Cairn."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from grading import ROOT
from grading.bench import against_linux, linux_table, linux_vm, scale
from grading.bench.against_linux import FILES, Comparison, Cost, Row, Sample, samples
from grading.bench.instruction_count import Mark
from grading.machine.failures import GuestFailure, HarnessFault
from grading.machine.machine import Machine
from grading.suite.conftest import run_make
from grading.suite.rubric_runs import PROGRAMS

TEXT = ("cairn> files: row=create count=1000 ns=5000000 ticks=9\r\n"
        "files: row=unlink error=No space left on device\r\nfiles: done\r\n")
MARKS = [Mark(number, instructions, 0) for number, instructions in
         ((linux_vm.START_MARK, 5), (1, 10), (2, 70_010), (1, 80_000), (2, 80_100), (linux_vm.END_MARK, 90_000))]


def printed(comparison: Comparison) -> str:
    console = Console(width=150, record=True, markup=False, highlight=False, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(linux_table.table(comparison))
    return console.export_text()


def test_lines_and_marks_give_samples() -> None:
    assert samples(TEXT, MARKS) == {"create": Sample(1000, 5_000_000, 70_000),
                                    "unlink": Sample(0, 0, 100, "No space left on device")}
    assert samples(TEXT, None)["create"] == Sample(1000, 5_000_000, 0)


@pytest.mark.parametrize(("icount", "unit"), [(0, "instructions"), (None, "ticks")])
def test_the_program_says_what_it_counts(built: Path, icount: int | None, unit: str) -> None:
    with Machine(built / "kernel.elf", initrd=PROGRAMS, icount=icount) as machine:
        machine.channel.command("run bench")
        units = re.findall(r"bench: name=\w+ (\w+)=\d+", machine.console.text)
    assert units == [unit] * 5


def test_marks_that_do_not_fit_are_the_harnesss_fault() -> None:
    for marks in (MARKS[:3], [*MARKS[:2], *MARKS[1:3], *MARKS[4:]]):
        with pytest.raises(HarnessFault, match="2 rows passed"):
            samples(TEXT, marks)
    with pytest.raises(GuestFailure, match="measured nothing; it said: usage"):
        samples("usage: files FOLDER", None)


def test_the_smallest_of_several_runs_counts() -> None:
    def runs(*figures: tuple[int, int]) -> list[against_linux.Samples]:
        return [{"create": Sample(10, ns, instructions)} for ns, instructions in figures]

    row = against_linux.row("create", {"Cairn": runs((0, 500), (0, 400)), "Linux": runs((0, 900), (0, 1000))},
                          {"Cairn": runs((70, 0), (90, 0)), "Linux": runs((60, 0), (50, 0))})
    assert row == Row("create", 10, Cost(40, 7), Cost(90, 5))
    assert (row.instruction_ratio, row.time_ratio) == (40 / 90, 7 / 5) and row.missed == ["time"]


def test_an_error_in_any_run_is_told() -> None:
    good, bad = {"create": Sample(10, 50, 60)}, {"create": Sample(error="ENOSPC")}
    row = against_linux.row("create", {"Cairn": [good, bad], "Linux": [good]}, {"Cairn": [good], "Linux": [good]})
    assert row.cairn == Cost(error="ENOSPC") and row.instruction_ratio is None and row.missed == []
    row = against_linux.row("create", {"Cairn": [good]}, {"Cairn": [{}]})
    assert row.cairn.error == "not measured" and row.linux is None
    assert against_linux.row("create", {"Cairn": [{}]}, {"Cairn": [{}]}) == Row("create", 0, Cost(error="not measured"), None)
    text = printed(Comparison(FILES, [row], 1, missing="no mirror"))
    assert "[Cairn: not measured]" in text and "no Linux to compare with: no mirror" in text


def test_aims_at_their_edges() -> None:
    def missed(instructions: float, ns: float) -> list[str]:
        return Row("create", 1, Cost(instructions, ns), Cost(100, 100)).missed

    assert missed(50, 100) == [] and missed(50.1, 100) == ["instructions"] and missed(50, 100.1) == ["time"]
    assert Row("create", 1, Cost(70, 9), Cost(100, 10), aim=70).missed == []
    assert Row("create", 1, Cost(70.1, 9), None, aim=70).missed == ["instructions"]


def test_table_and_json_have_the_same_figures() -> None:
    found = Comparison(FILES, [Row("create", 1000, Cost(123456.7, 45678), Cost(100000, 50000)),
                        Row("unlink", 1000, Cost(2000, 3000), Cost(8000, 6000))], 3, "6.1.0-test")
    text = printed(found)
    created = next(line for line in text.splitlines() if line.strip().startswith("create"))
    for figure in ("123,457", "100,000", "1.23", "45.68", "50.00", "0.91", "[misses: instructions]"):
        assert figure in created
    assert "6.1.0-test" in text and text.count("misses") == 1
    told = json.loads(json.dumps(linux_table.as_json(found)))
    assert told["linux_release"] == "6.1.0-test" and told["linux_missing"] is None
    assert told["operations"][0] | {"what": ""} == {
        "name": "create", "what": "", "count": 1000, "cairn": {"instructions": 123456.7, "ns": 45678},
        "linux": {"instructions": 100000, "ns": 50000}, "instruction_ratio": 1.235, "time_ratio": 0.914,
        "missed": ["instructions"]}


@pytest.mark.parametrize("program", against_linux.PROGRAMS.values(), ids=lambda program: program.name)
def test_every_row_of_the_program_is_described(program: against_linux.Program) -> None:
    source = (ROOT / "user" / "bench" / f"{program.name}.c").read_text()
    assert re.findall(r'^    \{"(\w+)", ', source, re.MULTILINE) == list(program.rows)
    assert not program.aims.keys() - program.rows.keys()


def test_without_a_mirror_cairn_is_measured_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch() -> None:
        raise HarnessFault("the mirror can't be reached")

    def on_cairn(kernel: Path, image: Path, counting: bool, rows: list[str], program: str) -> against_linux.Samples:
        return {name: Sample(10, 100, 200 if counting else 0) for name in rows}

    monkeypatch.setattr(linux_vm, "fetch", fetch)
    monkeypatch.setattr(against_linux, "on_cairn", on_cairn)
    found = against_linux.measure(FILES, Path("kernel.elf"), lambda *_: None, runs=1, wanted=["create"])
    assert found.rows == [Row("create", 10, Cost(20, 10), None)]
    assert found.missing == "the mirror can't be reached" and linux_table.as_json(found)["linux_release"] is None


def test_every_row_that_grows_is_described() -> None:
    source = (ROOT / "user" / "bench" / "scale.c").read_text()
    assert re.findall(r'^    \{"(\w+)", ', source, re.MULTILINE) == list(scale.ROWS)


def test_growth_is_told_and_marked() -> None:
    cairn = {"fork_pages/16": Sample(4, 100, 4000), "fork_pages/256": Sample(4, 100, 40_000), "poll_files/10": Sample(error="EMFILE")}
    linux = {"fork_pages/16": Sample(4, 100, 8000), "fork_pages/256": Sample(4, 100, 20_000)}
    found = scale.Growth(scale.points(cairn, linux), "6.1.0-test")
    assert [point.ratio for point in found.points] == [0.5, 2.0, None]
    console = Console(width=150, record=True, markup=False, highlight=False, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(scale.table(found))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["fork_pages", "16", "1,000", "2,000", "0.50"] in [line[:5] for line in lines]
    assert ["256", "10,000", "5,000", "2.00", "[more", "than", "Linux]"] in lines
    assert any(line[:4] == ["poll_files", "10", "-", "-"] and "EMFILE]" in line for line in lines)
    told = json.loads(json.dumps(scale.as_json(found)))
    assert told["points"][1] == {"name": "fork_pages", "what": scale.ROWS["fork_pages"], "n": 256, "cairn": 10_000.0, "linux": 5000.0,
                                 "ratio": 2.0}
    assert told["points"][2]["cairn"] == "EMFILE" and told["points"][2]["linux"] == "not measured"


FLAT = {"getcwd_names": 1.5, "lock_other_file": 1.5, "open_other_locks": 1.5, "lock_same_file": 5, "thread_threads": 2, "futex_threads": 1.5}  # at most this many times the cost at the smallest count, at the largest


def test_what_must_not_grow_stays_flat(complete: Path) -> None:
    run_make(ROOT, "programs")
    found = scale.measure(complete / "kernel.elf", lambda text: None, rows=FLAT, with_linux=False)
    for name, limit in FLAT.items():
        costs = [scale.each(point.cairn) for point in found.points if point.name == name]
        assert len(costs) >= 3 and costs[-1] <= limit * costs[0], f"{name}: {costs}"


@pytest.mark.parametrize(("lab", "limits"), [
    ("b", {"create": 60_000, "unlink": 15_000, "lookup_cold": 60_000, "read_2k_cached": 1500}),
    ("c", {"null_call": 120, "fault_file": 1000, "socket": 10_000, "switch": 500, "thread": 30_000, "futex_pass": 5000, "signal_catch": 2500,
           "fork_exec": 90_000, "epoll": 1500}),
])
def test_cairn_is_measured(lab: str, limits: dict[str, int], complete: Path, tmp_path: Path) -> None:
    """A few rows; what they cost is bounded widely, so that only a scan or a lost cache shows."""
    run_make(ROOT, "programs", "image")
    figures = tmp_path / "figures.json"
    done = subprocess.run([sys.executable, "grading", "bench", lab, "--stage", complete.name, "--no-linux", "--runs", "1",
                           "--out", figures, "--rows", *limits],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(figures.read_text())
    assert (told["lab"], [row["name"] for row in told["operations"]]) == (lab, list(limits))
    for row in told["operations"]:
        assert 0 < row["cairn"]["instructions"] < limits[row["name"]], row
        assert row["cairn"]["ns"] > 0 and row["linux"] is None and row["name"] in done.stdout
