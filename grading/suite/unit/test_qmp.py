"""The QMP client against a QEMU that answers as told."""

from __future__ import annotations

import itertools
import json
import socket

import pytest

from grading.machine import qmp
from grading.machine.failures import GuestSilent, HarnessFault
from grading.machine.qmp import Qmp, QmpEnded

SHUTDOWN = {"event": "SHUTDOWN", "data": {"reason": "guest-reset"}}


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(qmp, "POLL_S", 0.01)
    monkeypatch.setattr(qmp, "LEAVING_S", 0.05)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Qmp(ours, lambda: True, lambda: 7.0), theirs


def tell(theirs: socket.socket, *messages: dict) -> None:
    theirs.sendall(b"".join(json.dumps(message).encode() + b"\n" for message in messages))


def test_events_before_an_answer_are_kept(link) -> None:
    client, theirs = link
    tell(theirs, SHUTDOWN, {"return": 7})
    assert client.execute("query-status") == 7 and client.events == [SHUTDOWN] and not client.stuck


def test_a_qemu_that_is_stuck_on_its_way_out(link) -> None:
    client, theirs = link
    tell(theirs, SHUTDOWN)
    with pytest.raises(QmpEnded):
        client.execute("query-status")
    assert client.stuck and client.final_events() == [SHUTDOWN]


def test_a_refusal_is_the_harness_fault(link) -> None:
    client, theirs = link
    tell(theirs, {"error": {"desc": "no such thing"}})
    with pytest.raises(HarnessFault, match="refused jump: no such thing"):
        client.execute("jump")


def test_silence_without_a_shutdown_is_a_fault(link, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = link
    monkeypatch.setattr(qmp, "PATIENCE_S", 0.1)
    with pytest.raises(HarnessFault, match="did not answer"):
        client.execute("query-status")
    assert not client.stuck


def test_a_guest_that_keeps_qemu_busy(link) -> None:
    client, theirs = link
    seconds = itertools.count(100)
    busy = Qmp(client._link, lambda: True, lambda: float(next(seconds)))
    with pytest.raises(GuestSilent, match="keeps QEMU's devices busy"):
        busy.execute("query-status")
    assert next(seconds) < 150
