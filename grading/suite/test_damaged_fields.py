"""Ext2 disks with one wrong or unusual field each: what Linux refuses is refused, and nothing of the file system's own is
touched. One machine takes them all; the host puts the next image on its disk while that isn't mounted.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from grading.judge import ext2_judge
from grading.machine import qemu
from grading.machine.channel import CommandError
from grading.machine.machine import Machine
from grading.suite.disks import mke2fs
from grading.suite.rubric_runs import PROGRAMS
from grading.tests.b.guest import Guest
from grading.tests.b.process import Process

from ext2_layout import Layout, Pointer  # fs-images/, which ext2_images adds to the path; isort: skip

BLOCK = 1024
SIZE = 24 << 20  # bytes: three groups, the second with a copy of superblock and descriptors
DAMAGE = (errno.EUCLEAN, errno.EIO)  # what comes through the page cache fails as an input or output does
PLACES = (0, 5, 20, 600, 12 + 256 + 65536 + 10)  # blocks of the file that has every kind of pointer
IMMUTABLE, APPEND_ONLY = 0x10, 0x20
F_GETFL, F_SETFL = 3, 4


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An image with nothing wrong."""
    folder = tmp_path_factory.mktemp("fields")
    tree = folder / "tree"
    (tree / "folder").mkdir(parents=True)
    (tree / "folder" / "inside").write_bytes(b"inside")
    (tree / "other").write_bytes(bytes(range(250)) * 20)
    with (tree / "file").open("wb") as file:
        for place in PLACES:
            file.seek(place * BLOCK)
            file.write(bytes([place % 251 + 1]) * BLOCK)
    return mke2fs(folder / "disk", SIZE, "-b", str(BLOCK), "-I", "128", "-N", "768", "-m", "0", "-d", tree).read_bytes()


@dataclass
class Station:
    """The machine and its disk."""

    guest: Guest
    disk: Path
    process: Process

    @contextmanager
    def mounted(self, image: bytes | bytearray, *options: str) -> Iterator[Process]:
        """The image mounted on /mnt. Raises CommandError if it can't be."""
        self.disk.write_bytes(image)
        self.guest.machine.channel.command(" ".join(["mount vda /mnt ext2", *options]))
        try:
            yield self.process
        finally:
            self.guest.machine.channel.command("umount /mnt")

    def refusal(self, image: bytes | bytearray, *options: str) -> str | None:
        """The error of mounting it, None if there is none; nothing is written then."""
        try:
            with self.mounted(image, *options):
                return None
        except CommandError as refused:
            assert self.disk.read_bytes() == image, "a disk that was refused has changed"
            return refused.errno


