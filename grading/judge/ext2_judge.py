"""Judges an ext2 image by the host's own tools: e2fsck says whether it is sound, debugfs what is in it.

Each function takes the image's file and, for one inside a disk image, the partition's `offset` in
bytes (disk_image.py finds it). None of them changes the image except repair().
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from grading.judge.check import CheckFailed
from grading.judge.ext2_images import SYSTEM_PATH, Entry, Manifest, at, content_digest
from grading.machine.failures import HarnessFault
from grading.machine.text import printable

ENVIRONMENT = {"PATH": SYSTEM_PATH, "LC_ALL": "C", "TZ": "UTC"}
CLOCK_AHEAD_S = 30 * 24 * 3600  # a guest that counts instructions may be ahead of the host's clock
CORRECTED = 1  # e2fsck's exit status when it repaired everything
REPLAYED = b"recovering journal"  # what it says first, then
NO_REPAIR = re.compile(r"recovering journal$|FILE SYSTEM WAS MODIFIED|\d+/\d+ files \(.*\), \d+/\d+ blocks$")
OUTPUT_LINES = 12  # of e2fsck's, in a failure
DIFFERENCES = 8  # shown of a comparison
BACKSTOP_S = 600  # a tool that takes longer is stuck

# What compare() looks at unless told otherwise. Not among them: the size of a directory and where a
# file lies (inode, sectors), which the kernel may choose, and atime and ctime.
FIELDS = ("kind", "mode", "owner", "group", "size", "links", "mtime", "digest", "target", "device")

KINDS = {"regular": "file", "directory": "directory", "symlink": "symlink", "FIFO": "fifo", "socket": "socket",
         "character special": "char", "block special": "block"}
LISTED = re.compile(rb"/(\d+)/([0-7]+)/\d+/\d+/([^/]*)/\d*/\n")
STAT = re.compile(
    r"Inode: (?P<inode>\d+)   Type: (?P<kind>[\w ]+?)    Mode:  (?P<mode>[0-7]+)   Flags: \S+\n"
    r".*?User: *(?P<owner>\d+) +Group: *(?P<group>\d+).*?Size: (?P<size>\d+)\n"
    r".*?Links: (?P<links>\d+)   Blockcount: (?P<sectors>\d+)\n", re.DOTALL)
TIME = re.compile(r"^ *(atime|mtime|ctime): 0x([0-9a-f]+)(?::([0-9a-f]+))? ", re.MULTILINE)
DEVICE = re.compile(r"Device major/minor number: (\d+):(\d+)")
RUNS = re.compile(r"\((\d+)(?:-(\d+))?\):(\d+)")
FAST_LINK = b'Fast link dest: "'


# Soundness

def check_clean(image: Path, offset: int = 0, what: str = "e2fsck's verdict on the disk") -> None:
    """Fails unless `e2fsck -fn` finds nothing at all to say, wrong counts included. Raises CheckFailed."""
    run = _e2fsck(image, offset, "-fn")
    text = run.stdout.decode(errors="replace")
    # A wrong free count in the superblock alone is told and yet ends with status 0.
    if run.returncode != 0 or "Fix?" in text or "Clear?" in text:
        raise CheckFailed(what, "nothing to repair (exit status 0)", f"exit status {run.returncode}:\n{_shortened(text)}",
                          f"look yourself: e2fsck -fn '{at(image, offset)}'")


def repair(image: Path, offset: int = 0) -> list[str]:
    """Runs `e2fsck -fp`, as after a power cut: fails unless it can repair everything by itself. Raises CheckFailed.

    What it says that it repaired; a journal that it replayed is not among it.
    Forced: without -f it would believe a clean flag that a cut left behind. When it has replayed a journal
    (kernel/ext2/journal.h), e2fsck 1.47 forgets the offset and gives up; the disk is as it should be for the next run.
    """
    run = _e2fsck(image, offset, "-fp")
    said = run.stdout
    if offset and run.returncode not in (0, CORRECTED) and REPLAYED in said:
        run = _e2fsck(image, offset, "-fp")
        said = run.stdout
    if run.returncode not in (0, CORRECTED):
        raise CheckFailed("e2fsck -p after the cut", "repaired without help (exit status 0 or 1)",
                          f"exit status {run.returncode}:\n{_shortened(run.stdout.decode(errors='replace'))}")
    return [line for line in said.decode(errors="replace").splitlines() if line.strip() and not NO_REPAIR.search(line)]


def _e2fsck(image: Path, offset: int, option: str) -> subprocess.CompletedProcess[bytes]:
    later = {"E2FSCK_TIME": str(int(time.time()) + CLOCK_AHEAD_S)}
    run = _run(["e2fsck", option, at(image, offset)], environment={**ENVIRONMENT, **later})
    if run.returncode < 0 or run.returncode & 16:
        raise HarnessFault(f"e2fsck {option} {image}: {run.stderr.decode(errors='replace').strip() or run.returncode}", guest_may_cause=True)
    return run


def _shortened(text: str) -> str:
    lines = [line for line in printable(text).splitlines() if line.strip() and not line.startswith("Pass ")]
    cut = len(lines) - OUTPUT_LINES
    return "\n".join(lines[:OUTPUT_LINES]) + (f"\n… {cut} more lines" if cut > 0 else "")


# Contents

def read_tree(image: Path, offset: int = 0) -> Manifest:
    """Everything in the image as debugfs reads it, contents hashed. Raises HarnessFault.

    Takes one run of debugfs for each level of directories. A directory that is reached twice is
    entered once; names are bytes, decoded as Python decodes file names.
    """
    manifest: Manifest = {}
    seen: dict[int, Entry] = {}
    level, entered = [("/", 2)], {2}
    with image.open("rb") as file:
        stats = _stat(image, offset, [2])
        while level:
            for path, inode in level:
                if inode not in seen:
                    seen[inode] = _entry(file.fileno(), offset, image, stats[inode])
                manifest[path] = seen[inode]
            folders = [(path, inode) for path, inode in level
                       if seen[inode].kind == "directory" and (inode not in entered or inode == 2 and path == "/")]
            entered.update(inode for _, inode in folders)
            level, stats = _next_level(image, offset, folders, seen)
    return manifest


def read_file(image: Path, path: str, offset: int = 0) -> bytes:
    """A file's content as debugfs reads it. Raises HarnessFault if there is no such file."""
    run = _run(["debugfs", "-c", "-f", "-", at(image, offset)], _command(f'cat "{path}"'))
    complaints = run.stderr.splitlines()[1:]  # after the banner
    if complaints:
        raise HarnessFault(f"debugfs, {path}: {complaints[0].decode(errors='replace')}", guest_may_cause=True)
    return run.stdout.partition(b"\n")[2]


