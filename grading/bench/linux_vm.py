"""Linux in the same machine as Cairn, to compare with: Debian's cloud kernel, one static program, one disk.

    run = run_on_linux(Path("build/user/bench.elf"), ["/mnt/file"], disk=image, icount=0)
    run.output, run.status, run.ticks

    run = run_on_linux(program, disk=image, marks=True)      # instruction_count.py
    run.instructions, run.marks

The kernel's package is fetched by apt-get and unpacked below build/linux; nothing is installed. The
machine is the one that machine.py starts (qemu.machine()), with a virtio disk at /mnt. Under
instruction counting (`icount=0`) a tick of the time stamp counter is an instruction, or a nanosecond in
which the processor had nothing to do.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grading import ROOT
from grading.bench.instruction_count import Mark, between, plugin, read_marks
from grading.course.folders import FolderError, replaced
from grading.machine import qemu
from grading.machine.failures import HarnessFault

sys.path.append(str(ROOT / "user"))
from pack_programs import TRAILER, entry  # noqa: E402 - needs the path above

FOLDER = ROOT / "build" / "linux"
PACKAGE = "linux-image-cloud-amd64"  # depends on the package of the newest kernel
SOURCE = ROOT / "grading" / "bench" / "linux" / "init.c"
DRIVERS = ("virtio_pci", "virtio_blk")  # modules in Debian's kernel; ext4, which mounts ext2, is built in
DIRECTORY, PROGRAM, DATA = 0o040755, 0o100755, 0o100644
START_MARK, END_MARK = 0xFFFE, 0xFFFF  # set by init.c
OPTIONS = "console=ttyS0 loglevel=1 mitigations=off random.trust_cpu=on nokaslr cryptomgr.notests"
BACKSTOP_S = 1800  # wall time after which a run is stuck


@dataclass(frozen=True)
class LinuxRun:
    """How a program ran on Linux."""

    output: str  # what it printed
    status: int  # exit status; 128 + N if signal N killed it
    ticks: int  # of the time stamp counter, from before its fork to after its end
    ns: int  # of the guest's clock, for the same
    marks: list[Mark]  # what the program passed; the whole run lies between START_MARK and END_MARK
    wall_s: float  # of the host, for the whole machine's life

    @property
    def instructions(self) -> int:
        """Executed from before the program's fork to after its end; needs marks."""
        return between(self.marks, START_MARK, END_MARK)


@dataclass(frozen=True)
class Kernel:
    """Debian's kernel, unpacked."""

    image: Path
    modules: tuple[Path, ...]  # the drivers that it needs, in the order in which they are loaded
    release: str  # 6.1.0-…-cloud-amd64


