"""The rubric table for people, and the failures below it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from grading.grader.reports.plain import failure_text
from grading.grader.results import PASSED, Outcome, Results
from grading.grader.rubric import show_points
from grading.machine.text import quoted

WIDTH = 100  # columns when the output is no terminal


def terminal(results: Results, console: Console) -> None:
    """Prints failures first and the table after them, so that the table is what remains in sight."""
    if results.build_failure:
        console.print(Text("No test could be run:", style="bold red"))
        _print_quoted(quoted(results.build_failure), console)
        console.print()
    for test in results.tests:
        if test.failure and not test.failure.brief:
            _failure(test, console)
    _table(results, console)
    for warning in results.warnings:
        console.print(Text(f"Warning: {warning}\n", style="yellow"))


def _failure(test: Outcome, console: Console) -> None:
    head = Text.assemble((f"{test.item} {test.name}", "bold red"), f"  {show_points(test.points)} points")
    if test.title:
        head.append(f"\n  {test.title}", style="dim")
    console.print(head)
    _print_quoted(failure_text(test.failure), console)  # type: ignore[arg-type]
    console.print()


def _print_quoted(text: str, console: Console) -> None:
    """Prints quoted lines; what is left of long ones where they are broken is set off from the margin, too."""
    for line in (line.removeprefix("  ") for line in text.split("\n")):
        pieces = [Text(line)] if console.soft_wrap else Text(line).wrap(console, max(console.width - 2, 20))
        for piece in pieces:
            console.print(Text.assemble("  ", piece))


def _table(results: Results, console: Console) -> None:
    title = f"Lab {results.lab.letter}: {results.lab.title}   seed {results.seed}"
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    table.add_column("item")
    table.add_column("title", overflow="fold")
    table.add_column("points", justify="right")
    table.add_column("tests", justify="right")
    for item in results.items:
        tests = results.of_item(item)
        passed = sum(test.status == PASSED for test in tests)
        earned, possible = results.earned(item), results.possible(item)
        style = "green" if earned == possible else "red" if earned == 0 else "yellow"
        points = Text(f"{show_points(earned)}/{show_points(possible)}", style=style)
        table.add_row(item.id, item.title, points, f"{passed}/{len(tests)}")
        for note in _notes(tests):
            table.add_row("", Text(note, style="dim"), "", "")
    console.print(table)
    console.print()


def _notes(tests: list[Outcome]) -> list[str]:
    """The item's messages that say something isn't written yet or can't be reached, each once."""
    return list(dict.fromkeys(test.failure.summary for test in tests if test.failure and test.failure.brief))
