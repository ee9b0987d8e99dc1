"""A machine with disks, as lab B's tests use it: processes inside, and the disks as the host sees them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from grading.grader.foundations import Foundation
from grading.judge import ext2_images, ext2_judge
from grading.judge.check import check, check_that
from grading.judge.ext2_images import Entry, Image, Manifest, content_digest
from grading.machine.machine import Machine
from grading.machine.puppets import Puppets
from grading.tests.b.process import Process

OPTIONS = "graded channel"
PROGRAM = "os_puppet"
IGNORED = ("/lost+found", "/dev")  # the kernel makes /dev on its root to mount devices there
# What a test that changes files compares unless it sets times itself.
FIELDS = ("kind", "mode", "owner", "group", "size", "links", "digest", "target", "device")


@dataclass
class Guest:
    """A running machine."""

    machine: Machine
    disks: list[Path] = field(default_factory=list)
    puppets: Puppets = field(init=False)

    def __post_init__(self) -> None:
        self.puppets = Puppets(self.machine, PROGRAM)

    def process(self) -> Process:
        """A new process, whose current directory is the root."""
        return Process.start(self.puppets)

    def end(self, *processes: Process) -> None:
        """Kills processes; the first was started by process()."""
        self.puppets.end(*(process.pid for process in processes))

    # -- what the kernel says ----------------------------------------------------------------------

    def sync(self) -> None:
        """Writes everything to the disks."""
        self.machine.channel.command("sync")

    def drop_caches(self) -> None:
        """Empties the caches of pages, inodes and names, of what nobody uses."""
        self.machine.channel.command("cache drop")

    def mounts(self) -> list[tuple[str, str, str, str]]:
        """The mount table in order: (source, where, type, "rw" or "ro")."""
        lines = self.machine.channel.command("mount").lines
        found = [re.fullmatch(r"(\S+) on (\S+) type (\S+) \((\w+)\)", line) for line in lines]
        check_that(all(found), expected="lines `SOURCE on WHERE type TYPE (rw)`", seen=lines, what="what `mount` prints")
        return [match.groups() for match in found if match]  # type: ignore[misc]

    def frames(self) -> tuple[int, int]:
        """Free frames, and frames of the kernel's heap."""
        free = heap = 0
        for line in self.machine.channel.command("frames").values():
            if "free" in line:
                free = int(line["free"])
            elif line.get("use") == "heap":
                heap = int(line["frames"])
        return free, heap

    def unused_memory(self) -> tuple[int, int]:
        """Frames that are free or the heap's, and bytes that the heap has lent: equal where nothing has leaked. Which
        of its frames the heap needs for so many bytes depends on the order in which others were given back."""
        free, heap = self.frames()
        lines = self.machine.channel.command("frames").lines
        lent = next(int(line.partition("=")[2]) for line in lines if line.startswith("heap bytes="))
        return free + heap, lent

    # -- what the host sees ------------------------------------------------------------------------

    def operations(self, disk: int = 0) -> tuple[int, int]:
        """Reads and writes that QEMU has served for a disk."""
        text = self.machine.monitor("info blockstats")
        match = re.search(rf"^data{disk}:.*? rd_operations=(\d+) wr_operations=(\d+)", text, re.MULTILINE)
        check_that(match, expected=f"counts for data{disk}", seen=text, what="QEMU's `info blockstats`")
        assert match
        return int(match[1]), int(match[2])

    def reads(self, disk: int = 0) -> int:
        """Reads that QEMU has served for a disk."""
        return self.operations(disk)[0]

    def check_disk(self, expected: Manifest | None = None, disk: int = 0, fields: Sequence[str] = FIELDS, what: str = "",
                   hint: str = "") -> None:
        """Syncs, then lets e2fsck judge a disk and, if told what should be on it, debugfs. Raises CheckFailed."""
        self.sync()
        with self.machine.stopped():
            judge(self.disks[disk], expected, fields, what, hint)


def judge(disk: Path, expected: Manifest | None = None, fields: Sequence[str] = FIELDS, what: str = "",
          hint: str = "") -> None:
    """Fails unless e2fsck finds nothing to repair and the files are these. Raises CheckFailed."""
    ext2_judge.check_clean(disk, what="e2fsck's verdict on the disk" + (f" {what}" if what else ""))
    if expected is not None:
        seen = ext2_judge.read_tree(disk)
        if "/dev" in seen and "/dev" not in expected:
            seen["/"].links -= 1
        ext2_judge.compare(expected, seen, fields, ignore=IGNORED, what="the files on the disk" + (f" {what}" if what else ""),
                           hint=hint)


Boot = Callable[..., Machine]


def on_tmpfs(boot: Boot, disks: Sequence[Path] = (), **arguments: object) -> Guest:
    """A machine whose root is in memory; `disks` are vda, vdb …, not mounted."""
    return Guest(boot(options=f"{OPTIONS} root=tmpfs", disks=list(disks), **arguments), list(disks))


def on_disk(boot: Boot, disk: Path, more: Sequence[Path] = (), options: str = "", **arguments: object) -> Guest:
    """A machine whose root is this disk, vda."""
    disks = [disk, *more]
    return Guest(boot(options=f"{OPTIONS} root=vda {options}".rstrip(), disks=disks, **arguments), disks)


PROCESS = Foundation("a process starts", lambda boot: on_tmpfs(boot).process())


def _ext2_root(boot: Boot) -> None:
    with tempfile.TemporaryDirectory(prefix="cairn-disks-") as folder:
        on_disk(boot, ext2_images.make(Path(folder) / "root.img", "plain", 1).path, options="ro").process()


EXT2_ROOT = Foundation("a process starts with an ext2 as its root", _ext2_root)

# -- what should be on a disk ----------------------------------------------------------------------


def copied(manifest: Manifest) -> Manifest:
    """A copy whose entries may be changed."""
    return {path: replace(entry) for path, entry in manifest.items()}


def on_image(boot: Boot, image: Image) -> tuple[Guest, Process, Manifest]:
    """A machine whose root is this image, a process on it, and what is on the disk, to be changed as the process changes it."""
    guest = on_disk(boot, image.path)
    return guest, guest.process(), copied(image.manifest)


def file_entry(content: bytes, mode: int = 0o644, links: int = 1) -> Entry:
    """A regular file of root's."""
    return Entry("file", mode, size=len(content), links=links, digest=content_digest(len(content), [(0, content)]))


def set_content(entry: Entry, content: bytes) -> None:
    """The file has this content now."""
    entry.size, entry.digest = len(content), content_digest(len(content), [(0, content)])


def directory_entry(mode: int = 0o755, subdirectories: int = 0) -> Entry:
    """A directory of root's."""
    return Entry("directory", mode, links=2 + subdirectories)


def symlink_entry(target: str) -> Entry:
    """A symbolic link of root's."""
    return Entry("symlink", 0o777, size=len(target.encode()), target=target)


def check_statistics(process: Process, image: Image, path: str = "/") -> None:
    """Fails unless statfs() says what the image was made with. Raises CheckFailed."""
    seen = process.statfs(path)
    facts = image.facts
    check(expected=(facts.block_size, facts.free_blocks, facts.inodes, facts.free_inodes),
          seen=(seen.block_size, seen.free_blocks, seen.files, seen.free_files),
          what=f'block size, free blocks, inodes and free inodes from statfs("{path}")')
