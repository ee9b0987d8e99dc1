"""Points: shares add up, whatever the weights."""

from __future__ import annotations

import random

import pytest

from grading.grader.rubric import item, share_out, share_out_items, show_points


def test_shares_in_proportion() -> None:
    assert share_out(15, [5, 5, 5]) == [50, 50, 50]
    assert share_out(25, [3, 1, 1]) == [150, 50, 50]


def test_left_over_tenths_go_to_the_largest_remainders() -> None:
    assert share_out(10, [1, 1, 1]) == [34, 33, 33]
    assert share_out(1, [1] * 15) == [1] * 10 + [0] * 5


def test_any_shares_add_up() -> None:
    rng = random.Random(3)
    for _ in range(500):
        weights = [rng.randrange(1, 20) for _ in range(rng.randrange(1, 40))]
        points = rng.randrange(1, 100)
        shares = share_out(points, weights)
        assert sum(shares) == 10 * points
        assert all(abs(share - 10 * points * weight / sum(weights)) < 1 for share, weight in zip(shares, weights))


def test_each_item_has_its_own() -> None:
    assert share_out_items({"A1": 60, "A2": 40}, [("A2", 1), ("A1", 2), ("A2", 3), ("A1", 1)]) == [100, 400, 300, 200]


def test_points_as_people_write_them() -> None:
    assert [show_points(tenths) for tenths in (0, 1, 10, 75, 1000)] == ["0", "0.1", "1", "7.5", "100"]


def test_a_test_without_weight_is_refused() -> None:
    with pytest.raises(ValueError):
        item("A1", points=0)
