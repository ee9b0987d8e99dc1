"""`cairn mounts`, `cairn inode`, `cairn dentries`, `cairn files`: what the kernel has of files.

The mount table, the directory-entry cache and the descriptor tables belong to lab B's own files. Where
a student made them differently from the reference, the command says so and names the variable to print.
"""

from __future__ import annotations

from collections.abc import Iterator

import gdb

from grading.gdb import kernel
from grading.gdb.command import Command, parse_number
from grading.gdb.kernel import Trouble, elements, enumerator, number, one_line, text
from grading.gdb.processes import process_of

MOST_DENTRIES = 40  # printed without a directory
WORD = 64  # bits


def open_file_systems() -> list[gdb.Value]:
    """The file systems in order of opening. Raises Trouble where lab B isn't in."""
    try:
        found = kernel.variable("open_file_systems")
    except Trouble:
        raise Trouble("this stage has no files; they come with lab b: make qemu-gdb LAB=b") from None
    return list(elements(found["list"], "FileSystem", "all_link_"))


def own(name: str, type_name: str, fields: tuple[str, ...]) -> gdb.Value:
    """A lab's private variable, if its type has the reference's fields. Raises Trouble."""
    value = kernel.variable(name)
    has = {field.name for field in value.type.strip_typedefs().fields()}
    if not set(fields) <= has:
        raise Trouble(f"your {type_name} isn't made like the reference's: print it with `p {value.type}` and `p {name}`")
    return value


def device_name(file_system: gdb.Value) -> str:
    device = file_system["device"]
    return text(device["name_"]) if int(device) else "none"


def file_system_of(word: str | None) -> gdb.Value:
    """The file system on that device or of that type; without a word the first one on a device. Raises Trouble."""
    systems = sorted(open_file_systems(), key=lambda each: not int(each["device"]))
    chosen = [each for each in systems if word in (None, device_name(each), text(each["type_name"]))]
    if not chosen:
        names = ", ".join(f"{device_name(each)} ({text(each['type_name'])})" for each in systems) or "none"
        raise Trouble(f"no file system on {word}; there are: {names}")
    return chosen[0]


def inodes(file_system: gdb.Value) -> Iterator[gdb.Value]:
    """The inodes in memory, bucket by bucket."""
    cache = file_system["inodes"]
    for index in range(int(cache["bucket_count_"])):
        at = cache["buckets_"][index]
        while int(at):
            yield at.dereference()
            at = at["hash_next_"]


def describe_inode(inode: gdb.Value) -> str:
    """An inode's line."""
    return (f"inode {number(inode['number']):<8} {enumerator(inode['type']):17} size {number(inode['size']):<12} links "
            f"{number(inode['links']):<4} references {number(inode['references_']):<4} pages {number(inode['page_count'])}"
            f", dirty {number(inode['dirty_count'])}")


class Mounts(Command):
    """open file systems, and the mount table: what covers what"""

    name = "mounts"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 0, 0)
        for each in open_file_systems():
            access = "ro" if bool(each["read_only"]) else "rw"
            print(f"{device_name(each):8} {text(each['type_name']):6} {access} references {number(each['references_'])}, "
                  f"inodes {number(each['inodes']['count_'])} in memory, {number(each['inodes']['unused_count_'])} unused")
        table = own("mount_table", "mount table", ("entries",))
        for entry in elements(table["entries"], "(anonymous namespace)::Entry", "order_link"):
            mount = kernel.scalar(entry["mount"]).dereference()
            print(describe_mount(mount))


def describe_mount(mount: gdb.Value) -> str:
    """A mount's line."""
    root = kernel.scalar(mount["root"]).dereference()
    covered = kernel.scalar(mount["covered"]["inode"])
    where = f"covers inode {number(covered.dereference()['number'])}" if int(covered) else "is the root"
    source = text(mount["source"])
    return f"mount {int(mount.address):#x} of {source}: root inode {number(root['number'])} {where}; references {number(mount['references_'])}"


