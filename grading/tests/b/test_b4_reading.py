"""B4: reading what mke2fs made: every geometry, sparse and large files, large directories, many names of one file."""

from __future__ import annotations

import hashlib
import random

import pytest

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check
from grading.tests.b.conftest import MakeImage
from grading.tests.b.disk_tools import LIST_BUFFER, check_listing, check_tree, manifest_entries
from grading.tests.b.guest import EXT2_ROOT, PROCESS, Boot, check_statistics, on_disk
from grading.tests.b.test_b3_directories import LEAST_BUFFER

pytestmark = stands_on(PROCESS, EXT2_ROOT)

GEOMETRIES = ["plain", "plain-1024-256", "plain-2048-128", "plain-2048-256", "plain-4096-128", "plain-4096-256"]
OTHERS = ["names", "deep", "symlinks", "many-groups", "revision-0", "ext3"]


@stands_on(PROCESS)
@pytest.mark.parametrize("recipe", GEOMETRIES)
@item("B4", points=2)
def test_reads_every_geometry(recipe: str, boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """All files, directories, links and devices of an image, with contents and attributes, for each block and inode size."""
    image = make_image(recipe)
    guest = on_disk(boot, image.path, options="ro")
    process = guest.process()
    check_statistics(process, image)
    check_tree(process, image.path, image.manifest)


@pytest.mark.parametrize("recipe", OTHERS)
@item("B4", points=1)
def test_reads_other_trees(recipe: str, boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """Odd names, deep trees, chains of links, many groups, the format of revision 0, ext3 without its journal."""
    # Few inodes a group, so that files lie in many groups' tables.
    image = make_image(recipe, **({"inodes": 400} if recipe == "many-groups" else {}))
    process = on_disk(boot, image.path, options="ro").process()
    paths = sorted(image.manifest)
    check_tree(process, image.path, image.manifest, only=rng.sample(paths, min(len(paths), 60)))


@pytest.mark.parametrize("recipe", ["triple", "large-file"])
@item("B4", points=2)
def test_reads_sparse_files(recipe: str, boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """A file whose few blocks lie on every level of indirection, one beyond 4 GiB: data where it is, zeros elsewhere."""
    image = make_image(recipe)
    path = str(image.facts.notes["file"])
    entry = image.manifest[path]
    process = on_disk(boot, image.path, options="ro").process()
    fd = process.open(path)
    check(expected=(entry.size, entry.sectors), seen=((seen := process.fstat(fd)).size, seen.sectors),
          what="size and sectors (st_blocks)")
    for offset, count, digest in entry.pieces:
        data = b"".join(process.pread(fd, min(2048, count - at), offset + at) for at in range(0, count, 2048))
        check(expected=digest, seen=hashlib.sha256(data).hexdigest(), what=f"the SHA-256 of {count} bytes at {offset:#x}",
              hint="which pointers lead to a block: handouts/b-files.md, \"Block map\"")
    ends = [(offset, offset + count) for offset, count, _ in entry.pieces]
    for (_, end), (start, _) in zip(ends, ends[1:]):
        if start - end > 64:
            for at in {end, start - 32, rng.randrange(end, start - 32)}:
                check(expected=bytes(32), seen=process.pread(fd, 32, at), what=f"32 bytes of a hole, at {at:#x}")
    check(expected=entry.size % 100, seen=len(process.pread(fd, 500, entry.size - entry.size % 100)),
          what="bytes read at the file's end")
    check(expected=b"", seen=process.pread(fd, 10, entry.size + rng.randrange(1 << 33)), what="bytes read beyond it")


@item("B4", points=2)
def test_large_directories(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """A directory of 6,000 files that mke2fs has indexed, read in buffers of several sizes: all entries, all right."""
    image = make_image("htree")
    folder = str(image.facts.notes["directory"])
    process = on_disk(boot, image.path).process()
    entries = manifest_entries(image.manifest, folder)
    for size in (LIST_BUFFER, rng.randint(LEAST_BUFFER, 4096)):
        check_listing(process, folder, entries, f"a directory of {len(entries)}", size)


@item("B4", points=2)
def test_many_names_of_one_file(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """A file with 32,000 names, all in one directory: as many as ext2 allows, and one more is refused."""
    image = make_image("hard-links")
    folder, file = str(image.facts.notes["directory"]), str(image.facts.notes["file"])
    guest = on_disk(boot, image.path)
    process = guest.process()
    check_listing(process, folder, manifest_entries(image.manifest, folder), "a directory with 32,000 names of one file")
    inside = rng.sample([path for path in image.manifest if path.startswith(folder + "/")], 3)
    for path in inside:
        check(expected=(image.manifest[file].inode, 32000), seen=((seen_stat := process.stat(path)).inode, seen_stat.links),
              what=f"inode and links of {path!r}")
    process.fails("EMLINK").link(file, "/one-more")
    process.unlink(inside[0])
    process.link(inside[1], "/one-more")
    process.fails("EMLINK").link(file, inside[0])
    guest.check_disk()
