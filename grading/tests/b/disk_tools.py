"""What lab B's tests do with whole disks: read a tree through the guest, change bytes of an image, follow a model."""

from __future__ import annotations

import mmap
import os
import random
import re
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from grading.judge import ext2_images, ext2_judge
from grading.judge.check import CheckFailed, check
from grading.judge.ext2_images import Entry, Manifest
from grading.machine.failures import GuestExited
from grading.machine.stream import listing_sums, stream
from grading.tests.b.guest import Guest, copied, directory_entry, file_entry, set_content, symlink_entry
from grading.tests.b.process import Process
from grading.tests.b.structures import DT, error_name
from grading.tests.b.test_b1_opening import draw_name

from ext2_layout import Layout  # fs-images/, which ext2_images made known

__all__ = ["Layout", "Model", "check_listing", "check_tree", "contents", "manifest_entries", "patched", "switch_off"]

SECOND = 1_000_000_000
LIST_BUFFER = 32768  # bytes, the most that os_puppet has
READ_LIMIT = 4 << 20  # bytes: larger files are sparse ones, which have tests of their own
assert ext2_images.RECIPE_FOLDER


@contextmanager
def patched(image: Path) -> Iterator[Layout]:
    """The structures of an image, to be changed."""
    with image.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        yield Layout(content)  # type: ignore[arg-type]


def contents(image: Path, manifest: Manifest) -> dict[int, bytes]:
    """For each inode of a regular file its content, as debugfs reads it."""
    inodes = sorted({entry.inode for entry in manifest.values() if entry.kind == "file" and entry.size <= READ_LIMIT})
    sizes = {entry.inode: entry.size for entry in manifest.values()}
    output = ext2_judge.run_debugfs(image, [f"cat <{inode}>" for inode in inodes])
    found: dict[int, bytes] = {}
    for inode in inodes:
        head = re.compile(rb"debugfs: cat <%d>\n" % inode).match(output)
        assert head, f"debugfs answered {output[:60]!r}"
        output = output[head.end() :]
        found[inode], output = output[: sizes[inode]], output[sizes[inode] :]
    return found


def check_tree(process: Process, image: Path, manifest: Manifest, top: str = "", only: Sequence[str] | None = None,
               with_contents: bool = True) -> None:
    """Fails unless the guest finds what the manifest says: names, attributes, links' targets, contents.

    top: where the disk is mounted; only: some of the paths, instead of all; with_contents: not for an image
    that debugfs won't read. Raises CheckFailed.
    """
    data = contents(image, manifest) if with_contents else {}
    folders: dict[str, set[str]] = {path: set() for path, entry in manifest.items() if entry.kind == "directory"}
    for path in manifest:
        if path != "/":
            folder, _, name = path.rpartition("/")
            folders[folder or "/"].add(name)
    for path in only or manifest:
        entry = manifest[path]
        where = (top + path).rstrip("/") or "/"
        _check_attributes(process, where, entry)
        if entry.kind == "directory":
            seen = set(process.names(where)) - ({"dev"} if path == "/" else set())
            check(expected=sorted(folders[path]), seen=sorted(seen), what=f"the names in {where!r}")
        elif entry.kind == "symlink":
            check(expected=os.fsencode(entry.target), seen=process.readlink(where), what=f"the target of {where!r}")
        elif entry.inode in data:
            _check_content(process, where, data[entry.inode])


def _check_attributes(process: Process, path: str, entry: Entry) -> None:
    seen = process.lstat(path)
    wanted = {"kind": entry.kind, "mode": entry.mode, "owner": entry.owner, "group": entry.group, "size": entry.size,
              "links": entry.links, "inode": entry.inode, "sectors": entry.sectors, "mtime": entry.mtime // SECOND,
              "device": os.makedev(*entry.device) if entry.device else 0}
    found = {"kind": seen.kind, "mode": stat.S_IMODE(seen.mode), "owner": seen.owner, "group": seen.group, "size": seen.size,
             "links": seen.links, "inode": seen.inode, "sectors": seen.sectors, "mtime": seen.mtime // SECOND,
             "device": seen.special if entry.device else 0}
    if path == "/":  # the kernel may have made /dev here
        for key in ("links", "mtime", "size", "sectors"):
            wanted.pop(key), found.pop(key)
    wrong = [key for key in wanted if wanted[key] != found[key]]
    check(expected={key: wanted[key] for key in wrong}, seen={key: found[key] for key in wrong},
          what=f"what lstat({path!r}) says")


