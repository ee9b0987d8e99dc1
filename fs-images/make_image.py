#!/usr/bin/python3
"""Makes an ext2 image for tests: `fs-images/make_image.py plain /tmp/plain.img --seed 7`.

The same recipe, seed and options give the same bytes. Beside the image it can write the manifest:
every path with its type, mode, owner, times, size, hash of the content, link target. Exits 1 with one
line on standard error where a tool is missing or the size doesn't do; nothing half-made is left.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import damage  # noqa: E402 - needs the path above
import recipes  # noqa: E402
from e2fsprogs import ToolError  # noqa: E402
from image_builder import Facts  # noqa: E402
from manifest import Manifest, to_json  # noqa: E402


def document(recipe: str, seed: int, manifest: Manifest, facts: Facts) -> str:
    """The manifest as JSON, one path a line."""
    head = {"recipe": recipe, "seed": seed, "facts": vars(facts)}
    entries = (f"    {json.dumps(path)}: {json.dumps(entry)}" for path, entry in sorted(to_json(manifest).items()))
    return json.dumps(head)[:-1] + ', "entries": {\n' + ",\n".join(entries) + "\n}}\n"


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Makes an ext2 image; the same words make the same image.")
    parser.add_argument("recipe", nargs="?", help="what is in it; see --list")
    parser.add_argument("image", nargs="?", type=Path, help="the file to write")
    parser.add_argument("--list", action="store_true", help="print the recipes")
    parser.add_argument("--seed", type=int, default=0, help="names, contents, owners and times are random from this (0)")
    parser.add_argument("--size", type=float, metavar="MIB", help="MiB of the image, instead of the recipe's")
    parser.add_argument("--block", type=int, choices=(1024, 2048, 4096), help="bytes of a block, instead of the recipe's")
    parser.add_argument("--inode", type=int, choices=(128, 256), help="bytes of an inode, instead of the recipe's")
    parser.add_argument("--damage", type=int, metavar="SEED", help="damage the image as this seed says, and print how")
    parser.add_argument("--manifest", type=Path, help="write what is in the image to this file, as JSON")
    return parser


def main() -> int:
    """Command line; see --help."""
    words = parser()
    arguments = words.parse_args()
    if arguments.list:
        for recipe in recipes.RECIPES.values():
            print(f"{recipe.name:18}{recipe.about}")
        return 0
    if not arguments.recipe or not arguments.image:
        words.error("needs a recipe and the file to write; --list prints the recipes")
    if arguments.recipe not in recipes.RECIPES:
        words.error(f"there is no recipe {arguments.recipe!r}; --list prints them")
    chosen = {"size": int(arguments.size * recipes.MIB) if arguments.size else None,
              "block_size": arguments.block, "inode_size": arguments.inode}
    geometry = {name: value for name, value in chosen.items() if value is not None}
    try:
        manifest, facts = recipes.build(arguments.recipe, arguments.image, arguments.seed, **geometry)
        if arguments.damage is not None:
            content = bytearray(arguments.image.read_bytes())
            print(damage.damage(content, arguments.damage))
            arguments.image.write_bytes(content)
        if arguments.manifest:
            arguments.manifest.write_text(document(arguments.recipe, arguments.seed, manifest, facts))
    except (ToolError, OSError) as problem:
        print(f"make_image.py: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
