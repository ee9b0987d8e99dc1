"""Large directories: the index in memory agrees with the list on the disk, whatever changes, and if that is damaged."""

from __future__ import annotations

import collections
import operator
import random
import struct
from pathlib import Path

from grading import ext2_images, ext2_judge
from grading.machine import Machine
from grading.suite.rubric_runs import PROGRAMS

NEW = 120  # files that the test makes
ENTRY_LENGTHS = 6  # bytes of an entry before the length of its name
ENTRIES_OF_A_BLOCK = 64  # at most, of these


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
