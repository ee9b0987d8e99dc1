"""Parts of the machine that need no QEMU."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from grading.grader.run import Run
from grading.judge.check import CheckFailed, check, check_that, show
from grading.machine import qemu, qemu_command
from grading.machine.failures import HarnessFault
from grading.machine.machine import Machine
from grading.machine.registers import parse_registers
from grading.machine.serial_port import ChannelPort, ConsolePort, Pump
from grading.machine.text import decode, last_lines, printable

LONG_MODE = """
CPU#0
RAX=0000000000000001 RBX=ffff800000012340 RCX=0 RDX=0
RSI=0 RDI=0 RBP=0 RSP=ffffc00000003f80
R8 =00000000000000ff R9 =0 R10=0 R11=0
R12=0 R13=0 R14=0 R15=00000000000000aa
RIP=ffffffff80101234 RFL=00000246 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=1
ES =0010 0000000000000000 00000000 00009300 DPL=0 DS   [-WA]
CS =0033 0000000000000000 00000000 00af9b00 DPL=0 CS64 [-RA]
GS =0000 ffff800000456000 00000000 00000000
CR0=80010033 CR2=0000000000001000 CR3=0000000000123000 CR4=000006a0
DR6=00000000ffff0ff0 DR7=0000000000000400
EFER=0000000000000d01
"""


def test_registers() -> None:
    registers = parse_registers(LONG_MODE)
    assert registers.rip == 0xFFFF_FFFF_8010_1234 and registers.rsp == 0xFFFF_C000_0000_3F80
    assert (registers.cs, registers.cpl, registers.halted) == (0x33, 3, True)
    assert registers.gs_base == 0xFFFF_8000_0045_6000
    assert (registers.cr0, registers.cr2, registers.cr3, registers.cr4, registers.efer) == (
        0x80010033,
        0x1000,
        0x123000,
        0x6A0,
        0xD01,
    )
    assert (
        registers.gprs["rbx"] == 0xFFFF_8000_0001_2340
        and registers.gprs["r8"] == 0xFF
        and registers.gprs["r15"] == 0xAA
    )
    with pytest.raises(HarnessFault):
        parse_registers("CPU#0")


def test_memory_as_q35_lays_it_out(tmp_path: Path) -> None:
    kernel = tmp_path / "kernel"
    kernel.touch()
    gib = 1 << 30
    small, large = Machine(kernel, memory_mib=128), Machine(kernel, memory_mib=8192)
    assert small.is_ram(0, 128 << 20) and not small.is_ram(0, (128 << 20) + 1) and not small.is_ram(-1)
    assert large.is_ram(0, 2 * gib) and not large.is_ram(2 * gib)
    assert large.is_ram(4 * gib, 6 * gib) and not large.is_ram(10 * gib)


def test_a_missing_kernel(tmp_path: Path) -> None:
    with pytest.raises(HarnessFault, match="is missing"):
        Machine(tmp_path / "nothing.elf")


def test_commas_are_doubled_for_qemu() -> None:
    assert qemu.fw_cfg({"opt/x": "a,b"}) == ["-fw_cfg", "name=opt/x,string=a,,b"]


def test_a_missing_ovmf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(qemu, "OVMF_FOLDER", tmp_path)
    with pytest.raises(qemu.QemuError, match="apt install ovmf"):
        qemu.ovmf()


@pytest.mark.parametrize(("text", "mib"), [("128M", 128), ("2G", 2048), ("64", 64), ("512MiB", 512)])
def test_memory_sizes(text: str, mib: int) -> None:
    assert qemu_command.memory_mib(text) == mib


def test_one_gdb_socket_a_stage(tmp_path: Path) -> None:
    (tmp_path / "gdb.sock").touch()
    assert qemu_command.claim_gdb_socket(tmp_path) == tmp_path / "gdb.sock"
    assert not (tmp_path / "gdb.sock").exists()
    with pytest.raises(qemu.QemuError, match="another QEMU holds"):
        qemu_command.claim_gdb_socket(tmp_path)


def test_text_is_made_safe() -> None:
    assert printable("a\x1b[31m\x00\r\n\tb\x7f\ud800") == "a\\x1b[31m\\x00\n\tb\\x7f\\xd800"
    assert decode(b"\xff\r\n") == "\\xff\n"
    assert last_lines("1\n\n2\n3  \n\n", 2) == "2\n3"
    assert len(last_lines("x" * 10_000, 1)) < 300


def test_checks_say_what_they_saw() -> None:
    check(expected=1, seen=1, what="one")
    check_that(True, expected="it", seen="", what="it")
    with pytest.raises(CheckFailed) as caught:
        check(expected=0x1000, seen=[1, 0x2000], what="the frames", hint="count")
    assert (caught.value.expected, caught.value.seen, caught.value.hint) == ("0x1000", "[1, 0x2000]", "count")
    with pytest.raises(CheckFailed):
        check_that(False, expected="it", seen="that", what="it")


def test_long_values_are_cut() -> None:
    assert "1000 in all" in show(list(range(1000)))
    assert "4096 bytes" in show(bytes(4096))
    assert show({5, 3}) == "[3, 5]"
    assert show({1: "a"}) == "{1: a}"
    assert len(show([[list(range(1000))] * 50] * 50)) < 2_000


def test_a_run_travels_as_json() -> None:
    run = Run(
        "a", 7, Path("/b/a"), Path("/b/user/programs.cpio"), Path("/labs/a"), Path("/logs"), submission=Path("/s t")
    )
    assert Run.from_json(run.to_json()) == run
    assert run.reproduce("test_map[1]") == "make grade LAB=a 'K=test_map[1]' SEED=7 'SUBMISSION=/s t'"


def test_a_reply_comes_after_what_the_console_printed_before_it(tmp_path: Path) -> None:
    (console_link, com1), (channel_link, com2) = socket.socketpair(), socket.socketpair()
    console, channel = ConsolePort(console_link, tmp_path / "1"), ChannelPort(channel_link, tmp_path / "2")
    pump = Pump(console, channel)
    com1.sendall(b"said before")
    com2.sendall(b"reply")
    pump._drain(channel)
    assert channel.take() == b"reply" and console.text == "said before"
    com1.close()
    com2.sendall(b"more")
    pump._drain(channel)
    assert channel.take() == b"more" and console.closed and not channel.closed
    pump.start()
    com2.close()
    pump.join(10)
    assert pump.ended
    pump.stop()
