"""What a power cut may leave of a workload, and what it may not.

A Workload is a script for user/tests/power_cut.c and, for each of its marks, what the files are then.
A mark is a word that the program adds to a journal file after an fsync() returned: once the word is
among the bytes written to the disk, all that the mark stands for must be there at any later moment.
What the lines after the mark do may be there or not, each as a whole.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grading.judge.ext2_images import recipes
from grading.judge.ext2_write_log import WriteLog

TOP = "/mnt"  # where the disk is mounted while the workload runs
JOURNAL = "/journal"
IGNORED = {"/lost+found", "/script", JOURNAL}
MARK_LENGTH = 32  # bytes with its newline: no mark lies in two blocks, which two writes may bring
S_IFDIR, S_IFREG, S_IFLNK = 4, 8, 10  # st_mode >> 12

Tree = dict[str, "bytes | str | None"]  # path -> content; a symbolic link's target; None for a directory


def pattern(length: int, seed: int) -> bytes:
    """The bytes that the program writes."""
    result = bytearray(length)
    for i in range(length):
        seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
        result[i] = seed >> 24
    return bytes(result)


@dataclass
class Window:
    """The time from one mark to the next: the states of the tree that its lines go through, the first included."""

    mark: str  # empty: before the first
    states: list[Tree]
    touched: set[str] = field(default_factory=set)  # paths that its lines name

    def note(self, state: Tree, *paths: str) -> None:
        self.touched.update(paths)
        self.states.append(state)

    def touches(self, path: str) -> bool:
        """Whether its lines name the path or a directory above, which may have got another name."""
        return any(path[:end] in self.touched for end in [*(i for i, letter in enumerate(path) if letter == "/"), len(path)])


class Workload:
    """A random script. moves: mostly of what can't be done in one write, directories and files that replace others."""

    def __init__(self, seed: int, lines: int, moves: bool = False) -> None:
        self._rng = random.Random(seed)
        self._seed = seed
        self._moves = moves
        self._names = 0
        self._tree: Tree = {}
        self._links: dict[str, set[str]] = {}  # path -> all names of its file
        self.lines: list[str] = []
        self.windows = [Window("", [{}])]
        while len(self.lines) < lines:
            self._step()
        self._mark()

    def script(self) -> str:
        return "".join(line + "\n" for line in self.lines)

    # Choosing

    def _step(self) -> None:
        steps = {self._create: 8, self._append: 6, self._rename: 6, self._replace: 5, self._unlink: 4, self._mkdir: 3, self._rmdir: 1,
                 self._link: 2, self._symlink: 1, self._truncate: 2, self._rename_directory: 1, self._move_directory: 2, self._mark: 5}
        if self._moves:
            steps = {self._create: 4, self._mkdir: 3, self._move_directory: 5, self._replace: 4, self._append: 1, self._mark: 2}
        step = self._rng.choices(list(steps), list(steps.values()))[0]
        step()

    def _paths(self, kind: type) -> list[str]:
        return sorted(path for path, content in self._tree.items() if isinstance(content, kind))

    def _pick(self, kind: type) -> str | None:
        paths = self._paths(kind)
        return self._rng.choice(paths) if paths else None

    def _folder(self) -> str:
        return self._rng.choice(["", *self._paths(type(None))])

    def _fresh(self, folder: str | None = None) -> str:
        self._names += 1
        stem = self._rng.choice(["f", "file", "a-rather-long-name-for-a-file", "x" * self._rng.randint(1, 120)])
        return f"{self._folder() if folder is None else folder}/{stem}{self._names}"

    def _length(self) -> int:
        # Mostly a few blocks; sometimes enough for one or two levels of pointers.
        return self._rng.choice([0, 1, 100, 1000, 5000, 20_000, 60_000] + [300_000] * (self._rng.random() < 0.1))

    # Lines and what they do

    def _do(self, line: str, change: Mapping[str, bytes | str | None], removed: tuple[str, ...] = ()) -> None:
        after = {path: content for path, content in self._tree.items() if path not in removed}
        after.update(change)
        self.lines.append(line)
        self.windows[-1].note(after, *removed, *change)
        self._tree = after

    def _create(self) -> None:
        path, length, seed = self._fresh(), self._length(), self._rng.getrandbits(32)
        self._do(f"create {TOP}{path} {length} {seed}", {path: pattern(length, seed)})
        self._links[path] = {path}

    def _append(self) -> None:
        path = self._pick(bytes)
        if path is None:
            return
        old, length, seed = self._tree[path], self._length(), self._rng.getrandbits(32)
        assert isinstance(old, bytes)
        new = old + pattern(length, seed)
        self._do(f"append {TOP}{path} {length} {seed}", dict.fromkeys(self._links[path], new))

    def _truncate(self) -> None:
        path = self._pick(bytes)
        if path is None:
            return
        old, length = self._tree[path], self._rng.choice([0, 10, 3000, 30_000])
        assert isinstance(old, bytes)
        new = old[:length].ljust(length, b"\0")
        self._do(f"truncate {TOP}{path} {length}", dict.fromkeys(self._links[path], new))

    def _link(self) -> None:
        path = self._pick(bytes)
        if path is None:
            return
        other = self._fresh()
        self._do(f"link {TOP}{path} {TOP}{other}", {other: self._tree[path]})
        self._links[path].add(other)
        self._links[other] = self._links[path]

    def _symlink(self) -> None:
        path, target = self._fresh(), "t" * self._rng.choice([5, 59, 60, 200])
        self._do(f"symlink {target} {TOP}{path}", {path: target})

    def _unlink(self) -> None:
        path = self._pick(bytes) if self._rng.random() < 0.9 else self._pick(str)
        if path is not None:
            self._do(f"unlink {TOP}{path}", {}, (path,))
            self._forget(path)

    def _forget(self, path: str) -> None:
        self._links.pop(path, set()).discard(path)

    def _renamed(self, path: str, new: str) -> None:
        names = self._links.pop(path, None)
        if names is not None:
            names.discard(path)
            names.add(new)
            self._links[new] = names

    def _rename(self) -> None:
        path = self._pick(bytes)
        if path is None:
            return
        same_folder = self._rng.random() < 0.5
        new = self._fresh(path.rpartition("/")[0] if same_folder else None)
        self._do(f"rename {TOP}{path} {TOP}{new}", {new: self._tree[path]}, (path,))
        self._renamed(path, new)

    def _replace(self) -> None:
        """A rename over another file, mostly beside it, as editors do."""
        path = self._pick(bytes)
        others = [other for other in self._paths(bytes) if path is not None and other not in self._links[path]]
        beside = [other for other in others if path is not None and other.rpartition("/")[0] == path.rpartition("/")[0]]
        if self._rng.random() < (0.25 if self._moves else 0.75):
            others = beside
        if path is None or not others:
            return
        victim = self._rng.choice(others)
        self._do(f"rename {TOP}{path} {TOP}{victim}", {victim: self._tree[path]}, (path,))
        self._forget(victim)
        self._renamed(path, victim)

    def _mkdir(self) -> None:
        path = self._fresh()
        if path.count("/") < 6:
            self._do(f"mkdir {TOP}{path}", {path: None})

    def _rmdir(self) -> None:
        empty = [path for path in self._paths(type(None)) if not any(other.startswith(f"{path}/") for other in self._tree)]
        if empty:
            path = self._rng.choice(empty)
            self._do(f"rmdir {TOP}{path}", {}, (path,))

    def _rename_directory(self) -> None:
        path = self._pick(type(None))
        if path is not None:
            self._move(path, self._fresh(path.rpartition("/")[0]))

    def _move_directory(self) -> None:
        path = self._pick(type(None))
        if path is None:
            return
        folders = [folder for folder in ["", *self._paths(type(None))] if not f"{folder}/".startswith(f"{path}/")]
        self._move(path, self._fresh(self._rng.choice(folders)))

    def _move(self, path: str, new: str) -> None:
        below = [other for other in self._tree if other == path or other.startswith(f"{path}/")]
        moved = {other: new + other[len(path) :] for other in below}
        self._do(f"rename {TOP}{path} {TOP}{new}", {moved[other]: self._tree[other] for other in below}, tuple(below))
        for other in below:
            self._renamed(other, moved[other])

    def _mark(self) -> None:
        mark = f"mark-{self._seed}-{len(self.windows)}".ljust(MARK_LENGTH - 1, "-")
        path = self._pick(bytes) or self._folder()
        self.lines.append(f"sync {TOP}{path} {mark}")
        self.windows.append(Window(mark, [self._tree]))


