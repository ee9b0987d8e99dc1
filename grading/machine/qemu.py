"""QEMU's command line, in one place, for the harness and for `make qemu`.

The machine is q35 under TCG, with one CPU or several (no KVM is assumed), COM1 as the console, COM2 as the
harness channel. It starts in one of three ways: `pvh` hands the kernel's ELF to QEMU, `grub` boots
the disk image as a PC would, `uefi` does so with OVMF and an EFI system partition as a second disk.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grading.machine.failures import HarnessFault

BINARY = "qemu-system-x86_64"
OVMF_FOLDER = Path("/usr/share/OVMF")
OVMF_PAIRS = (("OVMF_CODE.fd", "OVMF_VARS.fd"), ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"))  # the smaller starts sooner
DEBUG_EXIT_PORT = 0xF4
TRANSLATION_BUFFER_MIB = 64
DISK_THREADS = 8  # that QEMU reads and writes images with; the usual 64 would go beyond a cell's limits
SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


class QemuError(HarnessFault):
    """Something that QEMU needs is missing; the text is one line with the remedy."""


def binary() -> str:
    """QEMU's path. Raises QemuError."""
    found = shutil.which(BINARY)
    if found is None:
        raise QemuError(f"{BINARY} is not installed: apt install qemu-system-x86")
    return found


def machine(
    memory_mib: int, cpu: str = "max", icount: int | None = None, shared_memory: bool = False, smp: str = "1"
) -> list[str]:
    """The bare machine. icount: 2**icount ns pass per instruction, and time skips idle stretches.

    smp: how many CPUs, or what QEMU's -smp takes besides (`cpus=4,sockets=2,cores=2`).

    shared_memory: keeps the guest's memory where memory.py finds it.
    """
    arguments = ["-no-user-config", "-nodefaults", "-display", "none"]
    arguments += [
        "-machine",
        "q35" + (",memory-backend=memory" if shared_memory else ""),
        "-cpu",
        cpu,
        "-m",
        f"{memory_mib}M",
    ]
    if smp != "1":
        arguments += ["-smp", smp]
    if shared_memory:
        arguments += ["-object", f"memory-backend-memfd,id=memory,size={memory_mib}M,share=on"]
    arguments += ["-accel", f"tcg,tb-size={TRANSLATION_BUFFER_MIB}"]
    arguments += ["-object", f"main-loop,id=main-loop,thread-pool-max={DISK_THREADS}"]
    if icount is not None:
        arguments += ["-icount", f"shift={icount},sleep=off"]
    return arguments


def pvh(kernel: Path, initrd: Path | None, options: str) -> list[str]:
    """Starts the ELF through its PVH note."""
    arguments = ["-kernel", str(kernel), "-append", options]
    return arguments + (["-initrd", str(initrd)] if initrd else [])


def grub(disk: Path, options: str, keep: bool = False) -> list[str]:
    """Starts the disk image through SeaBIOS and GRUB; writes to the disk are dropped at the end unless `keep`."""
    return [*_disk(disk, "disk", 0, keep), *fw_cfg({"opt/cairn/options": options} if options else {})]


def uefi(disk: Path, esp: Path, options: str, keep: bool = False) -> list[str]:
    """Starts the disk image through OVMF and the GRUB on `esp`; `keep` as in grub(). Raises QemuError without OVMF."""
    code, variables = ovmf()
    return [
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}"),
        *(
            "-drive",
            f"if=pflash,unit=1,format=raw,snapshot=on,file={variables}",
        ),  # private: changes go to a temporary file
        *_disk(disk, "disk", 1, keep),  # the kernel's first disk, as with BIOS
        *_disk(esp, "esp", 0),
        *fw_cfg({"opt/cairn/options": options} if options else {}),
    ]


def started_by(
    boot: str, kernel: Path | None, initrd: Path | None, disk: Path | None, esp: Path | None, options: str
) -> list[str]:
    """Starts the machine in the way called `boot` (pvh, grub, uefi), by the files that it needs. Raises ValueError."""
    if boot == "pvh" and kernel:
        return pvh(kernel.resolve(), initrd.resolve() if initrd else None, options)
    if boot == "grub" and disk:
        return grub(disk.resolve(), options)
    if boot == "uefi" and disk and esp:
        return uefi(disk.resolve(), esp.resolve(), options)
    raise ValueError(f"boot={boot!r} needs {'a kernel' if boot == 'pvh' else 'a disk image (and for uefi the ESP)'}")


def ovmf() -> tuple[Path, Path]:
    """OVMF's code and variables. Raises QemuError."""
    for code, variables in OVMF_PAIRS:
        if (OVMF_FOLDER / code).exists() and (OVMF_FOLDER / variables).exists():
            return OVMF_FOLDER / code, OVMF_FOLDER / variables
    raise QemuError(f"UEFI needs OVMF, and there is none in {OVMF_FOLDER}: apt install ovmf")


