"""The ext2 images of fs-images/ and their judges, by e2fsprogs alone: no machine is started."""

from __future__ import annotations

import random
import struct
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from grading.judge import disk_image, ext2_images, ext2_judge
from grading.judge.check import CheckFailed
from grading.judge.ext2_images import recipes
from grading.judge.ext2_write_log import DISCARD, FLUSH, MAGIC, Replay, WriteLog, apply_prefix
from grading.machine.failures import HarnessFault
from grading.suite.disks import debugfs

from ext2_layout import Layout  # fs-images/, which ext2_images adds to the path; isort: skip

ALL_FIELDS = (*ext2_judge.FIELDS, "atime", "ctime", "inode", "sectors")
# These have one feature too many for e2fsck as for a kernel; without that bit they are as sound as the others.
FEATURES = {"unknown-incompat": "s_feature_incompat", "unknown-ro-compat": "s_feature_ro_compat"}
SLOW = ("bench", "huge-directory", "huge-linear", "hard-links")
QUICK = [name for name in recipes.RECIPES if name not in SLOW]


def test_every_recipe_is_clean_and_holds_what_its_manifest_says(
    sample: Callable[[Sequence[str], int], list[str]], seed: int, tmp_path: Path,
) -> None:
    """debugfs, which knows nothing of the manifest, finds the same files."""
    for name in [*QUICK, *sample(SLOW, 1)]:
        made = ext2_images.image(name, seed)
        path = without_feature(made, FEATURES[name], tmp_path / name) if name in FEATURES else made.path
        ext2_judge.check_clean(path)
        if made.manifest and name != "ext4":
            ext2_judge.compare(made.manifest, ext2_judge.read_tree(path), ALL_FIELDS, ignore=())


def without_feature(made: ext2_images.Image, field: str, path: Path) -> Path:
    """A copy of the image without the feature that the recipe gave it."""
    feature = made.facts.notes["feature"]
    assert isinstance(feature, int)
    content = bytearray(made.path.read_bytes())
    layout = Layout(content)
    assert layout.superblock(field) & feature
    layout.set_superblock(field, layout.superblock(field) & ~feature)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["plain-4096-256", "full-blocks", "htree", "large-file", "ext3"])
def test_a_recipe_and_a_seed_name_one_image(name: str, tmp_path: Path) -> None:
    images = []
    for folder, seed in (("one", 5), ("two", 5), ("three", 6)):
        (tmp_path / folder).mkdir()
        images.append(ext2_images.make(tmp_path / folder / "image", name, seed))
    assert images[0].path.read_bytes() == images[1].path.read_bytes() != images[2].path.read_bytes()
    assert images[0].manifest == images[1].manifest != images[2].manifest


def stat(image: Path, path: str) -> str:
    return ext2_judge._run(["debugfs", "-R", f'stat "{path}"', str(image)]).stdout.decode()


def test_the_recipes_reach_what_they_are_for() -> None:
    def notes(name: str) -> dict[str, str]:
        return ext2_images.image(name).facts.notes  # type: ignore[return-value]

    assert 3 <= ext2_images.image("full-blocks").facts.free_blocks <= 12
    assert 2 <= ext2_images.image("full-inodes").facts.free_inodes <= 6
    assert "(TIND)" in stat(ext2_images.image("triple").path, notes("triple")["file"])
    large = ext2_images.image("large-file")
    assert large.manifest[notes("large-file")["file"]].size > 4 << 30 and large.path.stat().st_blocks < 2048
    noted = ext2_images.image("attributes")
    assert all("File ACL: 0\n" not in stat(noted.path, path) for path in notes("attributes")["files"])
    links = ext2_images.image("hard-links")
    assert links.manifest[notes("hard-links")["file"]].links == recipes.LINK_LIMIT
    assert max(path.count("/") for path in ext2_images.image("deep").manifest) == 40
    assert "Flags: 0x1000" in stat(ext2_images.image("htree").path, notes("htree")["directory"])
    dump = ext2_judge._run(["debugfs", "-R", f'htree_dump "{notes("htree")["directory"]}"', str(ext2_images.image("htree").path)])
    assert b"Indirect levels: 1" in dump.stdout


def test_images_are_cached_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ext2_images, "CACHE", tmp_path / "cache")
    first = ext2_images.image("symlinks", 3)
    inode = first.path.stat().st_ino
    again = ext2_images.image("symlinks", 3)
    assert again.path.stat().st_ino == inode and again.manifest == first.manifest and again.facts == first.facts
    assert ext2_images.image("symlinks", 3, block_size=2048).path != first.path
    copy = first.copy(tmp_path / "copy")
    assert copy.read_bytes() == first.path.read_bytes() and copy.stat().st_blocks < 1000
    copy.write_bytes(b"")  # a copy can be written


