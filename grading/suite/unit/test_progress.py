"""The rules that tell a hung guest from a slow host."""

from __future__ import annotations

import pytest

from grading.machine.progress import (
    HEARTBEATS,
    HEARTBEATS_AWAKE,
    HEARTBEAT_S,
    IMPATIENCE,
    PATIENT_FOR,
    SILENT_CPU_S,
    TALKING_FACTOR,
    Watch,
)


class Guest:
    """A guest whose clock, CPU time and words the test sets."""

    def __init__(self) -> None:
        self.now = self.cpu = 0.0
        self.received = 0
        self.is_halted = False
        self.asked = 0
        self.wait()

    def wait(self) -> None:
        """Begins another wait."""
        self.watch = Watch(lambda: self.received, lambda: self.cpu, self.halted, lambda: self.now)

    def halted(self) -> bool:
        self.asked += 1
        return self.is_halted

    def looks(self, count: int, cpu: float = 0.0, wall: float = HEARTBEAT_S, words: int = 0) -> str | None:
        for _ in range(count):
            self.cpu += cpu
            self.now += wall
            self.received += words
            if trouble := self.watch.look():
                return trouble
        return None


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> Guest:
    monkeypatch.setattr("grading.machine.progress.hangs", 0)
    return Guest()


def test_a_starved_guest_is_given_all_the_time_it_needs(guest: Guest) -> None:
    assert guest.looks(1000, wall=3600.0) is None


def test_a_busy_silent_guest_hangs_by_cpu_time(guest: Guest) -> None:
    assert guest.looks(int(SILENT_CPU_S), cpu=1.0) is None
    assert "CPU time without a word" in (guest.looks(1, cpu=1.0) or "")


def test_words_are_progress(guest: Guest) -> None:
    assert guest.looks(int(SILENT_CPU_S * 2), cpu=1.0, words=1) is None


def test_words_are_progress_up_to_a_limit(guest: Guest) -> None:
    assert "keeps writing" in (guest.looks(int(SILENT_CPU_S * TALKING_FACTOR) + 2, cpu=1.0, words=1) or "")


def test_a_halted_guest_hangs(guest: Guest) -> None:
    guest.is_halted = True
    assert guest.looks(HEARTBEATS - 1) is None
    assert "halted" in (guest.looks(1) or "")


def test_a_halted_guest_that_drips_words_is_stopped(guest: Guest) -> None:
    guest.is_halted = True
    assert "keeps writing" in (guest.looks(TALKING_FACTOR * HEARTBEATS + 1, words=1) or "")


def test_heartbeats_keep_their_distance(guest: Guest) -> None:
    guest.is_halted = True
    assert guest.looks(10 * HEARTBEATS, wall=HEARTBEAT_S / 100) is None
    assert guest.asked <= HEARTBEATS / 10 + 1


def test_a_guest_that_wakes_now_and_then_is_not_halted(guest: Guest) -> None:
    for number in range(3 * HEARTBEATS):
        guest.is_halted = number % 10 != 0
        assert guest.looks(1) is None


def test_a_timer_tick_alone_is_no_progress(guest: Guest) -> None:
    trouble = None
    for number in range(2 * HEARTBEATS):
        guest.is_halted = number % (HEARTBEATS // HEARTBEATS_AWAKE + 1) != 0
        trouble = trouble or guest.looks(1)
    assert trouble and "halted" in trouble


def test_a_guest_that_hangs_in_every_test_is_given_less(guest: Guest) -> None:
    for _ in range(PATIENT_FOR):
        guest.wait()
        assert guest.looks(int(SILENT_CPU_S) + 1, cpu=1.0)
    guest.wait()
    assert guest.looks(int(SILENT_CPU_S * IMPATIENCE), cpu=1.0) is None
    assert "CPU time without a word" in (guest.looks(1, cpu=1.0) or "")
