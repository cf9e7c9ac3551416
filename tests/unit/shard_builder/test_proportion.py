from __future__ import annotations

import pytest

from shard_builder.proportion import proportion


def test_the_interval_is_wilsons() -> None:
    """8 of 10: computed by hand from z = 1.959964."""
    found = proportion(8, 10)
    assert (found.right, found.total, found.share) == (8, 10, 0.8)
    assert (found.low, found.high) == pytest.approx((0.490162, 0.943318), abs=1e-6)


@pytest.mark.parametrize(("right", "low", "high"), [(0, 0.0, 0.277533), (10, 0.722467, 1.0)])
def test_none_and_all_have_intervals_too(right: int, low: float, high: float) -> None:
    found = proportion(right, 10)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def test_more_texts_make_it_surer() -> None:
    few, many = proportion(80, 100), proportion(800, 1000)
    assert few.low < many.low < 0.8 < many.high < few.high