def compare(expected: Manifest, seen: Manifest, fields: Iterable[str] = FIELDS, *, ignore: Iterable[str] = ("/lost+found",),
            what: str = "the files on the disk", hint: str = "") -> None:
    """Fails unless both have the same paths with the same fields, and the same names share an inode. Raises CheckFailed."""
    skipped, fields = set(ignore), tuple(fields)
    expected = {path: entry for path, entry in expected.items() if path not in skipped}
    seen = {path: entry for path, entry in seen.items() if path not in skipped}
    wanted, found = [], []
    for path in sorted(expected.keys() | seen.keys()):
        for one, other in _differences(path, expected.get(path), seen.get(path), fields):
            wanted.append(one)
            found.append(other)
    if not wanted and "links" in fields:
        groups = _shared(expected), _shared(seen)
        for one, other in zip(sorted(groups[0] - groups[1]), sorted(groups[1] - groups[0]), strict=False):
            wanted.append(f"one file with the names {_names(one)}")
            found.append(f"one file with the names {_names(other)}")
    if wanted:
        more = f"\n… {len(wanted) - DIFFERENCES} more differences" if len(wanted) > DIFFERENCES else ""
        raise CheckFailed(what, "\n".join(wanted[:DIFFERENCES]), "\n".join(found[:DIFFERENCES]) + more, hint)


def _differences(path: str, expected: Entry | None, seen: Entry | None, fields: Iterable[str]) -> Iterable[tuple[str, str]]:
    name = printable(path)
    if expected is None or seen is None:
        yield (f"{name} is there" if expected else f"no {name}"), (f"no {name}" if expected else f"{name} is there")
        return
    for field in fields:
        one, other = getattr(expected, field), getattr(seen, field)
        if one != other and not (field == "size" and expected.kind == seen.kind == "directory"):
            yield f"{name}: {field} {_show(field, one)}", f"{name}: {field} {_show(field, other)}"


def _show(field: str, value: object) -> str:
    if field == "digest":
        return f"(of the content) {str(value)[:16]}…" if value else "(of the content) none"
    return f"{value:#o}" if field == "mode" else printable(str(value))


def _shared(manifest: Mapping[str, Entry]) -> set[tuple[str, ...]]:
    """Groups of names of one file."""
    groups: dict[int, list[str]] = {}
    for path, entry in manifest.items():
        if entry.kind != "directory":
            groups.setdefault(entry.inode, []).append(path)
    return {tuple(sorted(group)) for group in groups.values() if len(group) > 1}


def _names(group: tuple[str, ...]) -> str:
    return printable(", ".join(group[:4]) + (" …" if len(group) > 4 else ""))


# debugfs