def run_on_linux(program: Path, arguments: Sequence[str] = (), *, disk: Path | None = None, mount: str = "rw",
                 keep: bool = False, icount: int | None = None, marks: bool = False, memory_mib: int = 128,
                 options: str = OPTIONS) -> LinuxRun:
    """Boots Linux, mounts `disk` (ext2) at /mnt with the options `mount`, runs the static ELF there, and ends it.

    keep: what is written goes to the disk; otherwise it is dropped. marks: count instructions. The program's working directory is
    /mnt, or / without a disk. Arguments may not hold blanks or quotes. Raises HarnessFault.
    """
    if any(re.search(r"[\s\"']", word) for word in arguments):
        raise ValueError("Linux's command line can't carry blanks or quotes")
    kernel = fetch()
    with tempfile.TemporaryDirectory(prefix="cairn-linux-") as folder:
        initrd = Path(folder) / "initrd"
        initrd.write_bytes(_archive(kernel, program))
        words = ["--", "@run", mount if disk else "none", f"/bin/{program.stem}", *arguments]
        command = [qemu.binary(), *qemu.machine(memory_mib, icount=icount),
                   *qemu.pvh(kernel.image, initrd, f"{options} {' '.join(words)}")]
        if disk:
            command += qemu.data_disk(qemu.DataDisk(disk.resolve(), snapshot=not keep), "disk")
        marks_file = Path(folder) / "marks"
        command += plugin(marks_file) if marks else []
        command += ["-no-reboot", "-serial", "stdio", "-monitor", "none"]
        started = time.monotonic()
        text = _run(command)
        wall_s = time.monotonic() - started
        return _parse(text, wall_s, read_marks(marks_file) if marks else [])


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=BACKSTOP_S)
    except subprocess.TimeoutExpired as late:
        tail = (late.output or b"").decode(errors="replace")[-300:]
        raise HarnessFault(f"Linux did not end within {BACKSTOP_S} s; it said last: {tail}") from None
    if done.returncode != 0:
        raise HarnessFault(f"QEMU could not run Linux: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout.decode(errors="replace")


def _parse(text: str, wall_s: float, marks: list[Mark]) -> LinuxRun:
    if failed := re.search(r"^@linux failed (.*)$", text, re.MULTILINE):
        raise HarnessFault(f"Linux could not run the program: {failed[1].strip()}")
    match = re.search(r"^@linux run .*?\n(.*)\n@linux exited status=(\d+) signal=(\d+) ticks=(\d+) ns=(\d+)", text,
                      re.MULTILINE | re.DOTALL)
    if match is None:
        raise HarnessFault(f"Linux ended without running the program; it said last: {text.strip()[-300:]}")
    status, signal, ticks, ns = (int(match[i]) for i in (2, 3, 4, 5))
    return LinuxRun(match[1], 128 + signal if signal else status, ticks, ns, marks, wall_s)


# The initial file system

def _archive(kernel: Kernel, program: Path) -> bytes:
    """The initramfs: init, the drivers, the program."""
    if not program.exists():
        raise HarnessFault(f"{program} is missing: make programs")
    records = [(name, b"", DIRECTORY) for name in ("bin", "dev", "mnt", "modules", "proc", "sys", "tmp")]
    records.append(("init", _init().read_bytes(), PROGRAM))
    records += [(f"modules/{i:02}-{module.name}", module.read_bytes(), DATA) for i, module in enumerate(kernel.modules)]
    records.append((f"bin/{program.stem}", program.read_bytes(), PROGRAM))
    return b"".join(entry(i, name, data, mode) for i, (name, data, mode) in enumerate(records, 1)) + entry(0, TRAILER, b"", 0)


def _init() -> Path:
    """The compiled init.c, from build/linux if it is newer than its source. Raises HarnessFault."""
    target = FOLDER / "init"
    if target.exists() and target.stat().st_mtime >= SOURCE.stat().st_mtime:
        return target
    part = target.with_name(f"init.{os.getpid()}.part")
    compiler = ["musl-gcc", "-static", "-O2", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-I",
                str(ROOT / "user" / "include"), "-o", str(part), str(SOURCE)]
    _tool(compiler, FOLDER)
    part.replace(target)
    return target


# The kernel

def fetch() -> Kernel:
    """Debian's kernel, from build/linux or else from the Debian mirror that apt is set up for. Raises HarnessFault."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unpacked = FOLDER / "kernel"
        if not unpacked.exists():
            _unpack(unpacked)
    images = sorted(unpacked.glob("boot/vmlinuz-*"))
    if len(images) != 1:
        raise HarnessFault(f"{unpacked} holds no kernel: remove it")
    release = images[0].name.removeprefix("vmlinuz-")
    return Kernel(images[0], tuple(_with_dependencies(unpacked, DRIVERS)), release)


def _unpack(target: Path) -> None:
    """Fetches the package and keeps the kernel and the virtio drivers."""
    for name in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(name) is None:
            raise HarnessFault(f"{name} is missing: the comparison with Linux needs Debian")
    depends = _tool(["apt-cache", "depends", "--important", PACKAGE], FOLDER)
    match = re.search(r"Depends: (linux-image-\S+)", depends)
    if match is None:
        raise HarnessFault(f"apt knows no package {PACKAGE}: run apt-get update")
    try:
        with replaced(target) as fresh:
            _tool(["apt-get", "-q", "download", match[1]], fresh)
            (package,) = fresh.glob("*.deb")
            _tool(["dpkg-deb", "-x", package.name, "all"], fresh)
            package.unlink()
            (modules,) = fresh.glob("all/lib/modules/*/kernel/drivers")
            (fresh / "boot").mkdir()
            for image in fresh.glob("all/boot/vmlinuz-*"):
                image.rename(fresh / "boot" / image.name)
            (fresh / "modules").mkdir()
            for folder in ("virtio", "block"):
                for module in (modules / folder).glob("virtio*.ko"):
                    module.rename(fresh / "modules" / module.name)
            shutil.rmtree(fresh / "all")
    except (FolderError, ValueError) as error:
        raise HarnessFault(f"Debian's kernel can't be unpacked: {error}") from error


def _with_dependencies(unpacked: Path, names: Sequence[str]) -> list[Path]:
    """The modules and those that they need, which come first. A module names them itself (`depends=`)."""
    order: list[Path] = []
    for name in names:
        path = unpacked / "modules" / f"{name}.ko"
        if not path.exists():
            raise HarnessFault(f"{path} is missing: remove {unpacked}")
        needs = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        before = [need for need in needs[1].decode().split(",") if need] if needs else []
        for module in [*_with_dependencies(unpacked, before), path]:
            if module not in order:
                order.append(module)
    return order


def _tool(command: list[str], folder: Path) -> str:
    """Runs a tool in `folder`; what it printed. Raises HarnessFault."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise HarnessFault(f"{command[0]} is missing") from None
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise HarnessFault(f"{' '.join(command[:3])} failed: {lines[-1] if lines else done.returncode}")
    return done.stdout
