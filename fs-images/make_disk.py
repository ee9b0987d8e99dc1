#!/usr/bin/python3
"""Builds the raw disk that Cairn boots from, as any user and without loop devices.

    sector 0            GRUB's boot.img and the partition table
    sectors 1…2047      GRUB's core image (the "gap"; boot.img's block list points at sector 1)
    sector 2048 on      one ext2 partition, Cairn's root: /boot/grub with GRUB's menu and modules, /boot/cairn
                        with the kernel and the programs, the usual directories, the files of --root DIR, and with
                        --minimal what a person logs in to (minimal.py)

The core image unpacks itself bit by bit, so it holds only what reads the partition and speaks on the
serial line; GRUB's other modules are files.

The same input gives the same bytes: identifiers, owners and times are fixed. With --keep an image that
is there already keeps its files and gets the new kernel, programs and GRUB (kept_disk.py). Exits 1 with
one line on standard error where something is missing; no partial image is left behind.
"""

from __future__ import annotations

import argparse
import mmap
import os
import shutil
import struct
import sys
import tempfile
from pathlib import Path

import kept_disk
import minimal
from e2fsprogs import EPOCH, ToolError, debugfs, run_tool
from ext2_layout import Layout

SECTOR = 512
PARTITION_START = kept_disk.PARTITION // SECTOR
PARTITION_TABLE = 446  # offset in sector 0
LINUX_PARTITION = 0x83
BLOCK = 4096  # bytes of an ext2 block
SIZE_MIB = 64  # of the partition; room for what people write, and holes on the host until they do
UUID = "ca1100ca-1100-4a11-8a11-ca1100ca1100"
GRUB = Path("/usr/lib/grub/i386-pc")
BOOT_IMAGE = GRUB / "boot.img"
MODULES = ("normal", "multiboot2", "test", "echo", "sleep", "halt")  # normal: the menu's language; the rest its commands
HERE = Path(__file__).resolve().parent
GRUB_MENU = HERE / "grub.cfg"
FOLDERS = {"boot": 0o755, "boot/cairn": 0o755, "boot/grub": 0o755, "boot/grub/i386-pc": 0o755, "dev": 0o755, "etc": 0o755,
           "home": 0o755, "mnt": 0o755, "tmp": 0o1777}


def partition_table(sectors: int) -> bytes:
    """The four entries of the partition table: one active Linux partition of `sectors`."""
    no_geometry = b"\xfe\xff\xff"  # "beyond what cylinders and heads can say": use the sector numbers
    entry = struct.pack("<B3sB3sII", 0x80, no_geometry, LINUX_PARTITION, no_geometry, PARTITION_START, sectors)
    return entry.ljust(64, b"\0") + b"\x55\xaa"


def boot_area(core: Path) -> bytes:
    """Sector 0 without its partition table, then GRUB's core image. Raises ToolError."""
    boot, rest = BOOT_IMAGE.read_bytes(), core.read_bytes()
    if len(rest) > (PARTITION_START - 1) * SECTOR:
        raise ToolError(f"{core}: {len(rest)} bytes do not fit before the partition")
    return boot[:PARTITION_TABLE] + bytes(SECTOR - PARTITION_TABLE) + rest


def grub_modules() -> list[str]:
    """The names of MODULES and of all that they need, sorted."""
    lines = (GRUB / "moddep.lst").read_text().splitlines()
    needs = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    found: set[str] = set()
    wanted = list(MODULES)
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            wanted += needs.get(name, [])
    return sorted(found)


def new_files(folder: Path, arguments: argparse.Namespace) -> kept_disk.Files:
    """What a build puts on the disk, by path there; GRUB's menu is written to `folder`."""
    menu = folder / "grub.cfg"
    init = "" if arguments.minimal is None else f"init={minimal.INIT}"
    menu.write_text(GRUB_MENU.read_text().replace("@OPTIONS@", f"{init} {arguments.options}".strip()))
    files = {kept_disk.MENU: menu} | {f"{kept_disk.MODULES}/{name}.mod": GRUB / f"{name}.mod" for name in grub_modules()}
    if arguments.kernel:
        files[kept_disk.KERNEL] = Path(arguments.kernel)
    if arguments.programs:
        files[kept_disk.PROGRAMS] = Path(arguments.programs)
    return files | {f"{minimal.PROGRAMS}/{Path(program).stem}": Path(program) for program in arguments.minimal or ()}