# Judging

def mark_positions(workload: Workload, log: WriteLog) -> list[int]:
    """For each window, how many entries of the log there are before its mark has been written for certain."""
    positions, number = [0], 0
    for window in workload.windows[1:]:
        wanted = window.mark.encode() + b"\n"
        while wanted not in bytes(log[number].data):
            number += 1  # IndexError: the workload was not written to its end
        positions.append(number + 1)
    return positions


def read_tree(image: Path) -> Tree:
    """The files of an image that e2fsck has approved."""
    layout = recipes.Layout(image.read_bytes())
    tree: Tree = {}
    for name, entry in layout.walk():
        path = name if isinstance(name, str) else name.decode()
        kind = layout.inode(entry.inode, "i_mode") >> 12
        if path.split("/")[1] in {ignored[1:] for ignored in IGNORED}:
            if path not in IGNORED:
                tree[path] = b"found"
        elif kind == S_IFDIR:
            tree[path] = None
        elif kind == S_IFREG:
            tree[path] = _content(layout, entry.inode)
        else:
            size = layout.size(entry.inode)
            start = layout.inode_position(entry.inode) + 40
            content = _content(layout, entry.inode) if size >= 60 else bytes(layout.image[start : start + size])
            tree[path] = content.decode(errors="replace")
    return tree


