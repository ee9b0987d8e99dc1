"""A disk that fails while an ext2 on it is used: errors reach whoever asked, are counted, and nothing else
suffers."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from grading.judge import ext2_images, ext2_judge
from grading.judge.ext2_images import Image
from grading.machine import qemu
from grading.machine.machine import Machine
from grading.suite.rubric_runs import PROGRAMS

from ext2_layout import Layout  # fs-images/, which ext2_images adds to the path; isort: skip

SECTOR = 512


@pytest.fixture
def image() -> Image:
    return ext2_images.image("plain", 1, block_size=4096)


def boot(kernel: Path, disk: Path, *errors: str) -> Machine:
    data_disk = qemu.DataDisk(disk, errors=errors)
    return Machine(kernel, initrd=PROGRAMS, options="channel graded root=tmpfs", disks=[data_disk])


def errors_counted(machine: Machine) -> int:
    """Requests that failed on vda, as the kernel counts them."""
    lines = machine.channel.command("disks").values()
    return int(next(line["errors"] for line in lines if line["name"] == "vda"))


def test_a_file_that_cannot_be_read(complete: Path, tmp_path: Path, image: Image, seed: int) -> None:
    disk = image.copy(tmp_path / "disk.img")
    layout = Layout(disk.read_bytes())
    rng = random.Random(seed)
    large = [path for path, entry in image.files().items() if entry.size >= 8 * layout.block_size and entry.links == 1]
    path = rng.choice(sorted(large))
    _, block = layout.data_blocks(layout.paths()[path])[0]
    with boot(complete / "kernel.elf", disk, f"event=none,iotype=read,sector={block * layout.block_size // SECTOR}") as machine:
        command, attempt = machine.channel.command, machine.channel.try_command
        command("mkdir /mnt")
        command("mount vda /mnt")
        for _ in range(2):  # an error isn't remembered as content
            assert attempt(f"cat /mnt{path}").errno == "EIO"
        assert errors_counted(machine) >= 2
        assert command("metrics cache.read_errors").number("cache.read_errors") >= 2
        found = command("walk /mnt")
        assert found.number("errors") >= 1 and found.number("files") == len(image.files())
        command("write /mnt/other words")
        assert command("cat /mnt/other").lines == ["words"]
        command("umount /mnt")
    ext2_judge.check_clean(disk)


def test_metadata_that_cannot_be_read(complete: Path, tmp_path: Path, image: Image, seed: int) -> None:
    disk = image.copy(tmp_path / "disk.img")
    layout = Layout(disk.read_bytes())
    folders = [path for path, entry in image.manifest.items() if entry.kind == "directory" and path not in ("/", "/lost+found")]
    folder = random.Random(seed).choice(sorted(folders))
    _, block = layout.data_blocks(layout.paths()[folder])[0]
    with boot(complete / "kernel.elf", disk, f"event=none,iotype=read,sector={block * layout.block_size // SECTOR}") as machine:
        machine.channel.command("mkdir /mnt")
        machine.channel.command("mount vda /mnt")
        assert machine.channel.try_command(f"ls /mnt{folder}").errno == "EIO"
        assert machine.channel.try_command(f"write /mnt{folder}/new words").errno == "EIO"
        machine.channel.command("ls /mnt")
        machine.channel.command("umount /mnt")
    ext2_judge.check_clean(disk)


def test_a_disk_that_takes_nothing(complete: Path, tmp_path: Path, image: Image) -> None:
    disk = image.copy(tmp_path / "disk.img")
    with boot(complete / "kernel.elf", disk, "event=none,iotype=write") as machine:
        attempt = machine.channel.try_command
        machine.channel.command("mkdir /mnt")
        mounted = attempt("mount vda /mnt")
        if mounted.errno is None:
            attempt("write /mnt/new words")
            assert attempt("sync").errno == "EIO"
            assert attempt("umount /mnt").errno == "EIO"
        else:
            assert mounted.errno == "EIO"  # it couldn't even be marked as mounted
        assert errors_counted(machine) >= 1
        machine.channel.command("run hello")


@pytest.mark.parametrize("which", range(3), ids=["inode-table", "bitmap", "directory"])
def test_a_write_that_fails_once(complete: Path, tmp_path: Path, image: Image, which: int) -> None:
    """One write fails, wherever in the commit; who asked is told, and the next sync makes it good."""
    disk = image.copy(tmp_path / "disk.img")
    layout = Layout(disk.read_bytes())
    targets = (
        layout.inode_position(2) // layout.block_size,  # an inode table
        layout.group(0, "bg_block_bitmap"),
        layout.data_blocks(2)[0][1],  # the root directory
    )
    sector = targets[which] * layout.block_size // SECTOR
    with boot(complete / "kernel.elf", disk, f"event=none,iotype=write,sector={sector},once=on") as machine:
        attempt = machine.channel.try_command
        machine.channel.command("mkdir /mnt")
        machine.channel.command("mount vda /mnt")
        machine.channel.command("write /mnt/new words")
        assert attempt("sync").errno == "EIO"
        assert errors_counted(machine) == 1
        assert attempt("sync").errno is None
        assert machine.channel.command("cat /mnt/new").lines == ["words"]
        machine.channel.command("umount /mnt")
    ext2_judge.check_clean(disk)
    assert ext2_judge.read_file(disk, "/new") == b"words\n"
