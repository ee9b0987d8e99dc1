"""A directory of 100,000 entries: the index in memory agrees with the list on the disk, whatever changes."""

from __future__ import annotations

import random
from pathlib import Path

from grading import ext2_images, ext2_judge
from grading.machine import Machine
from grading.suite.rubric_runs import PROGRAMS

NEW = 120  # files that the test makes


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