def _content(layout: recipes.Layout, inode: int) -> bytes:
    size = layout.size(inode)
    content = bytearray(size)
    for index, block in layout.data_blocks(inode):
        start = index * layout.block_size
        piece = layout.image[block * layout.block_size : (block + 1) * layout.block_size]
        if start < size:
            content[start : start + layout.block_size] = piece[: size - start]
    return bytes(content)


def complaints(window: Window, seen: Tree) -> Iterator[str]:
    """What is wrong with the files after a cut in this window."""
    first = window.states[0]
    contents = [content for state in window.states for path, content in state.items() if window.touches(path)]
    for path in sorted(first.keys() | seen.keys() | window.touched):
        if not window.touches(path):
            if path not in first:
                yield f"{path} is there, which nobody made"
            elif path not in seen:
                yield f"{path} is gone"
            elif seen[path] != first[path]:
                yield f"{path} has another content: {_describe(seen[path])} instead of {_describe(first[path])}"
        elif path in seen:
            # It may be what it was at any moment, or what one of the files is that changed names with it.
            if not any(_fits(content, seen[path]) for content in contents):
                yield f"{path} has a content that no file had: {_describe(seen[path])}"
        elif all(path in state for state in window.states):
            yield f"{path} is gone, though it was only renamed over or changed"
    # A file that exists in every state exists under one of its names.
    for path, content in first.items():
        if isinstance(content, bytes) and content and window.touches(path):
            kept = all(any(_begins(other, content) for other in state.values()) for state in window.states)
            if kept and not any(_begins(other, content) for other in seen.values()):
                yield f"{path}'s content is under no name"


def _begins(content: bytes | str | None, start: bytes) -> bool:
    return isinstance(content, bytes) and content.startswith(start)


def _fits(allowed: bytes | str | None, seen: bytes | str | None) -> bool:
    """A file may be longer: e2fsck makes sizes fit the blocks."""
    if isinstance(allowed, bytes) and isinstance(seen, bytes):
        return seen.startswith(allowed)
    return allowed == seen


def _describe(content: bytes | str | None) -> str:
    if isinstance(content, bytes):
        return f"{len(content)} bytes, {content[:8].hex()}…"
    return "a directory" if content is None else f"a link to {content}"