@pytest.fixture(scope="module")
def station(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    disk = tmp_path_factory.mktemp("station") / "disk"
    disk.write_bytes(bytes(SIZE))
    with Machine(complete / "kernel.elf", initrd=PROGRAMS, options="channel graded root=tmpfs", disks=[qemu.DataDisk(disk)]) as machine:
        machine.channel.command("mkdir /mnt")
        guest = Guest(machine)
        yield Station(guest, disk, guest.process())


def changed(sound: bytes, change: Callable[[Layout], None]) -> bytearray:
    image = bytearray(sound)
    change(Layout(image))
    return image


# ---- Mounting ----------------------------------------------------------------------------------


def on_group(field: str, value: Callable[[Layout], int], group: int = 0) -> Callable[[Layout], None]:
    return lambda layout: layout.set_group(group, field, value(layout))


REFUSED: dict[str, Callable[[Layout], None]] = {
    "root-of-size-0": lambda layout: layout.set_inode(2, "i_size", 0),
    "root-of-0-blocks": lambda layout: layout.set_inode(2, "i_blocks", 0),
    "bitmaps-share-a-block": on_group("bg_inode_bitmap", lambda layout: layout.group(0, "bg_block_bitmap")),
    "bitmap-on-descriptors": on_group("bg_block_bitmap", lambda _: 2),
    "bitmap-on-superblock-copy": on_group("bg_block_bitmap", lambda layout: layout.first_block + layout.blocks_per_group, group=1),
    "bitmap-in-table": on_group("bg_inode_bitmap", lambda layout: layout.group(1, "bg_inode_table") + 3, group=1),
    "table-over-bitmap": on_group("bg_inode_table", lambda layout: layout.group(2, "bg_inode_bitmap") - 1, group=2),
    "table-on-descriptors": on_group("bg_inode_table", lambda layout: layout.first_block + layout.blocks_per_group + 1, group=1),
    "bitmap-of-another-group": on_group("bg_block_bitmap", lambda layout: layout.group(1, "bg_block_bitmap")),
}


@pytest.mark.parametrize("field", REFUSED)
def test_what_overlaps_or_has_no_root_is_refused(station: Station, sound: bytes, field: str) -> None:
    assert station.refusal(changed(sound, REFUSED[field])) == "EUCLEAN"
    assert station.refusal(changed(sound, REFUSED[field]), "ro") == "EUCLEAN"


def test_a_count_that_is_too_high_matters_to_who_writes(station: Station, sound: bytes) -> None:
    image = changed(sound, on_group("bg_free_blocks_count", lambda _: 9999))
    assert station.refusal(image) == "EUCLEAN"
    with station.mounted(image, "ro") as process:
        assert process.stat("/mnt/other").size == 5000
    assert station.disk.read_bytes() == image


@pytest.mark.parametrize("log_block_size", [3, 6])
def test_blocks_larger_than_a_page_are_not_supported(station: Station, sound: bytes, log_block_size: int) -> None:
    image = changed(sound, lambda layout: layout.set_superblock("s_log_block_size", log_block_size))
    assert station.refusal(image) == "EINVAL"
    assert "block size not supported" in station.guest.machine.console.text[-500:]


# ---- Pointers ----------------------------------------------------------------------------------


def own_blocks(layout: Layout) -> dict[str, int]:
    """Blocks that the file system needs for itself, of every kind and of several groups."""
    copy = layout.first_block + layout.blocks_per_group
    blocks = {"superblock": 1, "descriptors": 2, "copy of superblock": copy, "copy of descriptors": copy + 1}
    table_blocks = layout.inodes_per_group * layout.inode_size // BLOCK
    for group in range(layout.groups):
        blocks[f"block bitmap {group}"] = layout.group(group, "bg_block_bitmap")
        blocks[f"inode bitmap {group}"] = layout.group(group, "bg_inode_bitmap")
        blocks[f"table {group}"] = layout.group(group, "bg_inode_table")
        blocks[f"end of table {group}"] = layout.group(group, "bg_inode_table") + table_blocks - 1
    return blocks


def test_no_pointer_leads_to_what_the_file_system_needs_for_itself(station: Station, sound: bytes, seed: int) -> None:
    """Read, written, cut and removed: a pointer of each level, onto a block of each kind."""
    rng = random.Random(seed)
    layout = Layout(sound)
    number = layout.paths()["/file"]
    pointers = list(layout.pointers(number))
    assert {(pointer.level, pointer.index >= 12 + 256 + 65536) for pointer in pointers} >= {(0, False), (0, True), (1, True), (2, True), (3, True)}
    for what, block in own_blocks(layout).items():
        check_pointer(station, sound, rng.choice(pointers), what, block)
    for pointer in pointers:
        what, block = rng.choice(list(own_blocks(layout).items()))
        check_pointer(station, sound, pointer, what, block)


def check_pointer(station: Station, sound: bytes, pointer: Pointer, what: str, block: int) -> None:
    case = f"a pointer of level {pointer.level}, for block {pointer.index}, onto the {what}, {block}"
    image = changed(sound, lambda layout: layout.put(pointer.position, 4, block))
    served = next(place for place in sorted(PLACES) if place >= pointer.index)
    with station.mounted(image) as process:
        fd = process.open("/mnt/file", os.O_RDWR)
        read = process.attempt().read_into(fd, process.buffer(4096), 100, served * BLOCK)
        assert -read in DAMAGE, f"{case}: {read} bytes were read"
        process.fails("EUCLEAN").pwrite(fd, "x" * 100, served * BLOCK)
        for size in (served * BLOCK + 7, 0):
            assert -process.attempt().ftruncate(fd, size) in (0, *DAMAGE), case
        process.close(fd)
        process.unlink("/mnt/file")
        process.close(process.open("/mnt/new", os.O_CREAT | os.O_WRONLY))
    after = station.disk.read_bytes()
    if block >= Layout(sound).blocks_per_group:  # another group than the file's: nothing else changes there
        assert after[block * BLOCK : (block + 1) * BLOCK] == image[block * BLOCK : (block + 1) * BLOCK], case
    ext2_judge.repair(station.disk)
    assert ext2_judge.read_file(station.disk, "/other") == bytes(range(250)) * 20, case
    assert sorted(ext2_judge.read_tree(station.disk)) == ["/", "/folder", "/folder/inside", "/lost+found", "/new", "/other"], case


# ---- Flags -------------------------------------------------------------------------------------


def with_flag(sound: bytes, path: str, flag: int) -> bytearray:
    def change(layout: Layout) -> None:
        number = layout.paths()[path]
        layout.set_inode(number, "i_flags", layout.inode(number, "i_flags") | flag)
    return changed(sound, change)


def check_flag(station: Station, path: str, flag: int) -> None:
    ext2_judge.check_clean(station.disk)
    layout = Layout(station.disk.read_bytes())
    assert layout.inode(layout.paths()[path], "i_flags") & flag


def test_an_immutable_file_stays_as_it_is(station: Station, sound: bytes) -> None:
    with station.mounted(with_flag(sound, "/other", IMMUTABLE)) as process:
        refused, path = process.fails("EPERM"), "/mnt/other"
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND, os.O_RDONLY | os.O_TRUNC):
            refused.open(path, flags)
        refused.truncate(path, 0)
        refused.unlink(path)
        refused.rename(path, "/mnt/moved")
        refused.rename("/mnt/file", path)
        refused.link(path, "/mnt/again")
        refused.chmod(path, 0o600)
        refused.utimensat(path, process.buffer(4096))
        fd = process.open(path)
        assert process.pread(fd, 4, 0) == bytes(range(4))
        process.close(fd)
        process.unlink("/mnt/file")
    check_flag(station, "/other", IMMUTABLE)