def _check_content(process: Process, path: str, data: bytes) -> None:
    answer = process.sum_file(path)
    if answer.errno:
        raise CheckFailed(f"reading {path!r}", "success", error_name(answer.errno))
    if (answer.result, answer.number("size")) != (zlib.crc32(data), len(data)):
        process.check_file(path, data)  # says where it differs


def manifest_entries(manifest: Manifest, folder: str) -> dict[bytes, tuple[int, int]]:
    """A directory on a disk, "." and ".." included: name -> d_type, inode."""
    parent = folder.rpartition("/")[0] or "/"
    entries = {b".": (DT["directory"], manifest[folder].inode), b"..": (DT["directory"], manifest[parent].inode)}
    prefix = folder.rstrip("/") + "/"
    for path, entry in manifest.items():
        if path.startswith(prefix) and "/" not in path[len(prefix) :] and path != "/":
            entries[os.fsencode(path[len(prefix) :])] = DT[entry.kind], entry.inode
    return entries


def check_listing(process: Process, folder: str, entries: dict[bytes, tuple[int, int]], what: str, size: int = LIST_BUFFER) -> None:
    """Fails unless getdents64() gives each of these (name -> d_type, inode) once, and nothing else, `size` bytes at a time.

    For directories of any size: all that comes out of the guest are sums. Raises CheckFailed.
    """
    fd = process.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    answer = process.puppets.ask(process.pid, "list", fd, size)
    process.close(fd)
    check(expected=len(entries), seen=answer.result, what=f"how many entries getdents64() gives, {size} bytes at a time, of {what}")
    sums = listing_sums((name, *meaning) for name, meaning in entries.items())
    for key, expected in zip(("names", "types", "inodes"), sums, strict=True):
        check(expected=expected, seen=answer.number(key), what=f"the sum over the {key} of all entries of {what}",
              hint="each entry is given once, with its own type and inode")


def switch_off(guest: Guest) -> None:
    """Halts the machine as a person would: everything is on the disks then, and they are marked clean."""
    try:
        guest.machine.channel.try_command("halt")
        guest.machine.channel.try_command("halt")  # answers only if the first did nothing
    except GuestExited as end:
        if end.reason == "shutdown":
            guest.machine.close()
            return
        raise
    raise CheckFailed("`halt`", "the machine switches itself off", "it goes on")


