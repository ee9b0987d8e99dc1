"""Builds an ext2 image as any user: a tree on the host, `mke2fs -d`, `debugfs` for device nodes, then
owners, modes and times, which an ordinary user can't give to files of his own, put into the inodes.

The same calls give the same bytes, whoever runs them and when.
"""

from __future__ import annotations

import mmap
import os
import random
import stat
import string
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from e2fsprogs import EPOCH, debugfs, quoted, run_tool
from ext2_layout import ROOT_INODE, Layout
from manifest import PIECE, Entry, Manifest, content_digest

TYPE_BITS = {"fifo": 1, "char": 2, "directory": 4, "block": 6, "file": 8, "symlink": 10, "socket": 12}
SECOND = 1_000_000_000  # nanoseconds
FIRST_TIME, LAST_TIME = 946684800, 1893456000  # random times lie in 2000 to 2029
NAME_LETTERS = string.ascii_letters + string.digits + "-_."
DEVICES = ("char", "block")
INCOMPAT_EXTENTS = 0x40


@dataclass(frozen=True)
class Geometry:
    """What mke2fs is told. inodes: how many at least; None lets mke2fs choose."""

    size: int  # bytes
    block_size: int = 1024
    inode_size: int = 128
    inodes: int | None = None
    type: str = "ext2"
    options: tuple[str, ...] = ()  # further arguments


@dataclass
class Facts:
    """What statfs should say of an image, in blocks and inodes."""

    block_size: int
    inode_size: int
    blocks: int
    free_blocks: int
    inodes: int
    free_inodes: int
    notes: dict[str, object] = field(default_factory=dict)  # what the recipe did, for tests


