"""The recipes: what is in each kind of image. `make_image.py --list` prints them.

A recipe fills a Builder and makes the image; all that varies comes from the builder's random
numbers, so a recipe and a seed name one image, byte for byte.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import big_directory
from e2fsprogs import debugfs, quoted
from ext2_layout import Layout
from image_builder import Builder, Facts, Geometry, pieces_at
from manifest import Manifest

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
LINK_LIMIT = 32000  # EXT2_LINK_MAX
COMPAT_DIR_INDEX, COMPAT_JOURNAL = 0x20, 0x4
# Bits of s_feature_incompat and s_feature_ro_compat that an ext2 driver doesn't know. e2fsprogs
# knows some of them (they are ext4's) and nobody knows the others.
UNKNOWN_INCOMPAT = tuple(1 << bit for bit in (0, 2, 3, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 17, 20, 27, 31))
UNKNOWN_RO_COMPAT = tuple(1 << bit for bit in (3, 5, 6, 7, 8, 9, 10, 15, 16, 20, 27, 31))
STATE_CLEAN, STATE_ERRORS = 1, 2


@dataclass(frozen=True)
class Recipe:
    """fill(builder, image, geometry) makes the image; `geometry` is what it gets unless told otherwise."""

    name: str
    about: str
    geometry: Geometry
    fill: Callable[[Builder, Path, Geometry], None]


RECIPES: dict[str, Recipe] = {}


def recipe(name: str, about: str, size: int, **geometry: object) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers a recipe with the geometry that it has by default."""

    def register(fill: Callable[..., None]) -> Callable[..., None]:
        RECIPES[name] = Recipe(name, about, Geometry(size, **geometry), fill)  # type: ignore[arg-type]
        return fill

    return register


def build(name: str, image: Path, seed: int = 0, **geometry: object) -> tuple[Manifest, Facts]:
    """Writes the image (whole or not at all); `geometry` replaces fields of the recipe's. Raises ToolError."""
    chosen = RECIPES[name]
    with tempfile.TemporaryDirectory(dir=image.parent, prefix=".image-") as folder:
        builder = Builder(Path(folder), random.Random(f"{name} {seed}"))
        part = Path(folder) / "image"
        chosen.fill(builder, part, replace(chosen.geometry, **geometry))  # type: ignore[arg-type]
        facts = builder.metadata(part)
        after = AFTERWARDS.get(name)
        if after:
            _patch(part, lambda layout: after(builder, layout))
        part.replace(image)
    return builder.manifest, facts


# What the other recipes are made of

def small_tree(builder: Builder, block: int) -> None:
    """Files around every limit of a block map with few indirect blocks, links and special files."""
    rng = builder.rng
    sizes = [0, 1, block - 1, block, block + 1, 12 * block, 12 * block + 1, rng.randint(13 * block, 40 * block)]
    folder = ""
    for depth in range(3):
        for size in sizes:
            content = builder.text if rng.random() < 0.6 else builder.bytes
            builder.file(f"{folder}/{builder.name()}", content(size + rng.choice((0, 0, depth))))
        first = next(path for path, entry in builder.manifest.items() if entry.kind == "file")
        builder.link(f"{folder}/{builder.name()}", first)
        builder.symlink(f"{folder}/{builder.name()}", builder.name(40))  # leads nowhere
        builder.symlink(f"{folder}/{builder.name()}", first)
        folder = builder.directory(f"{folder}/{builder.name()}", rng.choice((0o755, 0o700, 0o1777)))
    builder.directory(f"{folder}/{builder.name()}")  # stays empty


@recipe("plain", "files of many sizes, directories, links, device nodes, FIFOs, owners, modes, times", 4 * MIB)
def plain(builder: Builder, image: Path, geometry: Geometry) -> None:
    rng, block = builder.rng, geometry.block_size
    small_tree(builder, block)
    folder = builder.directory(f"/{builder.name()}")
    per_block = block // 4
    double = 12 + per_block  # the first block that the double-indirect one serves
    indexes = (rng.randrange(12), rng.randrange(12, double), double - 1, double, double + rng.randrange(2 * per_block))
    pieces = pieces_at(rng, sorted({index * block for index in indexes}), block)
    builder.sparse(f"{folder}/{builder.name()}", pieces[-1][0] + block + rng.randrange(9000), pieces)
    for length in (1, 59, 60, 61, rng.randint(62, min(block - 1, 1000))):  # 59 is the longest fast one
        builder.symlink(f"{folder}/{builder.name()}", builder.name(100)[:1] * length)
    for minor in (0, 255, 256, 1048575):
        kind = rng.choice(("char", "block"))
        builder.device(f"{folder}/{kind}-{minor}", kind, rng.choice((1, 5, 255, 256, 4095)), minor)
    builder.fifo(f"{folder}/{builder.name()}")
    builder.socket(f"{folder}/{builder.name()}")
    builder.file(f"{folder}/{builder.name(255).ljust(255, 'y')}", builder.text(100))
    builder.make(image, geometry)


