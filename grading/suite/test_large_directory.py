"""Large directories: the index in memory agrees with the list on the disk, whatever changes, and if that is damaged."""

from __future__ import annotations

import collections
import operator
import random
import struct
from pathlib import Path

import pytest

from grading.judge import ext2_images, ext2_judge
from grading.machine.machine import Machine
from grading.suite.disks import debugfs, mke2fs
from grading.suite.rubric_runs import PROGRAMS
from grading.tests.b.guest import Guest

NEW = 120  # files that the test makes
ENTRY_LENGTHS = 6  # bytes of an entry before the length of its name
ENTRIES_OF_A_BLOCK = 64  # at most, of these
FIRST = 100_000  # of numbers that are names


def test_names_come_and_go(complete: Path, tmp_path: Path, seed: int) -> None:
    image = ext2_images.image("huge-directory", 1)
    disk = image.copy(tmp_path / "disk.img")
    rng = random.Random(seed)
    old = rng.sample(sorted(path for path in image.files() if path.count("/") == 2), 40)
    folder = max({path.rpartition("/")[0] for path in old}, key=[path.rpartition("/")[0] for path in old].count)
    words = {f"{folder}/new{number}": f"text{number}" for number in range(NEW)}
    with Machine(complete / "kernel.elf", PROGRAMS, disks=[disk]) as machine:
        command = machine.channel.command
        for path in old:
            assert f" size={image.manifest[path].size} " in command(f"stat {path}").lines[0]
        for path, word in words.items():
            command(f"write {path} {word}")
        gone = rng.sample(sorted(words), NEW // 3)
        for path in gone:
            command(f"rm {path}")
            del words[path]
        for path in rng.sample(sorted(words), NEW // 3):
            renamed = path.replace("new", rng.choice(["n", "renamed-to-a-longer-name-"]))
            command(f"mv {path} {renamed}")
            gone.append(path)
            words[renamed] = words.pop(path)
        command("cache drop")
        for path, word in words.items():
            assert command(f"cat {path}").lines == [word]
        for path in gone:
            reply = machine.channel.try_command(f"stat {path}")
            assert reply.errno == "ENOENT", (path, reply)
        assert command("metrics ext2.name_indexes").number("ext2.name_indexes") >= 1
        command("sync")
        command("mount")
    ext2_judge.check_clean(disk)
    for path in rng.sample(sorted(words), 10):
        assert ext2_judge.read_file(disk, path) == (words[path] + "\n").encode()


def test_a_damaged_entry_ends_the_index(complete: Path, tmp_path: Path) -> None:
    """Names before it are found as fast as ever; of any other it is told that the directory is damaged."""
    image = ext2_images.image("htree", 1)
    disk = image.copy(tmp_path / "disk.img")
    content = bytearray(disk.read_bytes())
    folder = max(collections.Counter(path.rpartition("/")[0] for path in image.files()).items(), key=operator.itemgetter(1))[0]
    names = {path for path in image.files() if path.startswith(f"{folder}/")}
    places = sorted((content.find(bytes([len(name), 1]) + name) - ENTRY_LENGTHS, name)
                    for name in (path.rpartition("/")[2].encode() for path in names))
    broken = len(places) * 9 // 10
    struct.pack_into("<H", content, places[broken][0] + 4, 12)  # no room for the name
    disk.write_bytes(content)
    with Machine(complete / "kernel.elf", PROGRAMS, disks=[disk]) as machine:
        command, errno = machine.channel.command, lambda line: machine.channel.try_command(line).errno
        found = command(f"walk {folder}")
        assert found.number("errors") == 1 and 0 < found.number("files") < len(names)
        for _, name in places[:broken - ENTRIES_OF_A_BLOCK:500]:
            assert f"{folder}/{name.decode()}" in names and errno(f"stat {folder}/{name.decode()}") is None
        for line in (f"stat {folder}/{places[broken][1].decode()}", f"stat {folder}/nobody", f"write {folder}/new word"):
            assert errno(line) == "EUCLEAN", line
        assert command("metrics ext2.name_indexes").number("ext2.name_indexes") == 1


@pytest.mark.parametrize("memory_mib", [32, 128])
def test_a_table_has_its_share_of_the_memory(complete: Path, tmp_path: Path, memory_mib: int) -> None:
    """It ends there, and names behind its end are found in the list, also when other records are there by now."""
    count, gone = 360_000, 1500
    disk = crowded(tmp_path, count)
    with Machine(complete / "kernel.elf", PROGRAMS, disks=[disk], memory_mib=memory_mib) as machine:
        process = Guest(machine).process()
        command, errno = machine.channel.command, lambda name: machine.channel.try_command(f"stat /many/{name}").errno
        entries = min(count + 2, table_entries(command("frames").number("total")))  # with `.` and `..`
        behind = FIRST + entries - 2  # the first name that isn't in the table, if there is one
        last = FIRST + count - 1

        def pages_looked_at(name: str) -> int:
            before = command("metrics cache.hits").number("cache.hits")
            assert errno(name) == "ENOENT"
            return command("metrics cache.hits").number("cache.hits") - before

        assert [errno(name) for name in (FIRST, behind - 1, last)] == [None] * 3
        assert (pages_looked_at("nobody") < 20) == (behind > last)
        process.chdir("/many")
        process.each(FIRST, 10_000, ("unlink", "'#"), step=3)
        some = range(FIRST, FIRST + 30_000, 3000)
        assert [errno(name + after) for name in some for after in range(3)] == ["ENOENT", None, None] * len(some)
        process.each(behind - gone, min(gone + 20, last - behind + gone), ("unlink", "'#"))
        command("sync")  # from now on others may have their room
        process.each(0, gone // 12, ("link", "'/linked", f"'{'long' * 45}#"))
        assert [errno(name) for name in (behind - gone - 1, behind, last, "long" * 45 + "7")] == [
            None, "ENOENT", None, None]
        assert (pages_looked_at("nobody-else") < 20) == (behind > last)
        assert command("metrics ext2.name_indexes").number("ext2.name_indexes") == 1


def table_entries(frames: int) -> int:
    """Names of the largest table in a machine with so much memory: two thirds full, doubled while there is room for both."""
    most, capacity = frames // 8 * 512, 1 << 19  # slots of 8 bytes: of all tables, and at first (ext2/name_index.cc)
    while capacity > most:
        capacity //= 2
    while 3 * capacity <= most:
        capacity *= 2
    return -(-2 * capacity // 3)


def crowded(folder: Path, count: int) -> Path:
    """A disk with the directory /many: the names FIRST, FIRST + 1, … in records of 16 bytes mean /even and /odd."""
    even, odd, many, root, block_size, size = 12, 13, 14, 2, 4096, 16  # inodes, in the order of writing; bytes
    records = [(many, 12, b"."), (root, 12, b"..")]
    records += [(odd if number & 1 else even, size, b"%d" % number) for number in range(FIRST, FIRST + count)]
    content = bytearray()
    for number, (inode, length, name) in enumerate(records, 1):
        left = block_size - len(content) % block_size
        if number == len(records) or left < length + size:
            length = left
        content += (struct.pack("<IHBB", inode, length, len(name), 1) + name).ljust(length, b"\0")
    (folder / "many").write_bytes(content)
    (folder / "empty").touch()
    disk = mke2fs(folder / "disk.img", 16 << 20, "-b", str(block_size))
    debugfs(disk, f"write {folder}/empty even", f"write {folder}/empty odd", f"write {folder}/many many", f"write {folder}/empty linked",
            "set_inode_field many mode 040755", "set_inode_field even links_count 60000", "set_inode_field odd links_count 60000")
    return disk
