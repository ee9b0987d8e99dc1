"""Whatever a kernel answers costs its own points: no rubric test takes it for a fault of the host.

The rubric's tests run against a made-up kernel that has taken over both serial lines, and fills what the tests
ask for with numbers and words that make no sense; the memory that they look into is as senseless.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grading import ROOT
from grading.grader.explain import host_is_to_blame
from grading.machine.channel import HELLO, Channel
from grading.machine.failures import GuestSilent, HarnessFault
from grading.machine.machine import Machine
from grading.tests.b.guest import on_tmpfs
from grading.tests.c.elf_files import small
from grading.tests.c.guest import Guest

LETTERS = ("a", "b", "c")
ROUNDS = 12  # of each test
LONGEST_S = 60  # of CPU time for a round; most take milliseconds
FIXTURES = {"machine", "boot", "rng", "guest", "process", "guest_with", "program"}
ASKED = re.compile(r"""(?:number|one|all|metric)\(f?"([\w.-]+)"|\["([\w.-]+)"\]""")
EXTREMES = ("", "0", "1", "-1", "2", "input", "zombie", "free", "0x0", "0x1000", "0x7fff000", "0x8000000", "0xffffffffffffffff", "18446744073709551615",
            "99999999999999999999", "0xfffffffffffff000", "0x", "=", "rwu", "\\x00", "x" * 300)
OUTSIDE = 0x1_0000_0000_0000


def rubric_tests() -> list[Any]:
    found = []
    for letter in LETTERS:
        for path in sorted((ROOT / "grading" / "tests" / letter).glob("test_*.py")):
            module = importlib.import_module(f"grading.tests.{letter}.{path.stem}")
            for name, function in inspect.getmembers(module, inspect.isfunction):
                marks = {mark.name: mark for mark in getattr(function, "pytestmark", [])}
                given = set(marks["parametrize"].args[0].replace(" ", "").split(",")) if "parametrize" in marks else set()
                if "rubric" in marks and set(inspect.signature(function).parameters) <= FIXTURES | given:
                    found.append(pytest.param(function, marks.get("parametrize"), id=f"{letter}-{name}"))
    return found


def asked_words() -> list[str]:
    """The keys that the tests look for in answers."""
    texts = [path.read_text() for letter in LETTERS for path in (ROOT / "grading" / "tests" / letter).glob("*.py")]
    texts.append((ROOT / "grading" / "machine" / "puppets.py").read_text())
    return sorted({one or other for text in texts for one, other in ASKED.findall(text)})


class HostileLines:
    """Both serial lines: answers each command or line at once, with most keys at one value throughout."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._words = asked_words()
        self._usual = {word: self._value() for word in self._words}
        self._out = b""
        self.text = ""

    def _value(self) -> str:
        rng = self._rng
        return rng.choice((rng.choice(EXTREMES), str(rng.randrange(50)), hex(rng.randrange(0, 128 << 20, 4096)), hex(rng.getrandbits(64))))

    def line(self) -> str:
        rng = self._rng
        words = self._words if rng.random() < 0.7 else rng.sample(self._words, len(self._words) // 2)
        return " ".join(f"{word}={self._usual[word] if rng.random() < 0.9 else self._value()}" for word in words)

    # The channel's port.

    def send_some(self, data: bytes) -> bytes:
        number, _, _ = data.decode().partition(" ")
        lines = [self.line() for _ in range(self._rng.choice((1, 1, 1, 1, 0, 2, 5)))]
        end = self._rng.choice(("0", "0", "0", "0", "0", "ENOENT no", "EEXIST", "0 0"))
        self._out += "".join(f"{number}|{line}\n" for line in lines).encode() + f"{number}={end}\n".encode()
        return b""

    def take(self) -> bytes:
        data, self._out = self._out, b""
        return data

    # The console.

    def send(self, text: str) -> None:
        self.text = f"puppet: seq={text.split()[0]} pid={self._usual.get('pid', '2')} result={self._value()} {self.line()}\r\n"

    def wait_for(self, pattern: str, flags: int = re.MULTILINE) -> re.Match[str]:
        if "seq=0 " in pattern:
            self.send("0 ")
        match = re.compile(pattern, flags).search(self.text)
        if match is None:
            raise GuestSilent("nothing")
        return match

    read_to = wait_for

    def tail(self, lines: int = 0) -> str:
        return self.text


class HostileMemory:
    """Pages of nothing, of entries that lead anywhere, and of noise; as the stub, it has no bytes outside of memory."""

    def __init__(self, rng: random.Random, is_ram: Callable[[int, int], bool]) -> None:
        self._seed, self._is_ram = rng.getrandbits(64), is_ram

    def read(self, address: int, size: int) -> bytes:
        if not self._is_ram(address, size):
            raise HarnessFault("QEMU's GDB stub failed (E14)")
        rng = random.Random(f"{self._seed} {address >> 12}")
        kind = rng.random()
        page = bytes(4096) if kind < 0.3 else rng.randbytes(4096) if kind < 0.4 else b"".join(
            (rng.randrange(0, 128 << 20, 4096) | 0x67 | (rng.random() < 0.1) << 7 if rng.random() < 0.02 else 0).to_bytes(8, "little") for _ in range(512))
        return (page * (size // 4096 + 2))[address % 4096 :][:size]

    def write(self, address: int, data: bytes) -> None:
        self.read(address, len(data))


class HostileMachine(Machine):
    """A machine without QEMU."""

    def __init__(self, rng: random.Random, kernel: Path) -> None:
        super().__init__(kernel=kernel, log_folder=kernel.parent)
        self._lines = self.console = HostileLines(rng)  # type: ignore[assignment]
        self._memory = HostileMemory(rng, self.is_ram)  # type: ignore[assignment]
        self.channel = Channel(self._lines, self._ready, started=True)  # type: ignore[arg-type]
        self._rng = rng

    @staticmethod
    def _ready(ready: Callable[[], Any], what: str) -> Any:
        for _ in range(10):
            if (result := ready()) is not None:
                return result
        raise GuestSilent(f"waited for {what}")

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        yield

    @contextlib.contextmanager
    def calls_of(self, function: str) -> Iterator[None]:
        yield None

    def monitor(self, line: str) -> str:
        if "registers" in line:
            words = " ".join(f"R{name}={self._rng.getrandbits(64):016x}" for name in ("AX", "BX", "CX", "IP", "SP", "FL"))
            return f"{words} CS =0008 CPL={self._rng.choice('03')} CR0=80000011 CR2=0 CR3={self._rng.getrandbits(48):x} CR4=20 EFER=d00 HLT=0"
        return "data0: rd_operations=1 wr_operations=2\nTLB full flushes 3\n"


@contextlib.contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Told afterwards: xdist may run tests beside the main thread, where no signal's handler can be set."""
    start = time.thread_time()
    yield
    assert time.thread_time() - start < seconds, f"the test took more than {seconds} s of CPU time"


@pytest.mark.timeout(1800)  # a loop without end
@pytest.mark.parametrize(("function", "parameters"), rubric_tests())
def test_answers_are_never_the_hosts_fault(function: Callable[..., None], parameters: Any, seed: int, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grading.machine.puppets.PATIENCE", 5)
    monkeypatch.setattr("grading.machine.puppets.PASSES", 5)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    kernel = tmp_path / "kernel.elf"
    kernel.touch()
    for number in range(ROUNDS):
        rng = random.Random(f"{seed} {function.__name__} {number}")

        def boot(rng: random.Random = rng, **_: Any) -> Machine:
            return HostileMachine(rng, kernel)

        with cpu_limit(LONGEST_S):
            try:
                function(**arguments(function, parameters, rng, boot))
            except BaseException as error:  # noqa: BLE001 - what the plugin would see
                assert not host_is_to_blame(error, second_try=True), f"round {number}: {type(error).__name__}: {error}"


def arguments(function: Callable[..., None], parameters: Any, rng: random.Random, boot: Callable[..., Machine]) -> dict[str, Any]:
    """What pytest would give the test."""
    wanted = inspect.signature(function).parameters
    given: dict[str, Any] = {"rng": rng, "boot": boot}
    given |= {"guest_with": lambda files, unreadable=(): Guest(boot()), "program": lambda name: small().to_bytes()}
    if parameters:
        names = parameters.args[0].replace(" ", "").split(",")
        values = rng.choice(list(parameters.args[1]))
        given |= dict(zip(names, values if len(names) > 1 else [values], strict=True))
    if "machine" in wanted:
        given["machine"] = boot()
    if {"guest", "process"} & set(wanted):
        given["guest"] = on_tmpfs(boot)
    if "process" in wanted:
        given["process"] = given["guest"].process()
    return {name: given[name] for name in wanted}
