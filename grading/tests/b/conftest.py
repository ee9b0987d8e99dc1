"""Fixtures of lab B's rubric: images made for this run, a machine on a root in memory, a process on it."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grading.judge import ext2_images
from grading.judge.ext2_images import Image
from grading.tests.b.guest import Boot, Guest, on_tmpfs
from grading.tests.b.process import Process

MakeImage = Callable[..., Image]


@pytest.fixture
def make_image(rng: random.Random) -> Iterator[MakeImage]:
    """make_image("plain", block_size=2048): an image with random names and contents, gone with the test."""
    with tempfile.TemporaryDirectory(prefix="cairn-disks-") as folder:
        count = 0

        def make(recipe: str, **geometry: object) -> Image:
            nonlocal count
            count += 1
            return ext2_images.make(Path(folder) / f"{count}-{recipe}.img", recipe, rng.randrange(1 << 32), **geometry)

        yield make


@pytest.fixture
def guest(boot: Boot) -> Guest:
    """A machine whose root is in memory."""
    return on_tmpfs(boot)


@pytest.fixture
def process(guest: Guest) -> Process:
    """A process on it."""
    return guest.process()
