"""ext2 images for tests, made by the recipes in fs-images/ and kept in build/fs-images.

    plain = image("plain")                        # made once, then taken from build/; never write to it
    copy = plain.copy(folder / "disk.img")        # for a machine that writes
    own = make(folder / "x.img", "plain", seed)   # random names and contents, not kept
    damager = Damager(image("plain").path.read_bytes())
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grading import ROOT
from grading.course.folders import replaced
from grading.machine.failures import HarnessFault

RECIPE_FOLDER = ROOT / "fs-images"
sys.path.append(str(RECIPE_FOLDER))

import manifest as manifests  # noqa: E402 - needs the path above
import recipes  # noqa: E402
from damage import Damager  # noqa: E402
from e2fsprogs import SYSTEM_PATH, ToolError, at  # noqa: E402
from image_builder import Facts  # noqa: E402
from make_image import document  # noqa: E402
from manifest import Entry, Manifest, content_digest  # noqa: E402
from sparse import copy_sparse  # noqa: E402

CACHE = ROOT / "build" / "fs-images"
KEPT = 60  # images; the ones not used for longest are removed


@dataclass(frozen=True)
class Image:
    """An image and what is in it."""

    path: Path
    manifest: Manifest
    facts: Facts

    def copy(self, target: Path) -> Path:
        """A copy of one's own, with its holes. Returns `target`."""
        return copy_sparse(self.path, target)

    def files(self) -> dict[str, Entry]:
        """The regular files."""
        return {path: entry for path, entry in self.manifest.items() if entry.kind == "file"}


def make(path: Path, recipe: str, seed: int = 0, **geometry: object) -> Image:
    """Makes an image; `geometry` replaces fields of the recipe's (image_builder.Geometry). Raises HarnessFault."""
    try:
        manifest, facts = recipes.build(recipe, path, seed, **geometry)
    except (ToolError, OSError) as error:
        raise HarnessFault(f"the image {recipe} can't be made: {error}") from error
    return Image(path, manifest, facts)


def image(recipe: str, seed: int = 0, **geometry: object) -> Image:
    """The image of this recipe and seed, from the cache if it is there. Not to be written. Raises HarnessFault."""
    folder = CACHE / f"{recipe}-{seed}-{_key(recipe, seed, geometry)}"
    with _lock(recipe):
        if not folder.exists():
            with replaced(folder) as fresh:
                made = make(fresh / "image", recipe, seed, **geometry)
                (fresh / "manifest.json").write_text(document(recipe, seed, made.manifest, made.facts))
                (fresh / "image").chmod(0o444)
            _prune(keep=folder)
        os.utime(folder)
        content = json.loads((folder / "manifest.json").read_text())
    return Image(folder / "image", manifests.from_json(content["entries"]), Facts(**content["facts"]))


def _key(recipe: str, seed: int, geometry: dict[str, object]) -> str:
    """Changes with everything that the image depends on."""
    total = hashlib.sha256(f"{recipe} {seed} {sorted(geometry.items())}".encode())
    for source in sorted(RECIPE_FOLDER.glob("*.py")):
        total.update(source.read_bytes())
    tool = shutil.which("mke2fs", path=SYSTEM_PATH)
    if tool is None:
        raise HarnessFault("mke2fs is missing: install e2fsprogs")
    total.update(subprocess.run([tool, "-V"], capture_output=True, check=False).stderr)
    return total.hexdigest()[:16]


@contextmanager
def _lock(name: str) -> Iterator[None]:
    """Keeps other processes from making an image of this recipe at the same time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prune(keep: Path) -> None:
    """Another process may still be using the oldest, which is why many are kept."""
    folders = sorted((path for path in CACHE.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for folder in folders[:-KEPT]:
        if folder != keep:
            shutil.rmtree(folder, ignore_errors=True)


__all__ = ["SYSTEM_PATH", "Damager", "Entry", "Facts", "Image", "Manifest", "at", "content_digest", "copy_sparse", "image", "make"]