def _next_level(image: Path, offset: int, folders: list[tuple[str, int]], seen: Mapping[int, Entry]
                ) -> tuple[list[tuple[str, int]], dict[int, bytes]]:
    """What is in these directories: (path, inode) of each name, and debugfs's words on the inodes not seen yet."""
    if not folders:
        return [], {}
    listings = _debugfs(image, offset, [f"ls -p <{inode}>" for _, inode in folders])
    level = []
    for (folder, _), listing in zip(folders, listings, strict=True):
        for inode, _, name in LISTED.findall(listing):
            if name not in (b".", b"..") and int(inode):
                level.append((f"{folder.rstrip('/')}/{os.fsdecode(name)}", int(inode)))
    wanted = sorted({inode for _, inode in level} - seen.keys())
    return level, _stat(image, offset, wanted)


def _stat(image: Path, offset: int, inodes: list[int]) -> dict[int, bytes]:
    return dict(zip(inodes, _debugfs(image, offset, [f"stat <{inode}>" for inode in inodes]), strict=True))


def _entry(file: int, offset: int, image: Path, stat: bytes) -> Entry:
    """An Entry from what debugfs says of an inode; contents are read from the blocks that it names."""
    text = stat.decode(errors="surrogateescape")
    match = STAT.match(text)
    if match is None or match["kind"] not in KINDS:
        raise HarnessFault(f"debugfs says of an inode in {image}: {printable(text.strip())[:200]!r}", guest_may_cause=True)
    numbers = {name: int(match[name]) for name in ("owner", "group", "size", "links", "inode", "sectors")}
    entry = Entry(KINDS[match["kind"]], int(match["mode"], 8), **numbers)
    for name, seconds, extra in TIME.findall(text):
        bits = int(extra or "0", 16)
        low = int(seconds, 16)
        low -= 1 << 32 if low >= 1 << 31 else 0
        setattr(entry, name, (low + ((bits & 3) << 32)) * 1_000_000_000 + (bits >> 2))
    if device := DEVICE.search(text):
        entry.device = int(device[1]), int(device[2])
    if entry.kind == "symlink":
        entry.target = os.fsdecode(_target(file, offset, stat, text, entry))
    elif entry.kind == "file":
        entry.digest = content_digest(entry.size, _pieces(file, offset, text, entry.size))
    return entry


def _target(file: int, offset: int, stat: bytes, text: str, entry: Entry) -> bytes:
    start = stat.find(FAST_LINK)
    if start >= 0:
        return stat[start + len(FAST_LINK) :][: entry.size]
    return b"".join(data for _, data in _pieces(file, offset, text, entry.size))[: entry.size]


def _pieces(file: int, offset: int, text: str, size: int) -> Iterable[tuple[int, bytes]]:
    """(offset in the file, data) of the runs of blocks that debugfs lists."""
    blocks = text.partition("BLOCKS:")[2]
    if not blocks.strip():
        return
    # pread of the superblock: the block size is the one thing that debugfs's text leaves out.
    block = 1024 << int.from_bytes(os.pread(file, 4, offset + 1024 + 24), "little")
    there = os.fstat(file).st_size
    for first, last, start in RUNS.findall(blocks):
        count = int(last or first) - int(first) + 1
        yield int(first) * block, os.pread(file, min(count * block, there), offset + int(start) * block)


def _command(line: str) -> bytes:
    return os.fsencode(line) + b"\n"


def run_debugfs(image: Path, lines: list[str], offset: int = 0) -> bytes:
    """What debugfs prints for these commands, each repeated before its answer. Changes nothing. Raises HarnessFault."""
    return _run(["debugfs", "-c", "-f", "-", at(image, offset)], b"".join(_command(line) for line in lines)).stdout


def _debugfs(image: Path, offset: int, lines: list[str]) -> list[bytes]:
    """debugfs's answer to each line; it repeats the line before its answer."""
    if not lines:
        return []
    # -c: it doesn't read the bitmaps, which may be broken
    run = _run(["debugfs", "-c", "-f", "-", at(image, offset)], b"".join(_command(line) for line in lines))
    parts = re.split(rb"^debugfs: (?:ls -p|stat) <\d+>\n", run.stdout, flags=re.MULTILINE)[1:]
    if len(parts) != len(lines):
        raise HarnessFault(f"debugfs {image}: {run.stderr.decode(errors='replace').strip() or 'no answer'}", guest_may_cause=True)
    return parts


def _run(command: list[str], commands: bytes = b"", environment: Mapping[str, str] = ENVIRONMENT
         ) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, env=environment, input=commands, capture_output=True, check=False, timeout=BACKSTOP_S)
    except FileNotFoundError:
        raise HarnessFault(f"{command[0]} is missing: install e2fsprogs") from None
    except subprocess.TimeoutExpired:
        raise HarnessFault(f"{' '.join(command)} took longer than {BACKSTOP_S} s", guest_may_cause=True) from None
