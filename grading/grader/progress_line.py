"""What the grader is doing: on a terminal a line that moves, elsewhere a plain line for each stage."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class _Terminal(Console):
    """Standard error, with the cursor left as it is: a run that is killed can't bring it back."""

    def show_cursor(self, show: bool = True) -> bool:
        return False


class ProgressLine:
    """Use as a context manager. On a terminal the line is gone at the end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stage = ""
        console = _Terminal(stderr=True, force_terminal=sys.stderr.isatty())
        self._moving = console.is_interactive
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True, refresh_per_second=4, redirect_stdout=False,
                                  redirect_stderr=False)
        self._task = self._progress.add_task(name, total=None)

    def __enter__(self) -> ProgressLine:
        if self._moving:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._moving:
            self._progress.stop()

    def show(self, stage: str, done: int = 0, total: int | None = None) -> None:
        """What is being done now, and how much of it is done, if that can be said."""
        words = f"{self._name}: {stage}"
        count = f" ({done} of {total})" if total else ""
        self._progress.update(self._task, description=words + count, completed=done, total=total)
        if stage != self._stage and not self._moving:
            print(f"{words} …", file=sys.stderr, flush=True)
        self._stage = stage