class Inode(Command):
    """an inode in memory; without N those that are in use; of the first disk, or of DEVICE"""

    name = "inode"
    arguments = "[N [DEVICE]]"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 0, 2)
        file_system = file_system_of(words[1] if len(words) > 1 else None)
        wanted = parse_number(words[0], "inode number") if words else None
        shown = 0
        for inode in inodes(file_system):
            if number(inode["number"]) == wanted or (wanted is None and number(inode["references_"])):
                print(describe_inode(inode))
                shown += 1
                if wanted is not None:
                    print(f"  at {int(inode.address):#x}; mounts on it {number(inode['mount_count'])}, lock holders {number(inode['lock']['holders_'])}")
        if not shown:
            what = f"inode {wanted} is" if wanted is not None else "no inode is in use"
            raise Trouble(f"{what} not in memory, on {device_name(file_system)}" if wanted is not None else what)


class Dentries(Command):
    """the directory-entry cache: totals; with N the names known of that directory's inode"""

    name = "dentries"
    arguments = "[N]"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 0, 1)
        open_file_systems()
        cache = own("dentry_cache", "DentryCache", ("clock", "entries", "negative"))
        print(f"{number(cache['entries'])} names, {number(cache['negative'])} of them known not to exist")
        wanted = parse_number(words[0], "inode number") if words else None
        shown = 0
        for node in elements(cache["clock"], "(anonymous namespace)::Node", "clock_link"):
            if wanted not in (None, number(node["directory"])):
                continue
            if wanted is None and shown == MOST_DENTRIES:
                print(f"… `{self.name} N` shows those of one directory")
                break
            print(describe_dentry(node))
            shown += 1


def describe_dentry(node: gdb.Value) -> str:
    """An entry's line."""
    length = int(node["length"])
    raw = kernel.read(int(node["bytes"].address), length).decode("latin-1")
    name = "".join(character if character.isprintable() else "?" for character in raw)
    inode = kernel.scalar(node["inode"])
    means = f"inode {number(inode.dereference()['number'])}" if int(inode) else "no such name"
    return f"  {number(node['directory']):>8} {name:30} {means}"


class Files(Command):
    """a process's descriptors, with the open files behind them"""

    name = "files"
    arguments = "PID"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 1, 1)
        open_file_systems()
        process = process_of(words[0])
        files = process.value["files"]
        if not int(files):
            raise Trouble(f"process {words[0]} has no files (any more)")
        current = kernel.scalar(files["context_"]["current"]["inode"])
        print(f"current directory inode {number(current.dereference()['number'])}, umask {int(kernel.scalar(files['umask'])):03o}")
        for fd, file, close in descriptors(files["table"]):
            print(f"{fd:4} {describe_file(file)}{' close-on-exec' if close else ''}")


def descriptors(table: gdb.Value) -> Iterator[tuple[int, gdb.Value, bool]]:
    """(number, File, close-on-exec) of a table made like the reference's. Raises Trouble."""
    if not int(table):
        return
    try:
        value = table.dereference()
        count, close = int(value["capacity"]), value["close_on_exec"]["words"]
    except gdb.error as error:
        raise Trouble(f"your FdTable isn't made like the reference's ({one_line(error)}): `p *(cairn::FdTable*){int(table):#x}`") from None
    for fd in range(count):
        file = kernel.scalar(value["files"][fd])
        if int(file):
            yield fd, file.dereference(), bool(int(close[fd // WORD]) >> fd % WORD & 1)


def describe_file(file: gdb.Value) -> str:
    """An open file's part of a line."""
    inode = kernel.scalar(file["place"]["inode"]).dereference()
    access = ("r" if bool(file["readable"]) else "-") + ("w" if bool(file["writable"]) else "-")
    return (f"{access} position {int(file['position']):<10} flags {number(file['flags']):#o} references {number(file['references_'])} "
            f"inode {number(inode['number'])} ({enumerator(inode['type'])}, size {number(inode['size'])}) at {int(file.address):#x}")


def register() -> None:
    for command in (Files, Inode, Dentries, Mounts):
        command()