class Model:
    """Random changes to the files of a guest, made to a manifest and to contents on the host as well."""

    def __init__(self, process: Process, rng: random.Random, image: Path, manifest: Manifest, top: str = "") -> None:
        self.process, self.rng, self.top = process, rng, top
        self.expected = copied(manifest)
        data = contents(image, manifest)
        self.data: dict[int, bytearray] = {inode: bytearray(content) for inode, content in data.items()}
        self.fresh = -1  # inodes of new files, as the manifest knows them: only which names share one counts

    def paths(self, kind: str) -> list[str]:
        """Everything of this kind."""
        return sorted(path for path, entry in self.expected.items() if entry.kind == kind and path != "/lost+found")

    def new_path(self) -> str:
        """A name that isn't in use, in a random directory."""
        folder = self.rng.choice(self.paths("directory"))
        return f"{folder.rstrip('/')}/{draw_name(self.rng, self.rng.choice((8, 30, 120)))}{-self.fresh}"

    def file(self, mode: int = 0o644) -> str:
        """A new file with random content; its path."""
        path, seed, count = self.new_path(), self.rng.randrange(1 << 60), self.rng.choice((0, 1, 1000, 5000, self.rng.randrange(60_000)))
        self.process.write_file(self.top + path, seed, count, mode)
        content = bytearray(stream(seed, 0, count))
        self.expected[path] = file_entry(bytes(content), mode & ~0o22)
        self._new_inode(path)
        self.data[self.expected[path].inode] = content
        return path

    def _new_inode(self, path: str) -> None:
        self.fresh -= 1
        self.expected[path].inode = self.fresh

    def directory(self) -> None:
        """A new directory."""
        path = self.new_path()
        self.process.mkdir(self.top + path)
        self.expected[path] = directory_entry()
        self._new_inode(path)
        self._parent(path).links += 1

    def _parent(self, path: str) -> Entry:
        return self.expected[path.rpartition("/")[0] or "/"]

    def symlink(self) -> None:
        """A new symbolic link, fast or slow."""
        path, target = self.new_path(), draw_name(self.rng, self.rng.choice((20, 59, 60, 61, 200)))
        self.process.symlink(target, self.top + path)
        self.expected[path] = symlink_entry(target)
        self._new_inode(path)

    def link(self) -> None:
        """A further name of a file."""
        old, new = self.rng.choice(self.paths("file")), self.new_path()
        self.process.link(self.top + old, self.top + new)
        self._each_name(old, lambda entry: setattr(entry, "links", entry.links + 1))
        self.expected[new] = copied({new: self.expected[old]})[new]

    def _each_name(self, path: str, change) -> None:  # type: ignore[no-untyped-def]
        inode = self.expected[path].inode
        for entry in self.expected.values():
            if entry.inode == inode:
                change(entry)

    def write(self) -> None:
        """Overwrites or extends a part of a file."""
        path = self.rng.choice(self.paths("file"))
        content = self.data[self.expected[path].inode]
        start, seed = self.rng.randrange(len(content) + 3000), self.rng.randrange(1 << 60)
        self.process.overwrite(self.top + path, seed, start, count := self.rng.randrange(1, 12_000))
        content.extend(bytes(max(0, start + count - len(content))))
        content[start : start + count] = stream(seed, 0, count)
        self._each_name(path, lambda entry: set_content(entry, bytes(content)))

    def truncate(self) -> None:
        """Cuts or extends a file."""
        path = self.rng.choice(self.paths("file"))
        content = self.data[self.expected[path].inode]
        size = self.rng.choice((0, len(content) // 2, len(content) + 5000))
        self.process.truncate(self.top + path, size)
        del content[size:]
        content.extend(bytes(size - len(content)))
        self._each_name(path, lambda entry: set_content(entry, bytes(content)))

    def remove(self) -> None:
        """Removes a file, a link or an empty directory."""
        empty = [path for path in self.paths("directory") if not any(other.startswith(path.rstrip("/") + "/") for other in self.expected)]
        path = self.rng.choice([*self.paths("file"), *self.paths("symlink"), *empty])
        if self.expected[path].kind == "directory":
            self.process.rmdir(self.top + path)
            self._parent(path).links -= 1
        else:
            self.process.unlink(self.top + path)
            self._each_name(path, lambda entry: setattr(entry, "links", entry.links - 1))
        del self.expected[path]

    def rename(self) -> None:
        """Moves something to a new name, or a file over another one; directories take all below along."""
        kinds = [path for kind in ("file", "symlink", "directory") for path in self.paths(kind) if path != "/"]
        old = self.rng.choice(kinds)
        new = self.new_path()
        if self.expected[old].kind == "file" and self.rng.random() < 0.4:
            new = self.rng.choice(self.paths("file"))
        if new.startswith(old + "/") or new == old:
            return
        self.process.rename(self.top + old, self.top + new)
        if new in self.expected:
            if self.expected[new].inode == self.expected[old].inode:
                return  # two names of one file: nothing happens
            self._each_name(new, lambda entry: setattr(entry, "links", entry.links - 1))
            del self.expected[new]
        if self.expected[old].kind == "directory":
            self._parent(old).links -= 1
            self._parent(new).links += 1
        for path in [path for path in self.expected if path == old or path.startswith(old + "/")]:
            self.expected[new + path[len(old) :]] = self.expected.pop(path)

    def step(self) -> None:
        """One random change."""
        self.rng.choice((self.file, self.file, self.directory, self.symlink, self.link, self.write, self.write, self.truncate,
                         self.remove, self.rename, self.rename))()