def test_the_command(root: Path, tmp_path: Path) -> None:
    command = [root / "fs-images/make_image.py"]
    for words, status, said in (
        (["--list"], 0, "huge-directory"),
        (["nothing", tmp_path / "a"], 2, "there is no recipe 'nothing'"),
        (["plain", tmp_path / "a", "--size", "0.05"], 1, "make_image.py: "),
        (["plain", tmp_path / "a", "--seed", "3", "--damage", "9", "--manifest", tmp_path / "m"], 0, " -> "),
    ):
        run = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        assert run.returncode == status and said in run.stdout + run.stderr, run.stderr
        assert status != 1 or len(run.stderr.splitlines()) == 1 and list(tmp_path.iterdir()) == []
    manifest = ext2_images.manifests.read(tmp_path / "m")
    assert manifest == ext2_images.make(tmp_path / "b", "plain", 3).manifest


# Damage

def test_damage_is_repeatable_various_and_cheap() -> None:
    base = ext2_images.image("plain").path.read_bytes()
    damager = ext2_images.Damager(base)
    told, areas = set(), set()
    for seed in range(400):
        content, description = damager.image(seed)
        assert content != base and len(content) == len(base)
        told.add(description)
        areas |= {part.split()[0] for part in description.split("; ")}
    assert len(told) == 400 and areas == {"superblock", "group", "inode", "directory"}
    assert damager.image(7) == damager.image(7)


def test_most_damage_is_damage(tmp_path: Path) -> None:
    damager = ext2_images.Damager(ext2_images.image("plain-1024-256").path.read_bytes())
    found = 0
    for seed in range(60):
        (tmp_path / "image").write_bytes(damager.image(seed)[0])
        try:
            ext2_judge.check_clean(tmp_path / "image")
        except CheckFailed:
            found += 1
    assert found > 45  # the rest hit times, owners and other fields in which any value is right


# The judges

@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """An image to spoil."""
    return ext2_images.image("plain").copy(tmp_path / "plain.img")


def test_e2fsck_hears_of_a_wrong_count_that_it_calls_no_error(plain: Path) -> None:
    debugfs(plain, "ssv free_inodes_count 3")
    with pytest.raises(CheckFailed, match="Free inodes count wrong"):
        ext2_judge.check_clean(plain)
    ext2_judge.repair(plain)
    ext2_judge.check_clean(plain)


def test_a_guest_s_clock_may_be_ahead(plain: Path) -> None:
    ahead = time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + 5 * 24 * 3600))  # e2fsck forgives one day
    debugfs(plain, f"ssv mtime {ahead}", f"ssv wtime {ahead}")
    ext2_judge.check_clean(plain)


def test_what_e2fsck_cannot_repair_by_itself(plain: Path) -> None:
    path = next(path for path, entry in ext2_images.image("plain").files().items() if entry.size > 3000)
    debugfs(plain, f'sif "{path}" block[0] 1')  # the superblock's
    for judge in (ext2_judge.check_clean, ext2_judge.repair):
        with pytest.raises(CheckFailed):
            judge(plain)
    plain.write_bytes(b"no file system")
    with pytest.raises(CheckFailed):
        ext2_judge.check_clean(plain)


def test_a_tree_is_compared_in_every_field() -> None:
    made = ext2_images.image("plain")
    seen = ext2_judge.read_tree(made.path)
    changes = {"file": ("mode", "owner", "group", "size", "links", "mtime", "digest"), "symlink": ("target",), "char": ("device",),
               "block": ("device",), "directory": ("kind", "mode", "links")}
    other = {str: lambda value: value + "x", int: lambda value: value + 1, tuple: lambda value: (9, 9)}
    for path, entry in made.manifest.items():
        for field in changes.get(entry.kind, ()) if path != "/lost+found" else ():
            wrong = replace(entry, **{field: other[type(getattr(entry, field))](getattr(entry, field))})
            with pytest.raises(CheckFailed, match=field):
                ext2_judge.compare(made.manifest, {**seen, path: wrong})
        if path != "/lost+found":
            with pytest.raises(CheckFailed, match="no /"):
                ext2_judge.compare(made.manifest, {name: seen[name] for name in seen if name != path})
    with pytest.raises(CheckFailed, match="no /more"):
        ext2_judge.compare(made.manifest, {**seen, "/more": seen["/"]})
    names = [path for path, entry in seen.items() if entry.links > 1 and entry.kind == "file"]
    with pytest.raises(CheckFailed, match="one file with the names"):
        ext2_judge.compare(made.manifest, {**seen, names[0]: replace(seen[names[0]], inode=99999)})


