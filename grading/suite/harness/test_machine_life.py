"""Machines end in every way there is, and the harness says how."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from grading.judge import page_walk
from grading.machine.failures import (
    BadReply,
    GuestExited,
    GuestFailure,
    GuestFlood,
    GuestPanic,
    GuestSilent,
    HarnessFault,
    NotImplementedInLab,
)
from grading.machine.machine import Machine


@pytest.fixture(params=[False, True], ids=["bare", "boxed"])
def boxed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def ending(guest: Path, command: str, boxed: bool = False) -> Exception:
    with Machine(guest, sandbox=boxed) as machine, pytest.raises((GuestFailure, HarnessFault)) as caught:
        machine.channel.command(command)
        for _ in range(3):
            machine.channel.command("echo again")
    assert not machine._process.alive()
    return caught.value


def test_looking_from_outside(guest: Path, boxed: bool) -> None:
    with Machine(guest, sandbox=boxed) as machine:
        root = machine.channel.command("table").number("root")
        found = page_walk.walk(machine, root)
        assert {(m.virtual, m.physical, m.flags) for m in found.values()} == {
            (0x4040_3000, 0x12_3000, "ru"),
            (0x4080_0000, 0x40_0000, "rwxu"),
        }
        assert len(found.findings) == 1
        data = bytes(range(256)) * 30
        machine.write_phys(0x20_0100, data)
        assert machine.read_phys(0x20_0100, len(data)) == data
        assert machine.registers().cs == 8
        with machine.stopped(), machine.stopped():
            assert not machine.running()
        assert machine.running()
        machine.channel.command("say to the console")
        assert machine.console.wait_for(r"^(?:cairn> )?(.*) console$")[1] == "to the"
        assert machine.channel.try_command("what").errno == "EINVAL"
        assert machine.cpu_time() > 0
        assert "made-up guest" in machine.console.tail()
    assert not machine._process.alive()


@pytest.mark.parametrize(
    ("command", "kind", "text"),
    [
        ("exit 2", NotImplementedInLab, "A2"),
        ("exit 9", NotImplementedInLab, "B1"),
        ("exit 0", GuestExited, "debug port with 0"),
        ("exit 80", GuestExited, "debug port with 80"),
        ("exit 64", GuestPanic, "without a word"),
        ("panic", GuestPanic, "panic: made up\n  at guest.c"),
        ("triple", GuestExited, "restarted"),
        ("off", GuestExited, "switched itself off"),
        ("forge", BadReply, "wrong sequence number"),
        ("endless", BadReply, "more than 4096 bytes"),
        ("early", BadReply, ""),
    ],
)
def test_endings(guest: Path, boxed: bool, command: str, kind: type, text: str) -> None:
    failure = ending(guest, command, boxed)
    assert isinstance(failure, kind) and text in str(failure)


@pytest.mark.parametrize("number", [signal.SIGBUS, signal.SIGKILL, signal.SIGSEGV, signal.SIGSYS])
def test_a_forged_signal_counts_against_the_guest_the_second_time(guest: Path, number: signal.Signals) -> None:
    command = f"exit {(128 + number) // 2}"  # the status that QEMU has in a cell when the signal ends it
    assert isinstance(ending(guest, command), GuestExited)
    failure = ending(guest, command, boxed=True)
    assert isinstance(failure, HarnessFault) and number.name in str(failure) and failure.guest_may_cause


# In a cell QEMU is process 1, which no other signal from outside ends.
@pytest.mark.parametrize(("boxed", "number"), [(False, signal.SIGABRT), (False, signal.SIGSEGV), (False, signal.SIGKILL),
                                               (True, signal.SIGKILL)])
def test_a_signal_that_ends_qemu_is_named(guest: Path, boxed: bool, number: signal.Signals) -> None:
    with Machine(guest, sandbox=boxed) as machine, pytest.raises(HarnessFault, match=f"QEMU itself ended with {number.name}"):
        os.kill(machine._process.pid, number)
        machine.channel.command("echo again")


@pytest.mark.parametrize(("command", "state"), [("spin", "running"), ("halt", "halted")])
def test_hangs(guest: Path, boxed: bool, command: str, state: str, strict_limits: None) -> None:
    failure = ending(guest, command, boxed)
    assert isinstance(failure, GuestSilent)
    assert re.search(rf"the guest hung: .*\nprocessor 0, {state}:\n  1\w+ obey \(\S*kernel/guest.c:\d+\)$", str(failure)), failure


@pytest.mark.parametrize("port", [1, 2])
def test_floods(guest: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grading.machine.serial_port.FLOOD_LIMIT", 200_000)
    assert isinstance(ending(guest, f"flood {port}"), GuestFlood)


def test_the_first_failure_stays(guest: Path) -> None:
    with Machine(guest) as machine:
        for _ in range(2):
            with pytest.raises(NotImplementedInLab):
                machine.channel.command("exit 3")


def test_bytes_arrive_as_text(guest: Path) -> None:
    with Machine(guest) as machine:
        assert machine.channel.command("bytes").one("n") == "\x01\x1b\\xff"


def test_what_is_no_kernel_is_the_hosts_fault(tmp_path: Path) -> None:
    (tmp_path / "kernel.elf").write_text("not an ELF")
    with pytest.raises(HarnessFault, match="QEMU did not start"):
        Machine(tmp_path / "kernel.elf").start()


def test_logs_are_kept(guest: Path, tmp_path: Path) -> None:
    with Machine(guest, log_folder=tmp_path / "logs") as machine:
        machine.channel.command("echo x")
    assert b"made-up guest" in (tmp_path / "logs" / "console.log").read_bytes()
    assert (tmp_path / "logs" / "channel.log").read_bytes().endswith(b"1|x\n1=0\n")
