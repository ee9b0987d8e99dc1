"""Items and points: which test belongs to which item, and how many of its points.

A test says `@item("A2", points=5)`: the 5 is its weight within A2. lab.toml says what A2 is worth;
that is shared out among A2's tests in proportion to their weights, in tenths of a point, so that
the shares add up exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import pytest

TENTHS = 10  # points are kept as whole tenths

F = TypeVar("F", bound=Callable[..., object])


def item(item_id: str, points: int = 1) -> Callable[[F], F]:
    """Declares that a test belongs to an item, with a weight of `points` within it."""
    if points <= 0:
        raise ValueError(f"@item({item_id!r}): points must be above 0")
    return pytest.mark.rubric(item=item_id, weight=points)


HIDDEN = "hidden"  # how the names of tests on kernels begin that students don't get to see


def hidden_names(kernels: Sequence[object]) -> list[str]:
    """Names for tests on hidden kernels, which tell nothing of these; one if there are none, as in a student's tree."""
    return [f"{HIDDEN}{number}" for number in range(1, len(kernels) + 1)] or [HIDDEN]


def share_out(points: int, weights: Sequence[int]) -> list[int]:
    """Shares `points` out in proportion to `weights`; in tenths, the sum is exactly 10 * points.

    The tenths that rounding down leaves over go to the largest remainders, earlier ones first.
    """
    total = sum(weights)
    shares = [points * TENTHS * weight // total for weight in weights]
    left = points * TENTHS - sum(shares)
    by_remainder = sorted(range(len(weights)), key=lambda i: -(points * TENTHS * weights[i] % total))
    for i in by_remainder[:left]:
        shares[i] += 1
    return shares


def share_out_items(points: Mapping[str, int], tests: Sequence[tuple[str, int]]) -> list[int]:
    """For each test, given as (item, weight), its points in tenths."""
    shares = [0] * len(tests)
    for item_id, item_points in points.items():
        members = [i for i, (member, _) in enumerate(tests) if member == item_id]
        for i, share in zip(members, share_out(item_points, [tests[i][1] for i in members]), strict=True):
            shares[i] = share
    return shares


def show_points(tenths: int) -> str:
    """`7` or `7.5`."""
    whole, rest = divmod(tenths, TENTHS)
    return f"{whole}.{rest}" if rest else str(whole)
