"""One virtual machine under test.

The machine's serial lines and QMP are socket pairs that QEMU inherits: no paths, no
ports, nothing to collide, and nothing is lost before the harness listens. What the kernel says
is never believed on its own; `read_phys`, `registers` and page_walk.py look from outside.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from grading.machine import qemu, whereabouts
from grading.machine.allowance import Allowance
from grading.machine.call_count import CallCount, address_of
from grading.machine.channel import Channel
from grading.machine.console import Console
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
from grading.machine.memory import GuestMemory, Layout
from grading.machine.progress import HEARTBEAT_S, Watch
from grading.machine.qmp import Qmp, QmpEnded
from grading.machine.registers import Registers, parse_registers
from grading.machine.sandbox import Cell, Limits, Process, launch
from grading.machine.serial_port import FLOOD_LIMIT, ChannelPort, ConsolePort, Pump

GUARD_MIB = 1536  # QEMU's own address space beside the guest's memory
CELL_CPU_S = 1800  # a backstop far beyond what progress.py allows
PANIC_CODE = 0x40
WRONG_KERNEL = re.compile(r"(could not load|loading \w+) kernel|loading elf kernel|PVH ELF Note", re.IGNORECASE)

T = TypeVar("T")


class Machine:
    """A machine; use as a context manager. Any wait may raise GuestFailure or HarnessFault.

    kernel: the ELF, which is started with boot="pvh" and tells of places otherwise; disk: the disk image (boot="grub" and "uefi"); esp: the EFI system
    partition's image ("uefi"); disks: further disks, written to in place (or as qemu.DataDisk says;
    with boot="pvh" the first is vda); options: kernel command line; icount, smp: see qemu.machine(); sandbox: run
    QEMU in a bubblewrap cell; log_folder: for console.log, channel.log, qemu.stderr (a temporary
    folder by default); gdb_socket: offer GDB this socket, wait for it, and apply no limits;
    extra_arguments: for QEMU, such as instruction_count.plugin(); allowance: what this machine's CPU time is taken from;
    fw_cfg: files that the firmware gives to the guest, by their names there.
    """

    def __init__(
        self,
        kernel: Path | None = None,
        initrd: Path | None = None,
        memory_mib: int = 128,
        options: str = "graded channel",
        icount: int | None = None,
        boot: str = "pvh",
        disk: Path | None = None,
        esp: Path | None = None,
        cpu: str = "max",
        sandbox: bool = False,
        fw_cfg: Mapping[str, Path] | None = None,
        log_folder: Path | None = None,
        gdb_socket: Path | None = None,
        disks: Sequence[Path | qemu.DataDisk] = (),
        extra_arguments: Sequence[str] = (),
        allowance: Allowance | None = None,
        smp: str = "1",
    ) -> None:
        self.memory_mib = memory_mib
        self._options = options
        self._gdb_socket = gdb_socket
        self._allowance = None if gdb_socket else allowance
        self._kernel = kernel.resolve() if kernel else None
        self._sandbox = sandbox
        firmware = {name: path.resolve() for name, path in (fw_cfg or {}).items()}
        self._files = (*(path.resolve() for path in (kernel, initrd, disk, esp) if path), *firmware.values())
        self._disks = tuple(qemu.DataDisk(disk) if isinstance(disk, Path) else disk for disk in disks)
        for path in (*self._files, *(disk.path for disk in self._disks)):
            if not path.exists():
                raise HarnessFault(f"{path} is missing: build it first")
        self._layout = Layout(memory_mib)
        self._memory: GuestMemory | None = None
        self._arguments = qemu.machine(memory_mib, cpu, icount, shared_memory=True, smp=smp) + qemu.graded() + qemu.fw_cfg_files(firmware)
        self._arguments += [*qemu.started_by(boot, kernel, initrd, disk, esp, options), *extra_arguments]
        self._temporary = None if log_folder else tempfile.TemporaryDirectory(prefix="cairn-machine-")
        self.log_folder = log_folder or Path(self._temporary.name)  # type: ignore[union-attr]
        self._stops = 0
        self._stub_attached = False
        self._failure: Exception | None = None
        self._started = False

    def __enter__(self) -> Machine:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Life

    def start(self) -> None:
        """Starts QEMU and waits until the kernel greets on the channel (if its options say `channel`)."""
        if self._allowance:
            self._allowance.check()
        self.log_folder.mkdir(parents=True, exist_ok=True)
        links = {name: socket.socketpair() for name in ("console", "channel", "control", "calls")}
        ours = {name: pair[0] for name, pair in links.items()}
        theirs = {name: pair[1] for name, pair in links.items()}
        try:
            self._process = self._launch({name: end.fileno() for name, end in theirs.items()})
        except BaseException:
            for end in ours.values():
                end.close()
            raise
        finally:
            for end in theirs.values():
                end.close()
        console = ConsolePort(ours["console"], self.log_folder / "console.log")
        channel = ChannelPort(ours["channel"], self.log_folder / "channel.log")
        self._links = ours
        self._pump = Pump(console, channel)
        self._pump.start()
        self._started = True
        self._qmp = Qmp(ours["control"], self._process.alive, self._process.cpu_time)
        self.console = Console(console, self._pump.changed, self._wait)
        self.channel = Channel(channel, self._wait)
        try:
            self._greet()
            if "channel" in self._options.split():
                self.channel.start()
        except BaseException:
            self.close()
            raise

    def _launch(self, descriptors: dict[str, int]) -> Process:
        command = [qemu.binary(), *self._arguments, "-S"]  # until _greet(), or a debugger, lets it go
        images: list[int] = []  # opened here, so that a cell needs neither their paths nor the right to open them
        for number, disk in enumerate(self._disks):
            opened = qemu.open_disk(disk)
            images += opened
            command += qemu.data_disk(disk, f"data{number}", opened)
        command += qemu.links(**descriptors)
        if self._gdb_socket:
            self._gdb_socket.unlink(missing_ok=True)
            command += qemu.gdb_socket(self._gdb_socket, wait=False)
        cell = None
        if self._sandbox:
            largest = max((disk.path.stat().st_size >> 20 for disk in self._disks), default=0)
            limits = Limits(self.memory_mib + GUARD_MIB, processes=64, file_mib=max(256, largest + 1, self.memory_mib),
                            cpu_s=CELL_CPU_S)
            cell = Cell(limits, files=self._files, first_process=True)
        try:
            with open(self.log_folder / "qemu.stderr", "wb") as errors:
                return launch(command, cell, pass_fds=[*descriptors.values(), *images], stdout=errors, stderr=errors)
        finally:
            for image in images:
                os.close(image)

    def _greet(self) -> None:
        """Lets the guest run when events are on: its end at once is told, too."""
        try:
            self._qmp.greet()
        except QmpEnded:
            self._process.wait()
            complaint = self._complaint()
            raise HarnessFault(
                f"QEMU did not start: {complaint}", guest_may_cause=bool(WRONG_KERNEL.search(complaint))
            ) from None
        self._memory = GuestMemory(self._layout, self._process.pid)
        if not self._gdb_socket:
            try:
                self._qmp.execute("cont")
            except QmpEnded:
                raise self._end() from None

    def close(self) -> None:
        """Ends QEMU and closes everything; harmless when done already."""
        if self._started:
            self._started = False
            self._process.cpu_time()
            self._process.kill()
            if self._allowance:
                self._allowance.add(self._process.cpu_time())
            self._pump.stop()
            for link in self._links.values():
                link.close()
            if self._memory:
                self._memory.close()
            if self._gdb_socket:
                self._gdb_socket.unlink(missing_ok=True)
        if self._temporary:
            self._temporary.cleanup()

    # Waiting

    def _wait(self, ready: Callable[[], T | None], what: str) -> T:
        """The first result of `ready` that isn't None; raises when it can't come any more."""
        if self._failure:
            raise self._failure
        try:
            return self._wait_or_fail(ready, what)
        except GuestFailure as failure:
            self._failure = failure
            raise

    def _wait_or_fail(self, ready: Callable[[], T | None], what: str) -> T:
        watch: Watch | None = None
        next_look = time.monotonic() + HEARTBEAT_S  # most waits are over before
        while True:
            with self._pump.changed:
                ended = self._pump.ended
                result = ready()
                if result is not None:
                    return result
                flooded = self._pump.flooded_port()
                if not ended and not flooded and not self._pump.error:
                    self._pump.changed.wait(HEARTBEAT_S)
            if flooded:
                amount = f"over {FLOOD_LIMIT >> 20} MiB"
                raise GuestFlood(f"the kernel floods the serial port {flooded.name}, {amount} (waiting for {what})")
            if self._pump.error:
                raise HarnessFault(f"the serial lines can't be logged: {self._pump.error}")
            if ended:
                raise self._end()
            if self._gdb_socket or time.monotonic() < next_look:
                continue
            if self._allowance:
                self._allowance.check(self._process.cpu_time())
            watch = watch or Watch(lambda: self._pump.received, self._process.cpu_time, self._halted)
            if trouble := watch.look():
                raise GuestSilent(self._hung(f"waited for {what}, but the guest hung: {trouble}"))
            next_look = time.monotonic() + HEARTBEAT_S

    def _hung(self, summary: str) -> str:
        """The summary with the lab's function that the guest hangs in, if any, and where its processors are."""
        if self._kernel is None:
            return summary
        try:
            with self.stopped():
                innermost, places = whereabouts.described(self._qmp.monitor, self._kernel, self._sandbox)
        except (QmpEnded, GuestFailure):
            return summary
        return f"{summary}{f', in {innermost}' if innermost else ''}\n{places}"

    def _halted(self) -> bool:
        try:
            return not self.running() or "HLT=0" not in self._qmp.monitor("info registers -a")
        except QmpEnded:
            if self._qmp.stuck:
                self._process.kill()
            return False  # the serial lines end too; _wait sees it next

    def _end(self) -> Exception:
        """Why the machine has ended."""
        events = [event for event in self._qmp.final_events() if event["event"] == "SHUTDOWN"]
        if self._qmp.stuck:
            self._process.kill()
        status = self._process.wait()
        if events:
            reason = "reset" if "reset" in str(events[-1].get("data", {}).get("reason")) else "shutdown"
            told = "restarted (a triple fault, or its reboot)" if reason == "reset" else "switched itself off"
            return self._panic_or(GuestExited(reason, status, f"the machine {told}"))
        number = self._signal(status)
        if number == 0 and status & 1:
            return self._debug_exit(status >> 1, status)
        told = signal.Signals(number).name if number else f"status {status}"
        # A status of a cell may be forged, so being killed proves nothing then.
        return HarnessFault(f"QEMU itself ended with {told}: {self._complaint()}", guest_may_cause=status != -signal.SIGKILL)

    def _signal(self, status: int) -> int:
        """The signal that ended QEMU, or 0.

        In a cell signal N gives the status 128 + N, which for an odd N the debug port can give as well (2 * value + 1).
        Only PANIC_CODE of the values in question is one that Cairn's kernel has; the others are taken for signals.
        """
        if status < 0:
            return -status
        in_question = self._process.boxed and 128 < status < 128 + 32 and status >> 1 != PANIC_CODE
        return status - 128 if in_question else 0

    def _debug_exit(self, value: int, status: int) -> Exception:
        if value == PANIC_CODE:
            return self._panic_or(GuestPanic("the kernel panicked without a word"))
        if value < PANIC_CODE and value & 7:
            return NotImplementedInLab(f"{'ABCDEFGH'[value >> 3]}{value & 7}")
        return self._panic_or(
            GuestExited("debug-exit", status, f"the kernel ended the machine through the debug port with {value}")
        )

    def _panic_or(self, otherwise: GuestFailure) -> GuestFailure:
        text = self.console.panic()
        if text and self._kernel:
            text = whereabouts.with_lines(text, self._kernel, self._sandbox)
        return GuestPanic(text) if text else otherwise

    def _complaint(self) -> str:
        text = (self.log_folder / "qemu.stderr").read_text(errors="replace").strip()
        return text.split("\n")[-1][:300] or "without a word"

    # Looking from outside

    def monitor(self, line: str, cpu: int = 0) -> str:
        """The output of a command of QEMU's human monitor, such as `info jit`, as asked of a vCPU."""
        try:
            return self._qmp.monitor(line, cpu)
        except QmpEnded:
            raise self._end() from None

    def running(self) -> bool:
        """False while the machine is stopped, or when the guest suspended it."""
        return bool(self._qmp.execute("query-status")["running"])

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stops the machine for the block; nests. Under GDB stopping is the debugger's business alone."""
        try:
            if self._stops == 0 and not self._gdb_socket:
                self._qmp.execute("stop")
            self._stops += 1
            try:
                yield
            finally:
                self._stops -= 1
                if self._stops == 0 and not self._gdb_socket:
                    self._qmp.execute("cont")  # a machine that the guest suspended stays so
        except (QmpEnded, ConnectionError):
            raise self._end() from None

    def read_phys(self, address: int, size: int) -> bytes:
        """`size` bytes of physical memory from `address`; the machine stands still meanwhile. Raises BadReply where
        there is none: an address comes from what the kernel said."""
        self._must_be_ram(address, size)
        with self.stopped():
            return self._memory.read(address, size)  # type: ignore[union-attr] # open once started

    def write_phys(self, address: int, data: bytes) -> None:
        """Changes physical memory behind the kernel's back. Raises BadReply where there is none."""
        self._must_be_ram(address, len(data))
        with self.stopped():
            self._memory.write(address, data)  # type: ignore[union-attr]

    def _must_be_ram(self, address: int, size: int) -> None:
        if not self.is_ram(address, size):
            raise BadReply(f"the kernel named {address:#x} as physical memory, and there is none")

    def registers(self, cpu: int = 0) -> Registers:
        """Registers of a vCPU."""
        return parse_registers(self.monitor("info registers", cpu))

    def all_registers(self) -> list[Registers]:
        """Registers of all vCPUs at one moment."""
        with self.stopped():
            return [self.registers(cpu) for cpu in range(len(self._qmp.execute("query-cpus-fast")))]

    @contextlib.contextmanager
    def calls_of(self, function: str) -> Iterator[CallCount | None]:
        """Counts the calls of a function of the kernel, by its mangled name, in the block, which may not look into
        the machine; None if a debugger holds the stub. Raises BadReply without that function."""
        if self._gdb_socket or not self._kernel:
            yield None
            return
        address = address_of(self._kernel, function)
        count = CallCount(self._links["calls"], address)
        with self.stopped():
            if not self._stub_attached:
                self.monitor("gdbserver chardev:calls")
                self._stub_attached = True
            count.begin()
        try:
            yield count
        finally:
            count.end()
            with self.stopped():
                count.clear()

    def is_ram(self, address: int, size: int = 1) -> bool:
        """Whether all of these physical bytes are the guest's memory, as q35 lays it out."""
        return self._layout.offset(address, size) is not None

    def cpu_time(self) -> float:
        """Seconds of CPU time that this machine's QEMU has used."""
        return self._process.cpu_time()
