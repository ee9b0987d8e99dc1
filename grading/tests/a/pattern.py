"""The page patterns of user/tests/pattern.h, made on the host's side."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from grading.machine.stream import MASK, mix

PAGE = 4096
WORDS = PAGE // 8


def pattern_word(seed: int, page: int) -> int:
    """The word that fills page number `page` of an area filled from `seed`."""
    return mix((seed + page) & MASK)


def page_bytes(word: int, changes: Mapping[int, int] | None = None) -> bytes:
    """A page full of `word`, except for `changes`: byte offset (a multiple of 8) -> word there."""
    content = bytearray(struct.pack("<Q", word) * WORDS)
    for offset, value in (changes or {}).items():
        struct.pack_into("<Q", content, offset, value)
    return bytes(content)


def pages_sum(words: list[int], changes: Mapping[int, int] | None = None) -> int:
    """What `sum` gives for pages full of words[0], words[1], …, with `changes` at byte offsets."""
    total = 0
    for page, word in enumerate(words):
        first = page * WORDS + 1
        total += word * ((first + first + WORDS - 1) * WORDS // 2)
    for offset, value in (changes or {}).items():
        total += (value - words[offset // PAGE]) * (offset // 8 + 1)
    return total & MASK


def area_sum(seed: int, pages: int, changes: Mapping[int, int] | None = None) -> int:
    """What `sum` gives for an area of `pages` pages filled from `seed`, with `changes`."""
    return pages_sum([pattern_word(seed, page) for page in range(pages)], changes)