class Builder:
    """An image in the making. Paths are absolute; parents must have been added before."""

    def __init__(self, scratch: Path, rng: random.Random) -> None:
        self.rng = rng
        self.uuid = "-".join(rng.randbytes(n).hex() for n in (4, 2, 2, 2, 6))
        self.notes: dict[str, object] = {}
        self.manifest: Manifest = {}
        self.tree = scratch / "tree"
        self.tree.mkdir()
        self._first: dict[str, str] = {}  # a hard link's path -> the path that it is another name of
        self._add("/", "directory", 0o755)

    # What goes in

    def file(self, path: str, data: bytes, mode: int | None = None) -> str:
        """A regular file. mke2fs makes holes of blocks that are all zero. Returns the path."""
        self._host(path).write_bytes(data)
        entry = self._add(path, "file", self.rng.choice((0o644, 0o600, 0o755, 0o444, 0o4755)) if mode is None else mode)
        entry.size, entry.digest = len(data), content_digest(len(data), [(0, data)])
        return path

    def sparse(self, path: str, size: int, pieces: Iterable[tuple[int, bytes]]) -> str:
        """A regular file of `size` bytes with data at some offsets and holes between. Returns the path."""
        pieces = sorted(pieces)
        with self._host(path).open("wb") as file:
            for offset, data in pieces:
                file.seek(offset)
                file.write(data)
            file.truncate(size)
        entry = self._add(path, "file", 0o644)
        entry.size, entry.digest = size, content_digest(size, pieces)
        entry.pieces = [(offset, len(data), content_digest(len(data), [(0, data)])) for offset, data in pieces]
        return path

    def directory(self, path: str, mode: int = 0o755) -> str:
        """A directory. Returns the path."""
        self._host(path).mkdir()
        self._add(path, "directory", mode)
        return path

    def symlink(self, path: str, target: str) -> str:
        """A symbolic link: fast below 60 bytes, otherwise in a block. Returns the path."""
        os.symlink(target, self._host(path))
        entry = self._add(path, "symlink", 0o777)
        entry.target, entry.size = target, len(os.fsencode(target))
        return path

    def fifo(self, path: str) -> str:
        """A named pipe. Returns the path."""
        os.mkfifo(self._host(path))
        self._add(path, "fifo", 0o644)
        return path

    def socket(self, path: str) -> str:
        """A UNIX socket's name. Returns the path."""
        os.mknod(self._host(path), stat.S_IFSOCK | 0o644)  # anyone may make these
        self._add(path, "socket", 0o755)
        return path

    def device(self, path: str, kind: str, major: int, minor: int) -> str:
        """A device node, `char` or `block`. Returns the path."""
        self._add(path, kind, 0o620).device = (major, minor)
        return path

    def link(self, path: str, existing: str) -> str:
        """Another name for a file. Returns the path."""
        os.link(self._host(existing), self._host(path), follow_symlinks=False)
        self.second_name(path, existing)
        return path

    def second_name(self, path: str, existing: str) -> None:
        """Notes in the manifest that `path` is another name of `existing`."""
        self._first[path] = self._first.get(existing, existing)
        self.manifest[path] = self.manifest[self._first[path]]

    def placeholder(self, path: str, size: int) -> None:
        """A plain file in the image that big_directory.fill() turns into the directory that the manifest has."""
        self._host(path).write_bytes(b"\xff" * size)  # zeros would become holes
        self._add(path, "directory", 0o755)

    # Random things

    def name(self, longest: int = 20) -> str:
        """A random name of letters, digits and `-_.`, unlike any before in practice."""
        length = self.rng.randint(min(6, longest), longest)
        return self.rng.choice(string.ascii_letters) + "".join(self.rng.choices(NAME_LETTERS, k=length - 2)) + "x"

    def bytes(self, size: int) -> bytes:
        """Random bytes."""
        return self.rng.randbytes(size)

    def text(self, size: int) -> bytes:
        """Random printable lines."""
        line = 64
        digits = self.rng.randbytes(size // 2 + line).hex()
        return "\n".join(digits[i : i + line - 1] for i in range(0, len(digits), line - 1)).encode()[: max(size - 1, 0)] + (
            b"\n" if size else b"")

    # Making it

    def make(self, image: Path, geometry: Geometry) -> None:
        """Writes the image; metadata() must follow. May be repeated with more in the tree. Raises ToolError."""
        image.unlink(missing_ok=True)
        with image.open("wb") as file:
            file.truncate(geometry.size)
        count = ["-N", str(geometry.inodes)] if geometry.inodes else []
        run_tool(["mke2fs", "-q", "-F", "-t", geometry.type, "-b", str(geometry.block_size), "-I", str(geometry.inode_size),
                  *count, "-m", "0", "-U", self.uuid, "-E", f"root_owner=0:0,hash_seed={self.uuid}", *geometry.options,
                  "-d", str(self.tree), str(image)])
        lines = []
        for path, entry in self.manifest.items():
            if entry.kind in DEVICES and entry.device:
                folder, _, name = path.rpartition("/")
                lines += [f"cd {quoted(folder or '/')}", f"mknod {quoted(name)} {entry.kind[0]} 1 1"]
        if lines:
            debugfs(image, lines)

    def metadata(self, image: Path) -> Facts:
        """Gives each inode of the image its owner, mode and times; completes the manifest from it."""
        with image.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
            layout = Layout(content)
            facts = Facts(layout.block_size, layout.inode_size, layout.blocks, layout.superblock("s_free_blocks_count"),
                          layout.inodes, layout.superblock("s_free_inodes_count"), self.notes)
            if layout.superblock("s_feature_incompat") & INCOMPAT_EXTENTS:
                return facts  # not ext2: nothing that Layout could read
            inodes = layout.paths()
            if "/lost+found" in inodes and "/lost+found" not in self.manifest:
                self._add("/lost+found", "directory", 0o700)
            for path, entry in self.manifest.items():
                if path not in self._first and not entry.inode:
                    self._finish(layout, inodes[path], entry)
            for reserved in set(range(1, layout.superblock("s_first_ino"))) - {ROOT_INODE}:
                _set_times(layout, reserved, Entry("", 0, atime=0, mtime=0, ctime=0), keep_zero=True)
        # Hard links share an Entry while it is being made; tests get one for each name.
        self.manifest.update({path: replace(self.manifest[path]) for path in self._first})
        return facts

    def _finish(self, layout: Layout, inode: int, entry: Entry) -> None:
        layout.set_inode(inode, "i_mode", TYPE_BITS[entry.kind] << 12 | entry.mode)
        for half, shift in (("", 0), ("_high", 16)):
            layout.set_inode(inode, "i_uid" + half, entry.owner >> shift & 0xFFFF)
            layout.set_inode(inode, "i_gid" + half, entry.group >> shift & 0xFFFF)
        if layout.inode_size == 128:
            entry.atime, entry.mtime, entry.ctime = (time // SECOND * SECOND for time in (entry.atime, entry.mtime, entry.ctime))
        _set_times(layout, inode, entry)
        entry.inode = inode
        entry.links = layout.inode(inode, "i_links_count")
        entry.sectors = layout.inode(inode, "i_blocks")
        if entry.kind == "directory":
            entry.size = layout.size(inode)
        if entry.device:
            _set_device(layout, inode, *entry.device)

    def _host(self, path: str) -> Path:
        return self.tree / os.fsdecode(path.lstrip("/"))

    def _add(self, path: str, kind: str, mode: int) -> Entry:
        """Owner and times are random; root's directories belong to root."""
        rng = self.rng
        owner = rng.choice((0, 0, 1000, 65534, rng.randrange(1 << 31)))
        times = [rng.randrange(FIRST_TIME, LAST_TIME) * SECOND + rng.randrange(SECOND) for _ in range(3)]
        root = path in ("/", "/lost+found")
        entry = Entry(kind, mode, 0 if root else owner, 0 if root else rng.choice((0, owner, 50)))
        entry.atime, entry.mtime, entry.ctime = times
        self.manifest[path] = entry
        return entry


def _set_device(layout: Layout, inode: int, major: int, minor: int) -> None:
    """As Linux stores device numbers: small ones in the old form, others in the second word."""
    small = major < 256 and minor < 256
    layout.set_inode(inode, "i_block[0]", major << 8 | minor if small else 0)
    layout.set_inode(inode, "i_block[1]", 0 if small else minor & 0xFF | major << 8 | (minor & ~0xFF) << 12)


def _set_times(layout: Layout, inode: int, entry: Entry, keep_zero: bool = False) -> None:
    """Puts an entry's times into an inode, their nanoseconds too where it has room for them.

    With keep_zero (reserved inodes) a time that is set becomes EPOCH, one that isn't stays 0.
    """
    for name in ("atime", "mtime", "ctime"):
        time = getattr(entry, name)
        if keep_zero:
            time = EPOCH * SECOND if layout.inode(inode, f"i_{name}") else 0
        layout.set_inode(inode, f"i_{name}", time // SECOND & 0xFFFFFFFF)
        if layout.inode_size > 128 and layout.inode(inode, "i_extra_isize") >= 24:
            epoch = (time // SECOND >> 32) & 3
            layout.set_inode(inode, f"i_{name}_extra", time % SECOND << 2 | epoch)
    if layout.inode_size > 128 and layout.inode(inode, "i_extra_isize") >= 24:
        layout.set_inode(inode, "i_crtime", EPOCH if layout.inode(inode, "i_crtime") or not keep_zero else 0)
        layout.set_inode(inode, "i_crtime_extra", 0)


def pieces_at(rng: random.Random, offsets: Iterable[int], longest: int = PIECE) -> list[tuple[int, bytes]]:
    """Random data of random length at the given offsets."""
    return [(offset, rng.randbytes(rng.randint(1, longest))) for offset in offsets]
