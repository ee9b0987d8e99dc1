"""Large directories: the index in memory agrees with the list on the disk, whatever changes, and if that is damaged."""

from __future__ import annotations

import collections
import operator
import random
import struct
from pathlib import Path

from grading import ext2_images, ext2_judge
from grading.machine import Machine
from grading.suite.disks import debugfs, mke2fs
from grading.suite.rubric_runs import PROGRAMS
from grading.tests.b.guest import Guest

NEW = 120  # files that the test makes
ENTRY_LENGTHS = 6  # bytes of an entry before the length of its name
ENTRIES_OF_A_BLOCK = 64  # at most, of these
TABLE = 349_526  # entries of the largest table: two thirds of kMaxCapacity (ext2/name_index.cc)
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


def test_a_directory_larger_than_the_table(complete: Path, tmp_path: Path) -> None:
    """Names behind the table's end are found in the list, also when other records are there by now."""
    count, gone = TABLE + 10_000, 90_000  # of those in the table so many that new names fit into it again
    disk = crowded(tmp_path, count)
    end = FIRST + TABLE - 2  # the first name that isn't in the table, which has `.` and `..`, too
    with Machine(complete / "kernel.elf", PROGRAMS, disks=[disk]) as machine:
        process = Guest(machine).process()
        command, errno = machine.channel.command, lambda name: machine.channel.try_command(f"stat /many/{name}").errno
        assert [errno(name) for name in (FIRST, end - 1, end, FIRST + count - 1, "nobody")] == [None] * 4 + ["ENOENT"]
        process.chdir("/many")
        process.each(end - gone, gone + 20, ("unlink", "'#"))
        command("sync")  # from now on others may have their room
        process.each(0, gone // 12, ("link", "'/linked", f"'{'long' * 45}#"))
        assert [errno(name) for name in (FIRST, end, FIRST + count - 1, "long" * 45 + "7", "nobody-else")] == [
            None, "ENOENT", None, None, "ENOENT"]
        assert command("metrics ext2.name_indexes").number("ext2.name_indexes") == 1


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