def test_an_append_only_file_becomes_longer_and_nothing_else(station: Station, sound: bytes) -> None:
    with station.mounted(with_flag(sound, "/other", APPEND_ONLY)) as process:
        refused, path = process.fails("EPERM"), "/mnt/other"
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND | os.O_TRUNC, os.O_RDONLY | os.O_TRUNC):
            refused.open(path, flags)
        refused.truncate(path, 9000)
        refused.unlink(path)
        refused.rename(path, "/mnt/moved")
        refused.rename("/mnt/file", path)
        refused.link(path, "/mnt/again")
        refused.chmod(path, 0o600)
        fd = process.open(path, os.O_WRONLY | os.O_APPEND)
        process.write(fd, "end")
        refused.ftruncate(fd, 9000)
        flags = process.fcntl(fd, F_GETFL)
        refused.fcntl(fd, F_SETFL, flags & ~os.O_APPEND)
        process.fcntl(fd, F_SETFL, flags | os.O_NONBLOCK)
        process.close(fd)
    check_flag(station, "/other", APPEND_ONLY)
    assert ext2_judge.read_file(station.disk, "/other") == bytes(range(250)) * 20 + b"end"


@pytest.mark.parametrize(("folder", "flag"), [("/folder", IMMUTABLE), ("/folder", APPEND_ONLY), ("/", IMMUTABLE)])
def test_a_protected_directory_keeps_its_names(station: Station, sound: bytes, folder: str, flag: int) -> None:
    below = "/mnt" + folder.rstrip("/")
    inside = below + ("/inside" if folder == "/folder" else "/other")
    with station.mounted(with_flag(sound, folder, flag)) as process:
        refused = process.fails("EPERM")
        refused.unlink(inside)
        refused.rename(inside, f"{below}/moved")
        refused.chmod(below or "/mnt", 0o700)
        adding = process if flag == APPEND_ONLY else refused
        fd = adding.open(f"{below}/new", os.O_CREAT | os.O_WRONLY)
        adding.mkdir(f"{below}/made")
        adding.symlink("target", f"{below}/link")
        adding.link("/mnt/file" if folder != "/" else inside, f"{below}/again")
        if flag == APPEND_ONLY:
            process.close(fd)
            refused.rmdir(f"{below}/made")
        fd = process.open(inside, os.O_WRONLY)  # what is in a file is its own affair
        process.write(fd, "x")
        process.close(fd)
    check_flag(station, folder, flag)