for _block, _inode in ((1024, 256), (2048, 128), (2048, 256), (4096, 128), (4096, 256)):
    recipe(f"plain-{_block}-{_inode}", f"the same with blocks of {_block} and inodes of {_inode} bytes",
           (_block // KIB + 3) * 2 * MIB, block_size=_block, inode_size=_inode)(plain)


@recipe("empty", "nothing but lost+found", 2 * MIB)
def empty(builder: Builder, image: Path, geometry: Geometry) -> None:
    builder.make(image, geometry)


@recipe("folders", "a dozen directories of small files, one of more than 4 KiB; a file with an indirect block", 2 * MIB)
def folders(builder: Builder, image: Path, geometry: Geometry) -> None:
    for _ in range(12):
        folder = builder.directory(f"/{builder.name()}")
        for _ in range(8):
            builder.file(f"{folder}/{builder.name()}", builder.text(100))
    builder.notes["directory"] = folder = builder.directory(f"/{builder.name()}")
    for _ in range(40):
        builder.file(f"{folder}/{builder.name().ljust(120, '-')}", b"")
    builder.notes["file"] = builder.file(f"/{builder.name()}", builder.text(40 * geometry.block_size))
    builder.make(image, geometry)


@recipe("writable", "8 MiB with a few files, most of it free, for tests that write", 8 * MIB)
def writable(builder: Builder, image: Path, geometry: Geometry) -> None:
    small_tree(builder, geometry.block_size)
    builder.make(image, geometry)


@recipe("many-groups", "40 block groups of 1 MiB each", 40 * MIB, options=("-g", "1024"))
def many_groups(builder: Builder, image: Path, geometry: Geometry) -> None:
    for _ in range(20):
        folder = builder.directory(f"/{builder.name()}")
        for _ in range(5):
            builder.file(f"{folder}/{builder.name()}", builder.bytes(builder.rng.randrange(300 * KIB)))
    builder.make(image, geometry)


@recipe("names", "names with blanks, dots, UTF-8 and every byte that a name may hold; up to 255 bytes", 2 * MIB)
def names(builder: Builder, image: Path, geometry: Geometry) -> None:
    rng = builder.rng
    every = bytes(byte for byte in range(1, 256) if byte not in b"/\n")
    odd = [" ", "...", "-rf", "a b  c", "*?[x]", "'quoted'", '"double"', "back\\slash", "naïve Ω 漢字 🙂", "tab\there"]
    odd += [every[i : i + 64].decode(errors="surrogateescape") for i in range(0, len(every), 64)]
    odd += ["x" * length for length in (1, 2, 3, 4, 5, 252, 253, 254, 255)]
    rng.shuffle(odd)
    folder = builder.directory("/odd names ")
    for i, name in enumerate(odd):
        if i % 3:
            builder.file(f"{folder}/{name}", builder.text(rng.randrange(200)))
        else:
            builder.file(f"{builder.directory(f'{folder}/{name}')}/{builder.name()}", b"")
    builder.make(image, geometry)


# Limits

@recipe("full-blocks", "a handful of free blocks, inodes enough", 4 * MIB)
def full_blocks(builder: Builder, image: Path, geometry: Geometry) -> None:
    small_tree(builder, geometry.block_size)
    builder.make(image, geometry)
    with image.open("rb") as file:
        free = Layout(file.read()).superblock("s_free_blocks_count")
    wanted, per_block = builder.rng.randint(3, 12), geometry.block_size // 4
    data = free - wanted
    while data + _indirect(data, per_block) > free - wanted:
        data -= 1
    content = builder.bytes(data * geometry.block_size).replace(bytes(8), b"nonzero!")
    builder.file("/filler", content)
    builder.make(image, geometry)


def _indirect(data: int, per_block: int) -> int:
    """Indirect blocks of a file of `data` blocks that ends below the triple-indirect ones."""
    beyond = max(0, data - 12 - per_block)
    return (data > 12) + (beyond > 0) + -(-beyond // per_block)


@recipe("full-inodes", "a handful of free inodes, blocks enough", 4 * MIB, inodes=128)
def full_inodes(builder: Builder, image: Path, geometry: Geometry) -> None:
    small_tree(builder, geometry.block_size)
    folder = builder.directory("/many")
    builder.make(image, geometry)
    with image.open("rb") as file:
        free = Layout(file.read()).superblock("s_free_inodes_count")
    for _ in range(free - builder.rng.randint(2, 6)):
        builder.file(f"{folder}/{builder.name()}", b"")
    builder.make(image, geometry)


@recipe("huge-directory", "a directory of 100,000 files with a hash tree", 64 * MIB, block_size=4096, inodes=102400)
def huge_directory(builder: Builder, image: Path, geometry: Geometry) -> None:
    _big(builder, image, geometry, 100_000, index=True)


@recipe("huge-linear", "the same without a hash tree", 64 * MIB, block_size=4096, inodes=102400)
def huge_linear(builder: Builder, image: Path, geometry: Geometry) -> None:
    _big(builder, image, geometry, 100_000, index=False)


@recipe("htree", "a directory of 6,000 files whose hash tree has two levels", 8 * MIB, inodes=6500)
def htree(builder: Builder, image: Path, geometry: Geometry) -> None:
    _big(builder, image, geometry, 6000, index=True)


@recipe("bench", "what user/bench measures: a file of 8 MiB, 100,000 files in a folder, a path of ten names; room for 40,000 more", 64 * MIB,
        block_size=4096, inodes=142_000)
def bench(builder: Builder, image: Path, geometry: Geometry) -> None:
    builder.file("/data", builder.bytes(8 * MIB), 0o644)
    folder = builder.directory("/deep")
    for level in range(1, 9):
        folder = builder.directory(f"{folder}/{level}")
    builder.file(f"{folder}/file", b"", 0o644)
    names = [f"entry-{i:06}" for i in range(100_000)]
    many = big_directory.placeholder(builder, "/many", names, geometry.block_size)
    builder.make(image, geometry)
    big_directory.fill(builder, image, many, names)
    big_directory.index_directories(image)


def _lengths(builder: Builder, count: int) -> list[int]:
    return builder.rng.choices(range(1, 25), k=count)


def _big(builder: Builder, image: Path, geometry: Geometry, count: int, index: bool) -> None:
    small_tree(builder, geometry.block_size)
    names = [f"{builder.rng.getrandbits(4 * digits):0{digits}x}-{i}" for i, digits in enumerate(_lengths(builder, count))]
    folder = big_directory.placeholder(builder, f"/{builder.name()}", names, geometry.block_size)
    builder.notes["directory"] = folder
    builder.make(image, geometry)
    big_directory.fill(builder, image, folder, names)
    if index:
        big_directory.index_directories(image)


@recipe("hard-links", f"a file with {LINK_LIMIT:,} names, as many as ext2 allows, and some with fewer", 4 * MIB)
def hard_links(builder: Builder, image: Path, geometry: Geometry) -> None:
    file = builder.file(f"/{builder.name()}", builder.text(5000))
    for _ in range(20):
        other = builder.file(f"/{builder.name()}", builder.text(builder.rng.randrange(3000)))
        for _ in range(builder.rng.randrange(6)):
            builder.link(f"/{builder.name()}", other)
    names = [f"{builder.name(12)}-{i}" for i in range(LINK_LIMIT - 1)]
    folder = big_directory.placeholder(builder, f"/{builder.name()}", names, geometry.block_size)
    builder.notes |= {"directory": folder, "file": file}
    builder.make(image, geometry)
    big_directory.fill(builder, image, folder, names, target=file)


@recipe("deep", "directories 40 levels deep, a file and a link in each", 2 * MIB)
def deep(builder: Builder, image: Path, geometry: Geometry) -> None:
    folder = ""
    for level in range(40):
        builder.file(f"{folder}/{builder.name()}", builder.text(builder.rng.randrange(100)))
        builder.symlink(f"{folder}/{builder.name()}", "../" * level + builder.name())
        folder = builder.directory(f"{folder}/{builder.name(8)}")
    builder.notes["deepest"] = folder
    builder.make(image, geometry)


@recipe("symlinks", "chains of 5, 39, 40 and 41 symbolic links, loops, links to directories", 2 * MIB)
def symlinks(builder: Builder, image: Path, geometry: Geometry) -> None:
    target = builder.file("/target", builder.text(77))
    for length in (5, 39, 40, 41):
        before = target
        for i in range(length):
            before = builder.symlink(f"/chain-{length}-{length - i}", before if i % 2 else before.lstrip("/"))
    builder.symlink("/loop-a", "loop-b")
    builder.symlink("/loop-b", "/loop-a")
    builder.symlink("/self", "self")
    folder = builder.directory("/folder")
    builder.file(f"{folder}/file", builder.text(10))
    builder.symlink("/to-folder", "folder/")
    builder.symlink(f"{folder}/up", "..")
    builder.symlink(f"{folder}/to-root", "/")
    builder.symlink("/slow", "./" * 60 + "target")
    builder.make(image, geometry)


@recipe("triple", "a sparse file that reaches the triple-indirect blocks (1 KiB blocks)", 4 * MIB)
def triple(builder: Builder, image: Path, geometry: Geometry) -> None:
    block, per_block = geometry.block_size, geometry.block_size // 4
    starts = [12, 12 + per_block, 12 + per_block + per_block**2]  # of single, double and triple indirect
    indexes = {0, 11, *starts, *(start - 1 for start in starts), starts[2] + per_block**2 + builder.rng.randrange(10**6)}
    pieces = pieces_at(builder.rng, sorted(index * block for index in indexes), block)
    builder.notes["file"] = builder.sparse(f"/{builder.name()}", pieces[-1][0] + 3 * block + 17, pieces)
    builder.make(image, geometry)


@recipe("large-file", "a sparse file of more than 4 GiB (4 KiB blocks)", 8 * MIB, block_size=4096)
def large_file(builder: Builder, image: Path, geometry: Geometry) -> None:
    offsets = [0, 2 * GIB - 4096, 2 * GIB, 4 * GIB - 4096, 4 * GIB, 5 * GIB + builder.rng.randrange(1000) * 4096]
    pieces = pieces_at(builder.rng, offsets)
    builder.notes["file"] = builder.sparse(f"/{builder.name()}", 6 * GIB + builder.rng.randrange(10**6), pieces)
    builder.make(image, geometry)


@recipe("fragmented", "free space in single blocks: every other of 400 files was deleted", 4 * MIB)
def fragmented(builder: Builder, image: Path, geometry: Geometry) -> None:
    folder = builder.directory(f"/{builder.name()}")
    names = [f"{folder}/{i:03}-{builder.name()}" for i in range(400)]
    for name in names:
        builder.file(name, builder.text(geometry.block_size * builder.rng.choice((1, 1, 1, 2))))
    builder.make(image, geometry)
    debugfs(image, [f"rm {quoted(name)}" for name in names[::2]])
    for name in names[::2]:
        del builder.manifest[name]


@recipe("attributes", "files with extended attributes in a block of their own (i_file_acl)", 2 * MIB)
def attributes(builder: Builder, image: Path, geometry: Geometry) -> None:
    names = [builder.file(f"/{builder.name()}", builder.text(builder.rng.randrange(4000))) for _ in range(12)]
    builder.notes["files"] = names[::2]
    builder.make(image, geometry)
    debugfs(image, [f"ea_set {quoted(name)} user.note {builder.rng.randbytes(150).hex()}" for name in names[::2]])


# Superblocks that a driver must look at

for _name, _about in (
    ("unclean", "not unmounted: the clean flag is missing"),
    ("errors", "the flag for errors is set"),
    ("unknown-incompat", "an incompatible feature that ext2 doesn't have: not to be mounted"),
    ("unknown-ro-compat", "a feature that ext2 may only read with: mounted read-only"),
):
    recipe(_name, _about, 4 * MIB)(writable)


@recipe("ext3", "with a journal that is empty: mounted as ext2", 8 * MIB, type="ext3")
def ext3(builder: Builder, image: Path, geometry: Geometry) -> None:
    writable(builder, image, geometry)


@recipe("ext4", "with extents and the rest of ext4: not to be mounted", 8 * MIB, type="ext4", inode_size=256)
def ext4(builder: Builder, image: Path, geometry: Geometry) -> None:
    builder.make(image, replace(geometry, options=(*geometry.options, "-O", "^metadata_csum")))


@recipe("revision-0", "as before 1997: revision 0, no features, no types in directory entries", 4 * MIB,
        options=("-r", "0"))
def revision_0(builder: Builder, image: Path, geometry: Geometry) -> None:
    small_tree(builder, geometry.block_size)
    builder.make(image, geometry)


def _patch(image: Path, change: Callable[[Layout], None]) -> None:
    content = bytearray(image.read_bytes())
    change(Layout(content))
    image.write_bytes(content)


def _state(value: int) -> Callable[[Builder, Layout], None]:
    return lambda builder, layout: layout.set_superblock("s_state", value)


def _feature(name: str, bits: tuple[int, ...]) -> Callable[[Builder, Layout], None]:
    def change(builder: Builder, layout: Layout) -> None:
        bit = builder.rng.choice(bits)
        builder.notes["feature"] = bit
        layout.set_superblock(name, layout.superblock(name) | bit)
    return change


AFTERWARDS: dict[str, Callable[[Builder, Layout], None]] = {
    "unclean": _state(0),
    "errors": _state(STATE_CLEAN | STATE_ERRORS),
    "unknown-incompat": _feature("s_feature_incompat", UNKNOWN_INCOMPAT),
    "unknown-ro-compat": _feature("s_feature_ro_compat", UNKNOWN_RO_COMPAT),
}
