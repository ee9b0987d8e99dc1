"""The digest that names a file's content, whichever way its bytes are told."""

from __future__ import annotations

import hashlib
import random

import pytest

from grading.judge.ext2_images import content_digest, manifests

PIECE = manifests.PIECE


@pytest.mark.parametrize("size", [0, 1, 5 * PIECE + 7, manifests.WHOLE_LIMIT, manifests.WHOLE_LIMIT + 1, manifests.WHOLE_LIMIT + 9 * PIECE + 5])
def test_a_digest_is_that_of_the_bytes(size: int, rng: random.Random) -> None:
    content = bytearray(rng.randbytes(size))
    content[2 * PIECE : 4 * PIECE] = bytes(len(content[2 * PIECE : 4 * PIECE]))
    expected = by_definition(bytes(content))
    cuts = sorted({0, size, *(rng.randrange(size + 1) for _ in range(50))})
    parts = [(start, bytes(content[start:end])) for start, end in zip(cuts, cuts[1:])]
    without_zeros = [(0, bytes(content[: 2 * PIECE])), (4 * PIECE, bytes(content[4 * PIECE :]))]
    for pieces in ([(0, bytes(content))], [(0, bytes(content) + b"beyond")], parts, without_zeros):
        assert content_digest(size, pieces) == expected
    if size:
        content[-1] ^= 1
        assert content_digest(size, [(0, bytes(content))]) != expected


def by_definition(content: bytes) -> str:
    if len(content) <= manifests.WHOLE_LIMIT:
        return hashlib.sha256(content).hexdigest()
    full = [(at // PIECE, content[at : at + PIECE].ljust(PIECE, b"\0")) for at in range(0, len(content), PIECE)]
    return "pieces:" + hashlib.sha256(b"%d:" % len(content) + b"".join(b"%d:" % number + piece for number, piece in full if any(piece))).hexdigest()
