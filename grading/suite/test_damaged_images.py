"""Damaged ext2 images, thousands of them: mounted, walked and read, written to, unmounted. Whatever is
in them, the kernel gives errors: it doesn't panic, doesn't hang, and goes on to the next one.

The machine keeps running; the host puts the next image on its disk while that isn't mounted.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from grading.judge import ext2_images
from grading.judge.ext2_images import Damager
from grading.machine import qemu
from grading.machine.channel import CommandError
from grading.machine.machine import Machine
from grading.suite.rubric_runs import PROGRAMS
from grading.suite.samples import ALL_DAMAGED_DISKS, DAMAGED_DISKS

A_MACHINE = 125  # images
# (recipe, geometry): small ones, so that most of an image is metadata. In turns, those that take long less often.
SMALL = [("plain", {}), ("plain", {"block_size": 4096, "inode_size": 256}), ("symlinks", {}), ("deep", {}), ("triple", {}),
         ("attributes", {}), ("revision-0", {})]
LARGE = [("htree", {}), ("many-groups", {})]
DISTINCT, BASES = [*SMALL, *LARGE], [*SMALL * 3, *LARGE]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each machine's batch: all, or some; another seed has other images."""
    if "first" not in metafunc.fixturenames:
        return
    seed = int(metafunc.config.getoption("--suite-seed"))
    firsts = range((seed - 1) * ALL_DAMAGED_DISKS, seed * ALL_DAMAGED_DISKS, A_MACHINE)
    if not metafunc.config.getoption("--all"):
        firsts = random.Random(seed).sample(firsts, DAMAGED_DISKS // A_MACHINE)
    metafunc.parametrize("first", sorted(firsts))


@pytest.fixture(scope="session")
def damagers() -> list[tuple[bytes, Damager]]:
    """An undamaged image and what damages it, for each of BASES."""
    made = []
    for recipe, geometry in DISTINCT:
        base = ext2_images.image(recipe, 1, **geometry).path.read_bytes()
        made.append((base, Damager(base)))
    return [made[DISTINCT.index(base)] for base in BASES]


def test_damaged_images(complete: Path, tmp_path: Path, damagers: list[tuple[bytes, Damager]], first: int) -> None:
    disk = tmp_path / "disk.img"
    with disk.open("wb") as file:
        file.truncate(max(len(base) for base, _ in damagers))
    with Machine(complete / "kernel.elf", initrd=PROGRAMS, options="channel graded root=tmpfs", disks=[qemu.DataDisk(disk)]) as machine:
        machine.channel.command("mkdir /mnt")
        mounted = 0
        for number in range(first, first + A_MACHINE):
            base, damager = damagers[number % len(damagers)]
            image = bytearray(base)
            done = damager.apply(image, number)
            put(disk, image)
            try:
                mounted += try_image(machine, number)
            except Exception as error:
                kept = tmp_path / f"damaged-{number}.img"
                kept.write_bytes(image)
                raise AssertionError(f"image {number} ({done}), kept as {kept}: {error}") from error
        assert mounted > A_MACHINE // 4, f"only {mounted} of {A_MACHINE} images could be mounted: the damage hides the rest"


def put(disk: Path, image: bytearray) -> None:
    """Replaces what is on the disk, whose size stays."""
    descriptor = os.open(disk, os.O_WRONLY)
    try:
        os.pwrite(descriptor, image, 0)
    finally:
        os.close(descriptor)


def try_image(machine: Machine, number: int) -> bool:
    """Mounts, reads and changes an image; whether it could be mounted at all. Any command may fail, none may not answer."""
    try:
        machine.channel.command("mount vda /mnt")
    except CommandError:
        return False
    commands = ["walk /mnt"]
    if number % 3 == 0:  # a third is written to as well
        commands += ["write /mnt/new some words", "mkdir /mnt/folder", "write /mnt/folder/inner more", "mv /mnt/new /mnt/folder/moved",
                     "rm /mnt/folder/inner", "sync", "walk /mnt"]
    for command in commands:
        try:
            machine.channel.command(command)
        except CommandError:
            continue
    machine.channel.command("cache")
    try:
        machine.channel.command("umount /mnt")
    except CommandError as failed:
        assert failed.errno != "EBUSY", f"something still uses the file system: {failed}"
    return True
