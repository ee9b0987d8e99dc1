"""B4: disks that aren't as they should be: which are refused or only read, and how damage is met."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil

import pytest

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.judge.ext2_images import Image
from grading.tests.b.conftest import MakeImage
from grading.tests.b.disk_tools import Layout, check_tree, patched
from grading.tests.b.guest import EXT2_ROOT, PROCESS, Boot, Guest, on_disk, on_tmpfs
from grading.tests.b.process import PAGE
from grading.tests.b.structures import ST_RDONLY, error_name
from grading.tests.b.test_b1_opening import draw_name
from grading.tests.b.test_b3_directories import DIRECTORY

pytestmark = stands_on(PROCESS, EXT2_ROOT)

DAMAGE = (errno.EUCLEAN, errno.EIO)


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
    ("s_inodes_count", (0, 0xFFFFFFFF)), ("s_inode_size", (0, 64, 100, 2048, 0xFFFF)),
    ("s_inodes_count", (-1, 1, 8)), ("s_r_blocks_count", (0xFFFFFFFF, 1 << 20)),
    ("s_first_data_block", (0, 2, 0xFFFFFFFF)), ("s_rev_level", (2, 99)), ("s_magic", (0, 0xEF54)),
]  # fmt: skip


@item("B4", points=3)
def test_superblocks_that_lie(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Sizes and counts that contradict each other are found before they are used: EUCLEAN or EINVAL, and nothing is written."""
    image = make_image("writable")
    disks, told = [], []
    for number, (field, values) in enumerate(LIES):
        disk = image.path.with_name(f"lie-{number}.img")
        shutil.copy(image.path, disk)
        with patched(disk) as layout:
            value = rng.choice(values)
            value += layout.superblock(field) if abs(value) in NEAR else 0
            told.append(f"{field} = {value:#x} instead of {layout.superblock(field):#x}")
            layout.set_superblock(field, value)
        disks.append(disk)
    disks.append(image.path.with_name("short.img"))
    shutil.copy(image.path, disks[-1])
    os.truncate(disks[-1], image.path.stat().st_size - rng.randrange(1, 64) * 1024)
    told.append("that it is longer than the disk")
    before = [digest_of(disk) for disk in disks]
    guest = on_tmpfs(boot, disks)
    guest.machine.channel.command("mkdir /m")
    for number, lie in enumerate(told):
        seen = try_mount(guest, f"vd{'abcdefghijklmnop'[number]}")
        check_that(seen in ("EUCLEAN", "EINVAL"), expected="EUCLEAN or EINVAL", seen=seen,
                   what=f"mounting an ext2 whose superblock says {lie}",
                   hint="check every number of the superblock before anything is computed from it")
    with guest.machine.stopped():
        for number, disk in enumerate(disks):
            check(expected=before[number], seen=digest_of(disk),
                  what=f"the SHA-256 of the disk whose superblock says {told[number]}")
    check_accepted(boot, image)


# What no entry of a directory may say, as a field's offset and a value.
RECORD_LENGTH, INODE, NAME_LENGTH = 4, 0, 6
ENTRY_FIELDS = {RECORD_LENGTH: ("record length", 2), INODE: ("inode", 4), NAME_LENGTH: ("name length", 1)}  # bytes of each


def damage_entry(layout: Layout, rng: random.Random, directory: int, field: int, value: int | None) -> str:
    """Makes an entry of a directory lie; a value of None is slightly more than may be. In words.

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
        value = entry.length + 2
    name, size = ENTRY_FIELDS[field]
    layout.put(entry.position + field, size, value)
    return f"entry {entry.name[:20]!r}: {name} {value}"


@item("B4", points=3)
def test_damage_is_found(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Pointers, entries and inode numbers that lead nowhere give EUCLEAN, and everything else can still be read."""
    image = make_image("plain")
    manifest = image.manifest
    blocks = image.facts.blocks
    with patched(image.path) as layout:
        folders = [path for path, entry in manifest.items() if entry.kind == "directory" and path not in ("/", "/lost+found")
                   and sum(other.startswith(path + "/") for other in manifest) > 6]  # fmt: skip
        broken = rng.sample([path for path in folders if not any(other.startswith(path + "/") for other in folders)], 2)
        inside = tuple(path + "/" for path in broken)
        large = [path for path, entry in manifest.items() if entry.kind == "file" and entry.links == 1 and entry.size >= 13 * 1024
                 and not path.startswith(inside)]  # fmt: skip
        direct, indirect = rng.sample(large, 2)
        wrong = rng.choice((0xFFFFFFFF, blocks, blocks + rng.randrange(1000), 1 << 31))
        layout.set_inode(manifest[direct].inode, "i_block[0]", wrong)
        layout.set_inode(manifest[direct].inode, "i_block[9]", 1)  # the superblock's own
        layout.set_inode(manifest[indirect].inode, "i_block[12]", rng.choice((0xFFFFFFFF, blocks, 1 << 30)))
        lies = [rng.choice(((RECORD_LENGTH, 0), (RECORD_LENGTH, 7), (RECORD_LENGTH, 5000), (RECORD_LENGTH, None),
                            (NAME_LENGTH, 255), (INODE, 0xFFFFFFFF), (INODE, layout.inodes + 1))), (NAME_LENGTH, None)]  # fmt: skip
        damage = {folder: damage_entry(layout, rng, manifest[folder].inode, *lie) for folder, lie in zip(broken, lies, strict=True)}
    process = on_disk(boot, image.path, options="ro").process()
    for path, at, part in ((direct, rng.randrange(1024), "a direct pointer beyond the disk"),
                           (direct, 9 * 1024 + rng.randrange(1024), "a direct pointer to the superblock"),
                           (indirect, 12 * 1024 + rng.randrange(1024), "a pointer to an indirect block beyond the disk")):
        fd = process.open(path)
        result = process.attempt().read_into(fd, process.buffer(PAGE), 10, at)
        check_that(-result in DAMAGE, expected="EUCLEAN", seen=error_name(-result) if result < 0 else f"{result} bytes",
                   what=f"pread() through {part}", hint="check each pointer with Ext2FileSystem::is_data_block()")
        process.close(fd)
    fd = process.open(direct)
    check(expected=100, seen=len(process.pread(fd, 100, PAGE)),
          what="bytes read from a page of the same file whose pointers are right")
    for folder, what in damage.items():
        fd = process.open(folder, DIRECTORY)
        answer = process.puppets.ask(process.pid, "list", fd, 2048)
        check_that(answer.errno in DAMAGE, expected="EUCLEAN", seen=answer.words,
                   what=f"reading a directory with a damaged entry ({what})",
                   hint="entry_at() and next_entry() check an entry before anybody looks at it")
        result = process.attempt().lstat(f"{folder}/missing")
        check_that(isinstance(result, int) and -result in (*DAMAGE, errno.ENOENT), expected="EUCLEAN or ENOENT", seen=result,
                   what="a lookup in that directory")
    healthy = [path for path in manifest if not path.startswith((*broken, direct, indirect)) and manifest[path].kind == "file"]
    for path in rng.sample(healthy, 5):
        check(expected=manifest[path].size, seen=process.stat(path).size, what=f"the size of {path!r}, which isn't damaged")
