"""`make qemu` and `make qemu-gdb`: boots a stage's own disk with the serial line on this terminal.

What the machine writes to the disk stays, so that only one machine at a time can use it.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import struct
import sys
from pathlib import Path

from grading import ROOT
from grading.machine import qemu

LEAST_MIB = 32  # what the kernel asks for; with less than a few MiB not even GRUB could say so
FIRST_LINE = "Ctrl-A x leaves QEMU (Ctrl-A c switches to QEMU's monitor and back)"


def main(argv: list[str] | None = None) -> int:
    """Replaces itself with QEMU; returns only on errors, with status 2."""
    arguments = parser().parse_args(argv)
    os.chdir(ROOT)  # a relative socket path stays below the limit of 107 bytes
    try:
        command = command_line(arguments)
    except qemu.QemuError as error:
        print(f"qemu: {error}", file=sys.stderr)
        return 2
    print(FIRST_LINE, flush=True)
    if arguments.gdb:
        start = " to start the machine" if arguments.wait else ""
        print(f"GDB: run `make gdb{words_for_make(arguments.stage)}` in another terminal{start}", flush=True)
    os.execv(command[0], command)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Boots build/STAGE/kept-disk.img through GRUB. " + FIRST_LINE + ".")
    parser.add_argument("--stage", default="all", metavar="STAGE", help="a, b, c, d or all (default: all)")
    parser.add_argument("--uefi", action="store_true", help="boot with UEFI (OVMF) instead of BIOS")
    parser.add_argument("--memory", default=128, type=memory_mib, metavar="SIZE", help="such as 64M or 2G (default: 128M)")
    parser.add_argument("--smp", default="1", metavar="CPUS", help="how many CPUs, or what QEMU's -smp takes (default: 1)")
    parser.add_argument("--gdb", action="store_true", help="offer GDB a socket, build/STAGE/gdb.sock")
    parser.add_argument("--wait", action="store_true", help="with --gdb: wait until GDB continues the machine")
    parser.add_argument(
        "--icount",
        nargs="?",
        const=0,
        type=int,
        metavar="SHIFT",
        help="count instructions: each takes 2^SHIFT ns (default 0)",
    )
    parser.add_argument("--options", default="", metavar="WORDS", help="further kernel options, such as log=debug")
    return parser


def memory_mib(text: str) -> int:
    """128M or 2G or 128 as MiB."""
    match = re.fullmatch(r"(\d{1,6})([MG]?)i?B?", text, re.IGNORECASE)
    if not match or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 128M or 2G")
    size = int(match[1]) * (1024 if match[2].upper() == "G" else 1)
    if size < LEAST_MIB:
        raise argparse.ArgumentTypeError(f"{text} is too little memory: Cairn needs {LEAST_MIB}M")
    return size


def command_line(arguments: argparse.Namespace) -> list[str]:
    """QEMU's command line. Raises qemu.QemuError."""
    folder = Path("build") / arguments.stage
    lab = words_for_make(arguments.stage)
    disk = existing(folder / "kept-disk.img", f"make fresh-disk{lab}")
    if in_use(disk):
        raise qemu.QemuError(f"another QEMU writes to {disk}: leave it first (Ctrl-A x in its terminal)")
    command = [qemu.binary(), *qemu.machine(arguments.memory, icount=arguments.icount, smp=arguments.smp), *qemu.person()]
    options = " ".join(filter(None, [window_option(), arguments.options]))
    if arguments.uefi:
        esp = existing(Path("build/esp.img"), f"make image{lab} UEFI=1")
        command += qemu.uefi(disk, esp, options, keep=True)
    else:
        command += qemu.grub(disk, options, keep=True)
    if arguments.gdb:
        command += qemu.gdb_socket(claim_gdb_socket(folder), arguments.wait)
    return command


def window_option() -> str:
    """Tells the kernel how large this terminal is, which the serial line can't."""
    if not sys.stdout.isatty():
        return ""
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    return f"window={rows}x{columns}"


def words_for_make(stage: str) -> str:
    """How make is told the stage: ` LAB=a DEBUG=1` for a-debug."""
    lab = stage.removesuffix("-debug")
    return ("" if lab == "all" else f" LAB={lab}") + (" DEBUG=1" if lab != stage else "")


def existing(path: Path, remedy: str) -> Path:
    if not path.exists():
        raise qemu.QemuError(f"{path} is missing: {remedy}")
    return path


def in_use(disk: Path) -> bool:
    """Whether a QEMU has the image open: it holds locks on some of its bytes. Takes no lock itself."""
    question = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)  # struct flock: the whole file
    try:
        with disk.open("r+b") as file:
            answer = fcntl.fcntl(file, fcntl.F_GETLK, question)
    except OSError as error:
        raise qemu.QemuError(f"can't use {disk}: {error.strerror}") from None
    return bool(struct.unpack("hhqqi", answer)[0] != fcntl.F_UNLCK)


def claim_gdb_socket(folder: Path) -> Path:
    """The path for the stage's GDB socket, locked for this process and the QEMU it becomes.

    Raises QemuError when another QEMU holds it.
    """
    socket = folder / "gdb.sock"
    try:
        lock = os.open(folder / "gdb.lock", os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        socket.unlink(missing_ok=True)  # left behind by a QEMU that was killed
    except BlockingIOError:
        raise qemu.QemuError(f"another QEMU holds {socket}: leave it first (Ctrl-A x in its terminal)") from None
    except OSError as error:
        raise qemu.QemuError(f"can't use {socket}: {error.strerror}") from None
    os.set_inheritable(lock, True)
    return socket