def test_a_file_is_read(plain: Path) -> None:
    data = random.Random(1).randbytes(5000) + b"debugfs: stat <1>\n"
    (plain.parent / "data").write_bytes(data)
    debugfs(plain, f"write {plain.parent}/data data", 'write /dev/null "two words"')
    assert ext2_judge.read_file(plain, "/data") == data
    assert ext2_judge.read_file(plain, "/two words") == b""
    with pytest.raises(HarnessFault, match="not found"):
        ext2_judge.read_file(plain, "/nowhere")


def test_a_directory_in_itself_is_entered_once(plain: Path) -> None:
    folder = next(path for path, entry in ext2_images.image("plain").manifest.items() if entry.kind == "directory" and path.count("/") == 2)
    debugfs(plain, f'cd "{folder}"', "link / loop")
    assert f"{folder}/loop" in ext2_judge.read_tree(plain)


# Partitions

def test_partitions_are_found(tmp_path: Path) -> None:
    image = tmp_path / "disk"
    table = b"".join(struct.pack("<B3sB3sII", 0, b"", kind, b"", start, count) for kind, start, count in ((0x83, 63, 100), (0, 0, 0), (0x82, 200, 50), (0, 0, 0)))
    image.write_bytes((bytes(446) + table + b"\x55\xaa").ljust(250 * 512, b"x"))
    assert [(part.offset, part.size) for part in disk_image.partitions(image)] == [(63 * 512, 100 * 512), (200 * 512, 50 * 512)]
    assert disk_image.root_partition(image).copy(tmp_path / "part").read_bytes() == b"x" * 51200
    entry = struct.pack("<16s16sQQ", b"linux", b"id", 40, 99).ljust(128, b"\0")
    header = b"EFI PART".ljust(72, b"\0") + struct.pack("<QII", 2, 4, 128)
    protective = struct.pack("<B3sB3sII", 0, b"", 0xEE, b"", 1, 249).ljust(64, b"\0")
    image.write_bytes(bytes(446) + protective + b"\x55\xaa" + header.ljust(512, b"\0") + bytes(128) + entry + bytes(60000))
    assert [(part.offset, part.size) for part in disk_image.partitions(image)] == [(40 * 512, 60 * 512)]
    for content, said in ((bytes(9999), "no partition table"), (bytes(510) + b"\x55\xaa" + bytes(512), "no partition$")):
        image.write_bytes(content)
        with pytest.raises(HarnessFault, match=said):
            disk_image.root_partition(image)


# Replays of logged writes

def write_log(path: Path, entries: Sequence[tuple[int, int, int, bytes]]) -> Path:
    """A log as QEMU writes it: entries of (sector, sectors, flags, data)."""
    log = struct.pack("<QQQI", MAGIC, 1, len(entries), 512).ljust(512, b"\0")
    for sector, sectors, flags, data in entries:
        log += struct.pack("<QQQQ", sector, sectors, flags, 0).ljust(512, b"\0") + data
    path.write_bytes(log)
    return path


def test_every_prefix_of_a_log(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.write_bytes(b"." * 4096)
    log = WriteLog(write_log(tmp_path / "log", [
        (1, 1, 0, b"a" * 512), (0, 0, FLUSH, b""), (1, 2, 0, b"b" * 1024), (2, 1, DISCARD, b""), (7, 1, 0, b"c" * 512)]))
    assert len(log) == 5 and log.flushes() == [1] and bytes(log[2].data) == b"b" * 1024 and log[3].length == 512
    wanted = [b"........", b".a......", b".a......", b".bb.....", b".b\0.....", b".b\0....c"]
    with Replay(base, log) as replay:
        for count in (0, 1, 2, 3, 4, 5, 2, 5):
            cut = replay.after(count)
            assert cut.read_bytes()[::512] == wanted[count]
            cut.write_bytes(b"spoilt")
        folder = replay.disk(0).parent
    assert not folder.exists()
    assert apply_prefix(base, log, 3, tmp_path / "out").read_bytes()[::512] == wanted[3]


def test_a_broken_log_is_no_verdict(tmp_path: Path) -> None:
    good = write_log(tmp_path / "log", [(0, 1, 0, b"a" * 512), (0, 1, 0, b"b" * 512)]).read_bytes()
    for content in (b"", bytes(512), good[:1000], good[:528] + b"\xff" * 8 + good[536:]):
        (tmp_path / "log").write_bytes(content)
        with pytest.raises(HarnessFault, match="log"):
            WriteLog(tmp_path / "log")
