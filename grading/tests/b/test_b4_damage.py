"""B4: disks that aren't as they should be: which are refused or only read, and how damage is met."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check
from grading.judge.ext2_images import Image
from grading.machine.qemu import DataDisk
from grading.tests.b.conftest import MakeImage
from grading.tests.b.disk_tools import Layout, check_tree, patched
from grading.tests.b.guest import EXT2_ROOT, PROCESS, Boot, Guest, on_disk, on_tmpfs
from grading.tests.b.process import PAGE
from grading.tests.b.structures import ST_RDONLY, error_name
from grading.tests.b.test_b1_opening import draw_name
from grading.tests.b.test_b3_directories import DIRECTORY

pytestmark = stands_on(PROCESS, EXT2_ROOT)

SECTOR = 512


def digest_of(path: os.PathLike[str]) -> str:
    """The SHA-256 of a disk."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def try_mount(guest: Guest, device: str, how: str = "") -> str:
    """The error of the monitor's `mount`, or "success". The file system is opened before lab B5's mount() is called."""
    return guest.machine.channel.try_command(f"mount {device} /m ext2{how}").errno or "success"


def check_accepted(boot: Boot, image: Image) -> None:
    """Fails unless this ext2, with which nothing is wrong, can be the root. Raises CheckFailed."""
    process = on_disk(boot, image.path, options="ro").process()
    check(expected=sorted(path[1:] for path in image.manifest if path.count("/") == 1 and path != "/"), seen=process.names("/"),
          what="the names on a disk with which nothing is wrong")


