"""Functions in a kernel's ELF, and the breakpoint that counts their calls, against a made-up stub."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from grading.machine.call_count import CallCount, address_of, packet
from grading.machine.failures import BadReply, HarnessFault


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ELF with the functions main and other."""
    folder = tmp_path_factory.mktemp("elf")
    (folder / "a.c").write_text("void other(void) {} void main(void) { for (;;) other(); }\n")
    command = ["gcc", "-w", "-nostdlib", "-static", "-no-pie", "-Wl,-e,main", "-o", folder / "a.elf", folder / "a.c"]
    subprocess.run(command, check=True)
    return folder / "a.elf"


def test_functions_of_a_kernel(guest: Path) -> None:
    assert address_of(guest, "main") > 0x10000
    with pytest.raises(BadReply, match="should have one function nowhere, not 0"):
        address_of(guest, "nowhere")


@pytest.mark.parametrize("number", range(40))
def test_a_damaged_elf_is_the_kernels_fault(number: int, guest: Path, seed: int, tmp_path: Path) -> None:
    rng = random.Random(f"{seed} {number}")
    data = bytearray(guest.read_bytes())
    for _ in range(rng.choice((1, 8, 200))):
        data[rng.randrange(rng.choice((64, len(data))))] = rng.choice((0, 0xFF, rng.randrange(256)))
    damaged = tmp_path / "damaged.elf"
    damaged.write_bytes(data[: rng.choice((len(data), rng.randrange(len(data))))])
    try:
        address_of(damaged, "main")
    except BadReply:
        pass


def answers(link: socket.socket, hits: int) -> None:
    """A stub whose breakpoint is met `hits` times; it acknowledges all that it gets."""
    left = hits
    with contextlib.suppress(OSError):  # the test is over
        while data := link.recv(4096):
            link.sendall(b"+" * data.count(b"$"))
            for request in data.decode().split("$")[1:]:
                if request[0] == "Z":
                    link.sendall(packet("T02thread:01;") + packet("OK"))
                elif request[0] == "z":
                    link.sendall(packet("OK"))
                if request[0] in "Zc" and left:
                    link.sendall(packet("T05thread:01;"))
                elif request[0] == "s":
                    left -= 1
                    link.sendall(packet("T05thread:01;"))


@pytest.mark.parametrize("hits", [0, 1, 50])
def test_each_stop_is_a_call(hits: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stub = threading.Thread(target=answers, args=(theirs, hits), daemon=True)
        stub.start()
        count = CallCount(ours, 0x1000)
        count.begin()
        deadline = time.monotonic() + 10
        while count.calls < hits and time.monotonic() < deadline:
            time.sleep(0.01)
        count.end()
        count.clear()
        assert count.calls == hits
        ours.shutdown(socket.SHUT_RDWR)
        stub.join()


def test_a_refusal_is_the_hosts_fault() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"+" + packet("E22"))
        with pytest.raises(HarnessFault, match="refused"):
            CallCount(ours, 0x1000).begin()