def fill_tree(tree: Path, files: kept_disk.Files, arguments: argparse.Namespace) -> None:
    """Lays out the partition's files in `tree`, all with the same time."""
    if arguments.root:
        shutil.copytree(arguments.root, tree, symlinks=True)
    tree.mkdir(exist_ok=True)
    for folder in FOLDERS:
        (tree / folder).mkdir(exist_ok=True)
    if arguments.minimal is not None:
        minimal.lay_out(tree)
    if not (tree / "etc/motd").exists():
        shutil.copyfile(HERE / "motd", tree / "etc/motd")
    for path, source in files.items():
        shutil.copyfile(source, tree / path.lstrip("/"))
        (tree / path.lstrip("/")).chmod(kept_disk.mode(path))
    (tree / "etc/motd").chmod(0o644)
    for folder, mode in FOLDERS.items():
        (tree / folder).chmod(mode)
    for folder, _, names in os.walk(tree):
        for path in [folder, *(os.path.join(folder, name) for name in names)]:
            os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


def make_ext2(image: Path, tree: Path, size: int) -> None:
    """Makes the partition's file system of `size` bytes from `tree`. Raises ToolError."""
    extended = f"offset={kept_disk.PARTITION},root_owner=0:0,hash_seed={UUID}"
    run_tool(["mke2fs", "-q", "-F", "-t", "ext2", "-b", str(BLOCK), "-m", "0", "-L", "cairn", "-U", UUID,
              "-E", extended, "-d", str(tree), str(image), str(size // BLOCK)])
    debugfs(image, kept_disk.reserve_room(), kept_disk.PARTITION)
    # mke2fs copies owners, and change times, which nobody can set.
    with image.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content, memoryview(content) as view:
        with view[kept_disk.PARTITION :] as partition:
            layout = Layout(partition)
            for path, inode in layout.paths().items():
                for name in ("i_uid", "i_gid"):
                    layout.set_inode(inode, name, minimal.OWNERS.get(path, 0))
                for name in ("i_uid_high", "i_gid_high", "i_ctime_extra", "i_mtime_extra", "i_atime_extra"):
                    layout.set_inode(inode, name, 0)
                for name in ("i_ctime", "i_mtime", "i_atime"):
                    layout.set_inode(inode, name, EPOCH)


def make_disk(arguments: argparse.Namespace, image: Path, scratch: Path) -> None:
    """Builds a new image. Raises ToolError."""
    size = arguments.size * 1024 * 1024
    area = boot_area(Path(arguments.core))
    fill_tree(scratch / "tree", new_files(scratch, arguments), arguments)
    with image.open("wb") as disk:
        disk.truncate(kept_disk.PARTITION + size)
    make_ext2(image, scratch / "tree", size)
    with image.open("r+b") as disk:
        disk.write(area)
        disk.seek(PARTITION_TABLE)
        disk.write(partition_table(size // SECTOR))


def build(arguments: argparse.Namespace) -> None:
    """Builds or updates the image beside its final name and renames it. Raises ToolError."""
    target = Path(arguments.image)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".disk-") as folder:
        scratch, part = Path(folder), Path(folder) / "disk.img"
        if arguments.keep and target.exists():
            remedy = f"make fresh-disk{arguments.words and ' ' + arguments.words}"
            with kept_disk.unused(target):
                kept_disk.update(target, part, boot_area(Path(arguments.core)), new_files(scratch, arguments), remedy)
                part.replace(target)
        else:
            make_disk(arguments, part, scratch)
            part.replace(target)


def main() -> int:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(description="Builds the raw disk that Cairn boots from.")
    parser.add_argument("image", help="the file to write")
    parser.add_argument("--core", required=True, help="GRUB's core image (grub-mkimage -O i386-pc)")
    parser.add_argument("--kernel", help="kernel.elf; without it the disk says that it has none")
    parser.add_argument("--programs", help="programs.cpio")
    parser.add_argument("--root", help="a folder whose files go into the partition too")
    parser.add_argument("--minimal", action="append", metavar="PROGRAM",
                        help="put busybox there and all that a login needs, and this ELF file into /usr/bin; boot to its init")
    parser.add_argument("--options", default="", help="words for the kernel's command line")
    parser.add_argument("--size", type=int, default=SIZE_MIB, help=f"MiB of the partition (default {SIZE_MIB})")
    parser.add_argument("--keep", action="store_true", help="keep the files of an image that is there already")
    parser.add_argument("--words", default="", help="how make is told the stage, for messages: LAB=b")
    arguments = parser.parse_args()
    try:
        build(arguments)
    except (ToolError, OSError) as problem:
        text = f"{problem.filename}: {problem.strerror}" if isinstance(problem, OSError) and problem.filename else problem
        print(f"make_disk.py: {text}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