@pytest.mark.parametrize("recipe", ["unknown-incompat", "ext4"])
@item("B4", points=1)
def test_unknown_features_are_refused(recipe: str, boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """An ext2 with incompatible features that nobody here knows isn't mounted at all, not even to read."""
    images = [make_image(recipe), make_image(recipe)]
    before = [digest_of(image.path) for image in images]
    guest = on_tmpfs(boot, [image.path for image in images])
    guest.machine.channel.command("mkdir /m")
    for device in ("vda", "vdb"):
        for how in ("", " ro"):
            check(expected="EINVAL", seen=try_mount(guest, device, how), what=f"`mount {device} /m ext2{how}`, a disk with {recipe}")
    guest.sync()
    with guest.machine.stopped():
        check(expected=before, seen=[digest_of(image.path) for image in images],
              what=f"the SHA-256 of two disks with {recipe}, which must not be written")
    check_accepted(boot, make_image("plain"))


@pytest.mark.parametrize("recipe", ["unknown-ro-compat", "unclean", "errors"])
@item("B4", points=1)
def test_what_may_only_be_read(recipe: str, boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """With unknown read-only features, or without the clean flag, an ext2 is mounted to read, and nothing is written."""
    image = make_image(recipe)
    before = digest_of(image.path)
    guest = on_disk(boot, image.path)
    process = guest.process()
    path = next(path for path, entry in image.manifest.items() if entry.kind == "file" and entry.size)
    wrong = process.fails("EROFS")
    wrong.open(path, os.O_RDWR)
    wrong.mkdir(f"/{draw_name(rng)}-new")
    wrong.unlink(path)
    wrong.chmod(path, 0o600)
    check(expected=ST_RDONLY, seen=process.statfs("/").flags & ST_RDONLY, what='ST_RDONLY of the flags from statfs("/")')
    check_tree(process, image.path, image.manifest, only=rng.sample(sorted(image.manifest), 8),
               with_contents=recipe != "unknown-ro-compat")  # debugfs knows some of those features, and won't read
    guest.sync()
    with guest.machine.stopped():
        check(expected=before, seen=digest_of(image.path), what=f"the SHA-256 of the disk with {recipe}, which must not be written")


# What no ext2 may say, and values to say it with. Each must be refused.
NEAR = (1, 8)  # values of this size, also below zero, are added to the right one
LIES = [
    ("s_log_block_size", (7, 22, 31, 32, 0xFFFFFFFF)), ("s_blocks_per_group", (0, 8193, 1 << 31)),
    ("s_inodes_per_group", (0, 8193, 1 << 31)), ("s_blocks_count", (0, 2, 1 << 20, 0xFFFFFFFF)),
    ("s_inodes_count", (0, 0xFFFFFFFF)), ("s_inode_size", (0, 64, 192, 2048, 0xFFFF)),
    ("s_inodes_count", (-1, 1, 8)), ("s_r_blocks_count", (0xFFFFFFFF, 1 << 20)),
    ("s_first_data_block", (0, 2, 0xFFFFFFFF)), ("s_rev_level", (2, 99)), ("s_magic", (0, 0xEF54)),
]  # fmt: skip
NOT_EXT2 = ("s_rev_level", "s_magic")  # where these lie it may be anything


@item("B4", points=3)
def test_superblocks_that_lie(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Sizes and counts that contradict each other are found before they are used: EUCLEAN, or EINVAL if it is no ext2; nothing is written."""
    image = make_image("writable")
    short, good = (image.path.with_name(f"{name}.img") for name in ("short", "good"))
    shutil.copy(image.path, short)
    shutil.copy(image.path, good)
    os.truncate(short, image.path.stat().st_size - rng.randrange(1, 64) * 1024)
    guest = on_tmpfs(boot, [image.path, short])
    guest.machine.channel.command("mkdir /m")

    def check_refused(device: str, disk: Path, error: str, lie: str) -> None:
        before = digest_of(disk)
        check(expected=error, seen=try_mount(guest, device), what=f"mounting an ext2 whose superblock says {lie}",
              hint="check every number of the superblock before anything is computed from it")
        check(expected=before, seen=digest_of(disk), what=f"the SHA-256 of the disk whose superblock says {lie}")

    check_refused("vdb", short, "EUCLEAN", "that it is longer than the disk")
    right = image.path.read_bytes()
    for field, value in rng.sample(lies := [(field, value) for field, values in LIES for value in values], len(lies)):
        with patched(image.path) as layout:
            told = layout.superblock(field)
            wrong = value + (told if abs(value) in NEAR else 0)
            layout.set_superblock(field, wrong)
        check_refused("vda", image.path, "EINVAL" if field in NOT_EXT2 else "EUCLEAN", f"{field} = {wrong:#x} instead of {told:#x}")
        with image.path.open("r+b") as file:
            file.write(right[: 4 * PAGE])
    check_accepted(boot, replace(image, path=good))


# What no entry of a directory may say, as a field's offset and a value; None: slightly more than may be.
RECORD_LENGTH, INODE, NAME_LENGTH = 4, 0, 6
ENTRY_FIELDS = {RECORD_LENGTH: ("record length", 2), INODE: ("inode", 4), NAME_LENGTH: ("name length", 1)}  # bytes of each
ENTRY_LIES = [(RECORD_LENGTH, 0), (RECORD_LENGTH, 4), (RECORD_LENGTH, 7), (RECORD_LENGTH, 5000), (RECORD_LENGTH, None), (NAME_LENGTH, 255),
              (NAME_LENGTH, None), (INODE, 0xFFFFFFFF), (INODE, None)]  # fmt: skip


def damage_entry(layout: Layout, rng: random.Random, directory: int, field: int, value: int | None) -> str:
    """Makes an entry of a directory lie. In words.

    A name that is longer than its record goes on with letters and ends in the next entry's inode number: nothing but the
    length says that it is none.
    """
    entries = [entry for entry in layout.entries(directory) if entry.inode]
    near = [(entry, following) for entry, following in zip(entries, entries[1:]) if entry.name not in (b".", b"..")
            and following.position == entry.position + entry.length and following.inode % 256 not in (0, ord("/"))
            and entry.length < 8 + 255]  # fmt: skip
    entry, _ = rng.choice(near)
    if value is None and field == NAME_LENGTH:
        value = entry.length - 8 + 1
        for position in range(entry.position + 8 + len(entry.name), entry.position + entry.length):
            layout.put(position, 1, ord("x"))
    elif value is None:
        value = entry.length + 2 if field == RECORD_LENGTH else layout.inodes + 1
    name, size = ENTRY_FIELDS[field]
    layout.put(entry.position + field, size, value)
    return f"entry {entry.name[:20]!r}: {name} {value}"


@item("B4", points=2)
def test_damaged_entries_are_found(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Whatever an entry of a directory says that can't be gives EUCLEAN before anybody uses it; other directories can be read."""
    image = make_image("folders")
    folders = sorted(path for path, entry in image.manifest.items() if entry.kind == "directory" and path not in ("/", "/lost+found"))
    rng.shuffle(folders)
    with patched(image.path) as layout:
        damage = {folder: damage_entry(layout, rng, image.manifest[folder].inode, *lie) for folder, lie in zip(folders, ENTRY_LIES)}
    process = on_disk(boot, image.path, options="ro").process()
    for folder, what in damage.items():
        answer = process.puppets.ask(process.pid, "list", process.open(folder, DIRECTORY), 2048)
        check(expected="EUCLEAN", seen=error_name(answer.errno) if answer.errno else "success",
              what=f"the error of reading a directory with a damaged entry ({what})",
              hint="entry_at() and next_entry() check an entry before anybody looks at it")
        result = process.attempt().lstat(f"{folder}/missing")
        check(expected="EUCLEAN", seen=error_name(-result) if isinstance(result, int) else "success",
              what=f"looking for a name in that directory ({what})", hint="find_entry() checks each entry before it compares its name")
    check_tree(process, image.path, image.manifest, only=folders[len(ENTRY_LIES) :])


@item("B4", points=3)
def test_damage_is_found(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Pointers that lead nowhere give EUCLEAN, and everything else can still be read."""
    image = make_image("plain")
    manifest = image.manifest
    blocks = image.facts.blocks
    with patched(image.path) as layout:
        large = [path for path, entry in manifest.items() if entry.kind == "file" and entry.links == 1 and entry.size >= 13 * 1024]
        direct, indirect = rng.sample(large, 2)
        wrong = rng.choice((0xFFFFFFFF, blocks, blocks + rng.randrange(1000), 1 << 31))
        layout.set_inode(manifest[direct].inode, "i_block[0]", wrong)
        layout.set_inode(manifest[direct].inode, "i_block[9]", 1)  # the superblock's own
        layout.set_inode(manifest[indirect].inode, "i_block[12]", rng.choice((0xFFFFFFFF, blocks, 1 << 30)))
    process = on_disk(boot, image.path, options="ro").process()
    for path, at, part in ((direct, rng.randrange(1024), "a direct pointer beyond the disk"),
                           (direct, 9 * 1024 + rng.randrange(1024), "a direct pointer to the superblock"),
                           (indirect, 12 * 1024 + rng.randrange(1024), "a pointer to an indirect block beyond the disk")):
        fd = process.open(path)
        result = process.attempt().read_into(fd, process.buffer(PAGE), 10, at)
        check(expected="EUCLEAN", seen=error_name(-result) if result < 0 else f"{result} bytes",
              what=f"pread() through {part}", hint="check each pointer with Ext2FileSystem::is_data_block()")
        process.close(fd)
    fd = process.open(direct)
    check(expected=100, seen=len(process.pread(fd, 100, PAGE)),
          what="bytes read from a page of the same file whose pointers are right")
    healthy = [path for path in manifest if path not in (direct, indirect) and manifest[path].kind == "file"]
    for path in rng.sample(healthy, 5):
        check(expected=manifest[path].size, seen=process.stat(path).size, what=f"the size of {path!r}, which isn't damaged")


@item("B4", points=2)
def test_a_disk_that_fails(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """What the disk can't read is EIO, neither a hole nor a missing name; close() tells what it couldn't write; files stay as they were."""
    image = make_image("folders", block_size=2048)
    layout = Layout(image.path.read_bytes())
    folder, far = str(image.facts.notes["directory"]), str(image.facts.notes["file"])
    near = rng.choice([path for path, entry in image.manifest.items() if entry.kind == "file" and entry.size and path != far])
    blocks = {path: layout.data_blocks(image.manifest[path].inode) for path in (folder, near)}
    bad = layout.inode(image.manifest[far].inode, "i_block[12]"), blocks[folder][2][1]  # the pages before them can be read
    errors = [f"event=none,iotype=read,sector={block * 2048 // SECTOR}" for block in bad]
    errors.append(f"event=none,iotype=write,sector={blocks[near][0][1] * 2048 // SECTOR}")
    guest = on_disk(boot, DataDisk(image.path, errors=tuple(errors)))  # type: ignore[arg-type]
    process = guest.process()
    failing, fd = process.fails("EIO"), process.open(far, os.O_RDWR)
    failing.pread(fd, 10, 13 * 2048 + rng.randrange(1000))
    for index in (14, 400):
        failing.pwrite(fd, b"x", index * 2048)
    check(expected=(image.manifest[far].size, image.manifest[far].sectors), seen=((seen := process.fstat(fd)).size, seen.sectors),
          what="size and sectors of a file whose pointers the disk couldn't read, after a write")
    check(expected=100, seen=len(process.pread(fd, 100, 9 * 2048)), what="bytes read through a direct pointer")
    answer = process.puppets.ask(process.pid, "list", process.open(folder, DIRECTORY), 2048)
    check(expected="EIO", seen=error_name(answer.errno) if answer.errno else "success", what="the error of reading a directory whose third block can't be read")
    failing.stat(f"{folder}/{draw_name(rng)}-missing")
    for descriptors in (1, 2):
        fds = [process.open(near, os.O_RDWR) for _ in range(descriptors)]
        process.pwrite(fds[0], draw_name(rng).encode(), rng.randrange(1000))
        check(expected="EIO", seen=guest.machine.channel.try_command("sync").errno, what="the error of `sync`, where the disk doesn't take a file's bytes")
        failing.close(fds[0])
        for fd in fds[1:]:
            process.close(fd)