@dataclass(frozen=True)
class DataDisk:
    """A further disk, a raw image.

    snapshot: what is written goes to a temporary file; device: further properties of virtio-blk-pci;
    errors: for each, when requests fail, in the words of blkdebug's inject-error
    ("event=read_aio,sector=100"); write_log: a file that gets a record of all writes and flushes
    (ext2_write_log.py reads it); not together with errors.
    """

    path: Path
    readonly: bool = False
    snapshot: bool = False
    device: str = ""
    errors: tuple[str, ...] = ()
    write_log: Path | None = None


def open_disk(disk: DataDisk) -> list[int]:
    """Descriptors of the image for QEMU, which first opens images for reading even if it will write."""
    modes = [os.O_RDONLY] if disk.readonly or disk.snapshot else [os.O_RDONLY, os.O_RDWR]
    return [os.open(disk.path, mode) for mode in modes]


def data_disk(disk: DataDisk, name: str, descriptors: Sequence[int] = ()) -> list[str]:
    """A further virtio-blk disk, called `name` among QEMU's objects.

    descriptors: what open_disk() gave; QEMU inherits them and needs no right to open the image.
    """
    arguments = []
    file = str(disk.path).replace(",", ",,")
    for descriptor in descriptors:
        arguments += ["-add-fd", f"fd={descriptor},set={descriptors[0]}"]
        file = f"/dev/fdset/{descriptors[0]}"
    drive = f"if=none,id={name},driver=raw,werror=report,rerror=report"
    if disk.errors:
        drive += f",file.driver=blkdebug,file.image.driver=file,file.image.filename={file}"
        for number, error in enumerate(disk.errors):
            drive += "".join(f",file.inject-error.{number}.{word}" for word in error.split(","))
    elif disk.write_log:
        disk.write_log.write_bytes(b"")
        log = str(disk.write_log).replace(",", ",,")
        drive += f",file.driver=blklogwrites,file.file.driver=file,file.file.filename={file},file.log.driver=file"
        drive += f",file.log.filename={log},file.log-sector-size=512,file.log-super-update-interval=1"
    else:
        drive += f",file.driver=file,file.filename={file}"
    drive += (",readonly=on" if disk.readonly else "") + (",snapshot=on" if disk.snapshot else "")
    properties = f",{disk.device}" if disk.device else ""
    return [*arguments, "-drive", drive, "-device", f"virtio-blk-pci,drive={name}{properties}"]


def fw_cfg(entries: Mapping[str, str]) -> list[str]:
    """Firmware configuration files with the given contents."""
    arguments = []
    for name, text in entries.items():
        arguments += ["-fw_cfg", f"name={name},string={text.replace(',', ',,')}"]
    return arguments


def fw_cfg_files(files: Mapping[str, Path]) -> list[str]:
    """The same with the contents of files."""
    return [word for name, path in files.items() for word in ("-fw_cfg", f"name={name},file={path}")]


def graded() -> list[str]:
    """What only graded runs have: an end at a reset, the debug exit, and QEMU's own seccomp sandbox."""
    return ["-no-reboot", "-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=4", "-sandbox", SANDBOX]


def links(console: int, channel: int, control: int, calls: int) -> list[str]:
    """Connects serial lines and QMP to sockets that QEMU inherits as these descriptors; `calls` waits for call_count.py."""
    arguments = []
    for name, descriptor in (("console", console), ("channel", channel), ("control", control), ("calls", calls)):
        arguments += ["-chardev", f"socket,id={name},fd={descriptor}"]
    return [*arguments, "-serial", "chardev:console", "-serial", "chardev:channel", "-mon", "chardev=control,mode=control"]


def gdb_socket(path: Path, wait: bool) -> list[str]:
    """Offers the GDB stub on a UNIX socket; `wait` keeps the machine stopped until a debugger continues it."""
    return ["-gdb", f"unix:{path},server=on,wait=off"] + (["-S"] if wait else [])


def person() -> list[str]:
    """Serial line and QEMU's monitor on this terminal; Ctrl-A x leaves."""
    return ["-serial", "mon:stdio"]


def _disk(image: Path, name: str, boot_index: int, keep: bool = False) -> list[str]:
    """A virtio disk. The harness's are snapshots: the image may be shared, and stays as it is."""
    kept = "off" if keep else "on"
    return [
        *("-drive", f"if=none,id={name},format=raw,snapshot={kept},file={str(image).replace(',', ',,')}"),
        *("-device", f"virtio-blk-pci,drive={name},bootindex={boot_index}"),
    ]
