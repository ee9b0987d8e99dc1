"""`cairn maps`: a process's memory and the files behind it. `cairn user`: the symbols of the program that it runs.

Which file a program is, the kernel knows by its inode; the same file is looked for on the host by its name and by its
code. A position-independent program lies wherever exec put it: its symbols are loaded for there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import gdb

from grading import ROOT
from grading.gdb.command import Command
from grading.gdb.kernel import Trouble, enumerator, number, pointer
from grading.gdb.processes import Process, space_of
from grading.gdb.regions import access_of, regions
from grading.gdb.user_stack import UserMemory

HOST_FOLDERS = (ROOT / "build" / "user", Path("/bin"), Path("/usr/bin"))
CODE_COMPARED = 256  # bytes, from the entry on
HEADER, PROGRAM_HEADER = struct.Struct("<16sHHIQQQIHHH"), struct.Struct("<IIQQQQQQ")
LOADED, FIXED, INDEPENDENT = 1, 2, 3  # PT_LOAD, ET_EXEC, ET_DYN


@dataclass(frozen=True)
class Elf:
    """What is needed of a program's file. Source: elf(5)."""

    path: Path
    type: int
    entry: int
    lowest: int  # address of the first page that it is loaded to
    code: bytes  # from the entry on

    @classmethod
    def read(cls, path: Path) -> Elf | None:
        """None if it isn't a program."""
        data = path.read_bytes()
        if len(data) < HEADER.size or data[:4] != b"\x7fELF":
            return None
        _, kind, _, _, entry, headers, _, _, _, size, count = HEADER.unpack_from(data)
        loaded = [PROGRAM_HEADER.unpack_from(data, headers + i * size) for i in range(count)]
        loaded = [each for each in loaded if each[0] == LOADED]
        if kind not in (FIXED, INDEPENDENT) or not loaded:
            return None
        code = next((data[entry - start + offset:][:CODE_COMPARED] for _, _, offset, start, _, length, _, _ in loaded if start <= entry < start + length), b"")
        return cls(path, kind, entry, min(each[3] for each in loaded) & -4096, code)


def file_of(region: gdb.Value) -> gdb.Value | None:
    """The File that keeps what a region shows; None if it shows none."""
    keeper = number(region["keeper"])
    if not keeper:
        return None
    functions = int(word_at(keeper))  # there is no RTTI: the table of virtual functions tells the class
    if not gdb.execute(f"info symbol {functions:#x}", to_string=True).startswith("vtable for cairn::File"):
        return None
    return pointer(keeper, "ObjectKeeper").cast(gdb.lookup_type("cairn::File").pointer()).dereference()


def word_at(address: int) -> gdb.Value:
    """The word at an address."""
    return gdb.Value(address).cast(gdb.lookup_type("unsigned long").pointer()).dereference()


def inode_of(file: gdb.Value) -> gdb.Value:
    return pointer(number(file["place"]["inode"]), "Inode").dereference()


def name_of(file: gdb.Value) -> str:
    """The name that the file's inode was last found by; its number if that is forgotten."""
    inode = inode_of(file)
    noted = number(inode["noted_name"])
    if not noted:
        return f"inode {number(inode['number'])}"
    name = pointer(noted, "NotedName").dereference()
    start = int(name["bytes"].address)
    return bytes(gdb.selected_inferior().read_memory(start, int(name["length"]))).decode("utf-8", "replace")


def describe(region: gdb.Value) -> str:
    """A region's line."""
    start, end, file = number(region["range"]["start"]), number(region["range"]["end"]), file_of(region)
    access = access_of(region) + ("s" if bool(region["shared"]) else "p")
    kind = enumerator(region["kind"])
    name = name_of(file) if file is not None else f"[{kind}]" if kind in ("heap", "stack") else ""
    offset, inode = (int(region["object_offset"]), number(inode_of(file)["number"])) if file is not None else (0, 0)
    return f"{start:08x}-{end:08x} {access} {offset:08x} {inode:<8} {name}".rstrip()


class Maps(Command):
    """a process's memory as /proc/PID/maps has it: access, offset, inode, file"""

    name = "maps"
    arguments = "PID"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 1, 1)
        for region in regions(space_of(words[0])[1]):
            print(describe(region))


class User(Command):
    """load the symbols of the program that a process runs: breakpoints in it work"""

    name = "user"
    arguments = "PID [FILE]"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 1, 2)
        process, space = space_of(words[0])
        elf, base = found(process, space, Path(words[1]) if len(words) == 2 else None)
        gdb.execute(f"add-symbol-file {elf.path} -o {base:#x}", to_string=True)
        where = f" at {base:#x}" if elf.type == INDEPENDENT else ""
        print(f"symbols of {elf.path}{where}; `hbreak FUNCTION` stops in it whichever process runs now, "
              f"`remove-symbol-file -a {base + elf.entry:#x}` forgets them")


def found(process: Process, space: gdb.Value, given: Path | None) -> tuple[Elf, int]:
    """The program's file on the host, and what is to be added to its addresses. Raises Trouble."""
    code = [region for region in regions(space) if enumerator(region["kind"]) == "program"]
    if not code:
        raise Trouble(f"process {process.pid} has no program in its memory")
    start, file = number(code[0]["range"]["start"]), file_of(code[0])
    name = process.name if file is None else name_of(file)
    candidates = [given] if given else [path for folder in HOST_FOLDERS for path in (folder / f"{name}.elf", folder / name)]
    assert process.root is not None
    memory = UserMemory(process.root)
    for path in candidates:
        elf = Elf.read(path) if path.is_file() else None
        if elf is None:
            continue
        base = start - elf.lowest if elf.type == INDEPENDENT else 0
        there = memory.read(base + elf.entry, len(elf.code))
        if there and elf.code.startswith(there):
            return elf, base
    where = str(given) if given else f"{name} or {name}.elf in {', '.join(map(str, HOST_FOLDERS))}"
    raise Trouble(f"process {process.pid} runs {name}, and none of these is it: {where}; say where it is: cairn user {process.pid} FILE")


def register() -> None:
    Maps()
    User()
