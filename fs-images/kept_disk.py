"""Puts a new kernel on a disk that people have written to, without touching their files.

All is done on a copy, which takes the disk's place at the end: a make that is killed loses nothing.
/boot/cairn/reserve keeps room for a kernel that has grown, however full people make their disk.
"""

from __future__ import annotations

import fcntl
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from e2fsprogs import REPAIRED, ToolError, at, debugfs, run_tool
from ext2_layout import SUPERBLOCK, SUPERBLOCK_FIELDS
from sparse import copy_sparse

PARTITION = 1 << 20  # bytes; where partitioning tools put the first partition too
KERNEL, PROGRAMS = "/boot/cairn/kernel.elf", "/boot/cairn/programs.cpio"
MENU, MODULES = "/boot/grub/grub.cfg", "/boot/grub/i386-pc"
RESERVE, RESERVE_SIZE = "/boot/cairn/reserve", 4 << 20  # bytes
SECTOR, PARTITION_TABLE = 512, 446

REPLAYED = b"recovering journal"
SUMMARY = re.compile(r": \d+/\d+ files .* blocks$")  # e2fsck's last line

Files = Mapping[str, Path]  # path on the disk -> file on the host


def mode(path: str) -> int:
    """The permissions of a file that a build puts there."""
    return 0o644 if path.startswith("/boot/") else 0o755


def reserve_room() -> list[str]:
    """debugfs's commands that make the reserve: its blocks are taken, not written."""
    folder, name = RESERVE.rsplit("/", 1)
    return [f"cd {folder}", f"write /dev/null {name}", f"fallocate {name} 0 {RESERVE_SIZE // 4096 - 1}",
            f"sif {name} size {RESERVE_SIZE}", f"sif {name} mode 0100400", "cd /"]


@contextmanager
def unused(image: Path) -> Iterator[None]:
    """Makes sure that no machine runs from the disk, and that none starts meanwhile. Raises ToolError."""
    with image.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # QEMU locks bytes of the images it writes
        except OSError:
            raise ToolError(f"{image} is in use by a running QEMU: leave that first (Ctrl-A x in its terminal)") from None
        yield


def update(image: Path, part: Path, area: bytes, files: Files, remedy: str) -> None:
    """Writes to `part` the disk `image` with new `files` and the boot area. `remedy`: the command for a fresh disk.

    Raises ToolError when the disk is damaged or too full.
    """
    copy_sparse(image, part)
    repair(image, part, remedy)
    try:
        missing, replaced = look([*files, RESERVE], part)
        debugfs(part, commands(files, missing, replaced), PARTITION, now=None)
    except ToolError as problem:
        full = "allocate" in str(problem) or "free space" in str(problem)
        why = "is full: delete files in Cairn" if full else f"can't take the new kernel ({problem}): repair it"
        raise ToolError(f"{image} {why}, or start anew, without your files: {remedy}") from problem
    try:
        debugfs(part, reserve_room(), PARTITION, now=None)
    except ToolError:  # too full for the reserve, but the kernel is there
        print(f"{image}: less than {RESERVE_SIZE >> 20} MiB are free; a larger kernel may not fit", file=sys.stderr)
        run_tool(["e2fsck", "-fp", at(part, PARTITION)], allowed=REPAIRED, now=None)  # what the attempt left
    with part.open("r+b") as disk:
        disk.write(area[:PARTITION_TABLE])
        disk.seek(SECTOR)
        disk.write(area[SECTOR:])


def repair(image: Path, part: Path, remedy: str) -> None:
    """Lets e2fsck mend what a cut left, and tells. Raises ToolError when it can't without help."""
    with part.open("rb") as disk:
        disk.seek(PARTITION + SUPERBLOCK)
        clean = disk.read(SUPERBLOCK)[SUPERBLOCK_FIELDS["s_state"][0]] & 1
    command = ["e2fsck", "-fp", at(part, PARTITION)]
    run = run_tool(command, allowed=255, now=None)  # the kernel's times are real ones
    if run.returncode & ~REPAIRED and REPLAYED in run.stdout:
        run = run_tool(command, allowed=255, now=None)  # e2fsck 1.47 forgets the offset when it has replayed a journal
    if run.returncode & ~REPAIRED:
        raise ToolError(f"{image} is damaged beyond what e2fsck repairs by itself: look with `e2fsck -fn "
                        f"'{at(image, PARTITION)}'`, or start anew, without your files: {remedy}")
    if run.returncode:
        words = run.stdout.decode(errors="replace").replace(at(part, PARTITION), str(image)).splitlines()
        told = [word for word in words if word.strip() and not SUMMARY.search(word)]
        print(f"{image} {'is damaged' if clean else 'was not unmounted'}" + ("; e2fsck repaired:" if told else "; e2fsck found nothing else to repair"))
        print("".join(f"{word}\n" for word in told), end="")


def look(paths: list[str], part: Path) -> tuple[set[str], set[str]]:
    """(folders of these paths that are missing, paths that are there)."""
    folders = {folder for path in paths for folder in (str(Path(path).parent.parent), str(Path(path).parent))}
    asked = sorted(folders) + sorted(paths)
    run = run_tool(["debugfs", "-f", "-", at(part, PARTITION)], "".join(f"stat {path}\n" for path in asked).encode())
    absent = {path for path in asked if f"{path}: File not found" in run.stderr.decode(errors="replace")}
    return folders & absent, set(paths) - absent


def commands(files: Files, missing: set[str], present: set[str]) -> list[str]:
    """debugfs's commands that replace the files; missing folders are made again."""
    lines = [f"rm {path}" for path in sorted(present)]
    lines += [f"mkdir {folder}" for folder in sorted(missing)]
    for path, source in files.items():
        folder, name = path.rsplit("/", 1)
        lines += [f"cd {folder}", f'write "{source.resolve()}" {name}', f"sif {name} mode 0{0o100000 | mode(path):o}", f"sif {name} uid 0",
                  f"sif {name} gid 0", "cd /"]
    return lines
