"""A line on the terminal that says what the grader is doing, once it takes longer than a moment."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

DELAY_S = 2.0
REFRESH_S = 0.2


class ProgressLine:
    """Use as a context manager. On a terminal the line is rewritten in place and erased at the end;
    elsewhere each new stage that lasts is told once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._text = ""
        self._start = time.monotonic()
        self._stop = threading.Event()
        self._terminal = sys.stderr.isatty()
        self._thread = threading.Thread(target=self._refresh, daemon=True)

    def __enter__(self) -> ProgressLine:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def show(self, text: str) -> None:
        """What is being done now."""
        self._text = text

    def _refresh(self) -> None:
        told = ""
        shown = False
        while not self._stop.wait(REFRESH_S):
            seconds = time.monotonic() - self._start
            if seconds < DELAY_S or not self._text:
                continue
            stage = self._text.partition(" (")[0]
            if self._terminal:
                print(f"\r\x1b[K{self._name}: {self._text} … {seconds:.0f} s", end="", file=sys.stderr, flush=True)
                shown = True
            elif stage != told:
                print(f"{self._name}: {stage} …", file=sys.stderr, flush=True)
            told = stage
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
