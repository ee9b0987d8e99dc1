"""The channel's protocol, against kernels that keep to it and kernels that don't."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.machine.channel import HELLO, LINE_LIMIT, Channel, LineSplitter, Reply, ReplyReader, number_or_text
from grading.machine.failures import BadReply, CommandError, GuestSilent
from grading.machine.serial_port import FLOOD_LIMIT, ChannelPort, ConsolePort


def read(*lines: str, sequence: int = 1) -> Reply | None:
    reader = ReplyReader(sequence, "ps")
    reply = None
    for line in lines:
        assert reply is None, "the reply was complete already"
        reply = reader.line(line)
    return reply


def test_a_reply_with_values() -> None:
    reply = read("1|pid=3 root=0x1000 name=hello", "1|pid=4 root=0x2000 name=a=b", "1=0")
    assert reply and reply.errno is None
    assert reply.values() == [
        {"pid": "3", "root": "0x1000", "name": "hello"},
        {"pid": "4", "root": "0x2000", "name": "a=b"},
    ]
    assert reply.all("root") == [0x1000, 0x2000]
    assert reply.all("pid") == [3, 4]


def test_an_error() -> None:
    reply = read("1|half=1", "1=ENOMEM table: no frame left")
    assert reply and (reply.errno, reply.message) == ("ENOMEM", "table: no frame left")


def test_one_value_means_one() -> None:
    reply = read("1|root=0x10", "1|root=0x20 cr3=word", "1=0")
    assert reply
    for key in ("root", "frame"):
        with pytest.raises(BadReply, match="once"):
            reply.one(key)
    assert reply.one("cr3") == "word"
    with pytest.raises(BadReply, match="not a number"):
        reply.number("cr3")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "2=0",
        "0=0",
        "01x=0",
        "-1=0",
        "1",
        "1 =0",
        "x1=0",
        "1=",
        "1=OK",
        "1=00",
        "1=0x",
        "1=enomem",
        "=0",
        "1=E",
        "\x00",
        "9" * 400 + "=0",
        "1=E" + "X" * 99,
    ],
)
def test_whatever_else_is_a_broken_protocol(line: str) -> None:
    with pytest.raises(BadReply):
        read(line)


def test_text_may_hold_anything_printable() -> None:
    reply = read("1|1=0", "1||", "1|", "1=0")
    assert reply and reply.lines == ["1=0", "|", ""]


def test_numbers() -> None:
    assert number_or_text("0xfFf") == 0xFFF
    assert number_or_text("-12") == -12
    for word in ("0x", "0x" + "f" * 17, "9" * 21, "1_0", "０", "12a", "", "+1"):
        assert number_or_text(word) == word


def test_lines_are_cut_across_reads() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"1|a") == []
    assert splitter.feed(b"b\r\n1=0\n2") == ["1|ab", "1=0"]
    assert splitter.feed(b"\n") == ["2"]


def test_an_endless_line_is_refused() -> None:
    splitter = LineSplitter()
    with pytest.raises(BadReply):
        for _ in range(LINE_LIMIT):
            splitter.feed(b"xx")


def test_bytes_beyond_ascii_are_shown() -> None:
    assert LineSplitter().feed(b"1|\x00\xff\x1b\n") == ["1|\x00\\xff\x1b"]


class FakeKernel:
    """The other end of a channel: answers each command with the given text, # being its number."""

    def __init__(self, folder: Path, answers: dict[str, str], hello: str = HELLO + "\n") -> None:
        ours, self.theirs = socket.socketpair()
        self.port = ChannelPort(ours, folder / "channel.log")
        self.answers = answers
        self.port.feed(hello.encode())
        self.channel = Channel(self.port, self.wait)

    def wait(self, ready: Callable[[], object], what: str) -> object:
        for _ in range(3):
            if (result := ready()) is not None:
                return result
            self.theirs.setblocking(False)
            try:
                number, _, command = self.theirs.recv(4096).decode().strip().partition(" ")
            except BlockingIOError:
                continue
            self.port.feed(self.answers[command].replace("#", number).encode())
        raise GuestSilent(what)


def test_a_conversation(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, {"table new": "#|table=1\n#=0\n", "table map": "#=EINVAL table: usage\n"})
    assert kernel.channel.command("table new").one("table") == 1
    assert kernel.channel.try_command("table map").errno == "EINVAL"
    with pytest.raises(CommandError, match="EINVAL table: usage"):
        kernel.channel.command("table map")
    assert kernel.channel.command("table new").one("table") == 1
    assert b"4|table=1" in (tmp_path / "channel.log").read_bytes()


@pytest.mark.parametrize("hello", ["cairn channel\n", "1=0\n", "0=0 cairn channel!\n", "\n"])
def test_a_wrong_greeting(tmp_path: Path, hello: str) -> None:
    with pytest.raises(BadReply):
        FakeKernel(tmp_path, {"ps": "#=0\n"}, hello).channel.command("ps")


@pytest.mark.parametrize("answer", ["#=0\n#=0\n", "#=0\n99=0\n", "#=0\nnoise\n"])
def test_answers_ahead_of_questions(tmp_path: Path, answer: str) -> None:
    kernel = FakeKernel(tmp_path, {"ps": answer})
    kernel.channel.command("ps")
    with pytest.raises(BadReply, match="without being asked"):
        kernel.channel.command("ps")


def test_silence(tmp_path: Path) -> None:
    with pytest.raises(GuestSilent, match="`ps`"):
        FakeKernel(tmp_path, {"ps": "#|half"}).channel.command("ps")


@pytest.mark.parametrize("command", ["a\nb", "\x1b", "é", "x" * 2000])
def test_commands_are_one_line(tmp_path: Path, command: str) -> None:
    with pytest.raises(ValueError):
        FakeKernel(tmp_path, {}).channel.command(command)


@pytest.mark.parametrize("kind", [ChannelPort, ConsolePort])
def test_a_flood_is_bounded(tmp_path: Path, kind: type) -> None:
    port = kind(socket.socketpair()[0], tmp_path / "log")
    for _ in range(FLOOD_LIMIT // 65536 + 50):
        port.feed(b"f" * 65536)
    assert port.flooded and port.received > FLOOD_LIMIT
    assert (tmp_path / "log").stat().st_size == FLOOD_LIMIT
    kept = len(port.take()) if kind is ChannelPort else len(port.text)
    assert kept <= FLOOD_LIMIT


def test_the_console_keeps_its_end(tmp_path: Path) -> None:
    port = ConsolePort(socket.socketpair()[0], tmp_path / "log")
    for number in range(100_000):
        port.feed(b"line %d\n" % number)
    start, text = port.since(0)
    assert start > 0 and text.endswith("line 99999\n")
    assert port.since(start + len(text)) == (start + len(text), "")
