"""What against_linux.py found, as the table that `make bench` prints and as the JSON that it writes."""

from __future__ import annotations

from rich import box
from rich.table import Table

from grading.bench.against_linux import AIM, Comparison, Cost, Row


def table(comparison: Comparison) -> Table:
    """The figures of one operation of each row; rows that miss an aim are marked."""
    linux = f"Linux {comparison.release}" if comparison.release else "Linux"
    result = Table(box=box.SIMPLE_HEAD, title=f"one operation on Cairn and on {linux}")
    result.add_column("operation")
    for heading in ("instructions", "aim", "Linux", "ratio", "µs", "Linux", "ratio"):
        result.add_column(heading, justify="right")
    result.add_column("")
    for one in comparison.rows:
        missed = f" [misses: {', '.join(one.missed)}]" if one.missed else ""
        other = one.linux or Cost(error="-")
        wrong = [f" [{system}: {cost.error}]" for system, cost in (("Cairn", one.cairn), ("Linux", one.linux)) if cost and cost.error]
        result.add_row(one.name,
                       _instructions(one.cairn), _aim(one), _instructions(other), _ratio(one.instruction_ratio),
                       _time(one.cairn), _time(other), _ratio(one.time_ratio),
                       comparison.program.rows.get(one.name, "") + missed + "".join(wrong), style="red" if wrong else "yellow" if missed else "")
    result.caption = (f"smallest of {comparison.runs} runs by the clock; aims: no more than Linux's time; instructions unless an aim is set {AIM:g} of Linux's"
                      if comparison.release else f"smallest of {comparison.runs} runs by the clock; no Linux to compare with: {comparison.missing}")
    return result


def _instructions(cost: Cost) -> str:
    return "-" if cost.error else f"{cost.instructions:,.0f}"


def _time(cost: Cost) -> str:
    return "-" if cost.error else f"{cost.ns / 1000:,.2f}"


def _aim(row: Row) -> str:
    most = row.aim or (AIM * row.linux.instructions if row.linux and not row.linux.error else 0)
    return f"{most:,.0f}" if most else "-"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def as_json(comparison: Comparison) -> dict[str, object]:
    """What build/bench/LAB.json holds; figures are those of one operation."""
    def figures(cost: Cost | None) -> dict[str, object] | None:
        if cost is None:
            return None
        return {"error": cost.error} if cost.error else {"instructions": round(cost.instructions, 1), "ns": round(cost.ns, 1)}

    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 3)

    return {
        "lab": comparison.program.lab,
        "runs": comparison.runs,
        "linux_release": comparison.release or None,
        "linux_missing": comparison.missing or None,
        "aims": {"instruction_ratio": AIM, "time_ratio": 1, "instructions": comparison.program.aims},
        "operations": [
            {"name": one.name, "what": comparison.program.rows.get(one.name, ""), "count": one.count, "cairn": figures(one.cairn),
             "linux": figures(one.linux), "instruction_ratio": rounded(one.instruction_ratio),
             "time_ratio": rounded(one.time_ratio), "missed": one.missed}
            for one in comparison.rows
        ],
    }
