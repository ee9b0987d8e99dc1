"""What `e2fsck -p` repairs without help, and what it leaves to people: why ext2 commits transactions.

A cut between two writes of an operation leaves the first without the rest. Every state below that is marked as no
repair must never be on the disk, and no order of single writes avoids them all:

- Counts (links, blocks, free blocks and inodes), bitmaps and sizes that are too small are repaired; a bitmap may be
  late, a block in two files may not be. A name may point to an inode that isn't there yet, or no longer.
- An inode that has blocks must have a name, and a block of a directory or of pointers must be there before anything
  points to it.
- A directory can't move to another directory: two names, none, and a wrong `..` all need help.

So each commit goes through a journal (kernel/ext2/commit.h), which test_power_cut.py sees replayed. Without one, on a
disk that has no room for it, these states are what a cut may leave.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from grading.judge import ext2_images, ext2_judge
from grading.judge.check import CheckFailed
from grading.judge.ext2_images import recipes
from grading.suite.disks import debugfs

Layout = recipes.Layout


class Place:
    """The image to spoil, and files in it to do it to."""

    def __init__(self, folder: Path) -> None:
        base = ext2_images.image("writable")
        self.image = base.copy(folder / "disk.img")
        files = [path for path, entry in base.files().items() if entry.links == 1 and entry.size > 12 * 1024]
        self.file, self.other = files[:2]
        self.inode, self.other_inode = (base.manifest[path].inode for path in files[:2])
        self.folder = next(path for path, entry in base.manifest.items() if entry.kind == "directory" and path.count("/") == 1
                           and path not in ("/", "/lost+found"))
        self.deeper = next(path for path, entry in base.manifest.items() if entry.kind == "directory" and path.startswith(self.folder + "/"))
        self.deeper_inode = base.manifest[self.deeper].inode

    def debugfs(self, *lines: str) -> None:
        said = debugfs(self.image, *lines)
        assert not [line for line in said.splitlines()[1:] if line and not line.startswith("Allocated")], said

    def patch(self, change: Callable[[Layout], None]) -> None:
        content = bytearray(self.image.read_bytes())
        change(Layout(content))
        self.image.write_bytes(content)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


REPAIRED = {
    "a new inode without blocks and without a name": ["write /dev/null new", "unlink new"],
    "the same with a size": ["write /dev/null new", "sif new size 5000", "unlink new"],
    "a name of an inode that is free": ['clri "{file}"', "freei <{inode}>"],
    "a name of an inode that was never written": ['clri "{file}"'],
    "a name of a deleted inode": ['sif "{file}" links_count 0', 'sif "{file}" dtime 1700000000'],
    "a name of an inode without links": ['sif "{file}" links_count 0'],
    "an inode without links, name or time of deletion, as of an open file": ['unlink "{file}"', "sif <{inode}> links_count 0"],
    "a deleted inode whose blocks are not free yet": ['unlink "{file}"', "sif <{inode}> links_count 0", "sif <{inode}> dtime 1700000000"],
    "a file whose inode isn't marked as used": ['freei "{file}"'],
    "an inode marked as used that isn't": ["seti <200>"],
    "blocks marked as used that aren't": ["setb 7000 3"],
    "blocks not marked as used that are": ["freeb {block} 2"],
    "a count of links that is too high": ['sif "{file}" links_count 2'],
    "a second name that isn't counted, as in a rename": ['link "{file}" new', 'sif "{file}" links_count 1'],
    "a size beyond the blocks": ['sif "{file}" size 900000'],
    "blocks beyond the size": ['sif "{file}" size 100'],
    "a wrong count of blocks": ['sif "{file}" blocks 2'],
    "a new directory without its block": ["mkdir new", "sif new block[0] 0"],
    "a new directory without a size": ["mkdir new", "sif new size 0"],
    "a directory that its parent doesn't count": ["sif / links_count 2"],
    "a wrong count of directories": ["set_bg 0 used_dirs_count 1"],
    "wrong free counts": ["set_bg 0 free_blocks_count 1", "ssv free_inodes_count 1"],
    "no flag for a large file": ["feature -large_file", "write /dev/null new", "sif new size 3000000000"],
}
LEFT_ALONE = {
    "an inode with blocks and no name": ['unlink "{file}"'],
    "the same without a size": ['unlink "{file}"', "sif <{inode}> size 0"],
    "a directory with no name": ['unlink "{folder}"'],
    "a directory with two names": ['link "{folder}" new'],
    "a new directory whose block isn't written": ["mkdir new", "zap_block -f new 0"],
    "a long symbolic link without its block": ["symlink new " + "x" * 100, "sif new block[0] 0"],
    "an inode without a type": ['sif "{file}" mode 0'],
}


def judged(place: Place, lines: list[str]) -> None:
    block = Layout(place.image.read_bytes()).data_blocks(place.inode)[3][1]
    place.debugfs(*(line.format(file=place.file, inode=place.inode, folder=place.folder, block=block) for line in lines))
    ext2_judge.repair(place.image)


@pytest.mark.parametrize("state", REPAIRED)
def test_a_cut_may_leave(state: str, place: Place) -> None:
    judged(place, REPAIRED[state])
    ext2_judge.check_clean(place.image)


@pytest.mark.parametrize("state", LEFT_ALONE)
def test_a_cut_must_not_leave(state: str, place: Place) -> None:
    with pytest.raises(CheckFailed, match="without help"):
        judged(place, LEFT_ALONE[state])


@pytest.mark.parametrize("written", [(name, old, parent) for name in (False, True) for old in (False, True) for parent in (False, True)
                                     if 0 < name + old + parent < 3],
                         ids=lambda written: "+".join(what for what, done in zip(("new name", "old name gone", "new .."), written) if done))
def test_no_order_of_writes_moves_a_directory(written: tuple[bool, bool, bool], place: Place) -> None:
    new_name, old_name_gone, new_parent = written
    place.debugfs(*[f'link "{place.deeper}" new'] * new_name, *[f'unlink "{place.deeper}"'] * old_name_gone)
    if new_parent:
        place.patch(lambda layout: set_parent(layout, place.deeper_inode, 2))
    with pytest.raises(CheckFailed, match="without help"):
        ext2_judge.repair(place.image)


def set_parent(layout: Layout, directory: int, parent: int) -> None:
    for entry in layout.entries(directory):
        if entry.name == b"..":
            layout.put(entry.position, 4, parent)


def zero_pointers(layout: Layout, inode: int, byte: bytes) -> None:
    for pointer in list(layout.pointers(inode)):
        if pointer.level:
            start = pointer.block * layout.block_size
            layout.image[start : start + layout.block_size] = byte * layout.block_size


def test_a_cut_may_leave_an_empty_block_of_pointers(place: Place) -> None:
    place.patch(lambda layout: zero_pointers(layout, place.inode, b"\0"))
    ext2_judge.repair(place.image)


@pytest.mark.parametrize("change", [
    lambda place, layout: zero_pointers(layout, place.inode, b"\xf3"),
    lambda place, layout: layout.set_inode(place.inode, "i_block[0]", layout.inode(place.other_inode, "i_block[0]")),
    lambda place, layout: [layout.put(entry.position + 7, 1, 2) for entry in layout.entries(2) if entry.inode == place.inode],
], ids=["an old block of pointers", "a block of two files", "a wrong type in a name"])
def test_a_cut_must_not_leave_in_a_block(change: Callable[[Place, Layout], object], place: Place) -> None:
    place.patch(lambda layout: change(place, layout))
    with pytest.raises(CheckFailed, match="without help"):
        ext2_judge.repair(place.image)
