from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shard_builder.configuration import Elasticity

pytest.importorskip("torch", reason="torch comes with the extra `train`")
losses: Any = pytest.importorskip("shard_builder.elastic.losses")

ELASTICITY = Elasticity(slice_selection="prefix", depths=(2, 3, 6), widths=(3, 12))


@pytest.mark.parametrize("seed", range(20))
def test_a_sandwich_is_the_whole_model_the_smallest_and_one_between(seed: int) -> None:
    whole, smallest, between = losses.sandwich(ELASTICITY, np.random.default_rng(seed))
    assert (whole.depths[-1], whole.width) == (6, 12)
    assert smallest == ((2,), 3)
    assert between.width in ELASTICITY.widths
    for depths in (whole.depths, between.depths):
        assert set(depths) <= set(ELASTICITY.depths)
        assert list(depths) == sorted(set(depths))


def test_every_depth_and_width_is_trained_now_and_then() -> None:
    random = np.random.default_rng(0)
    seen = {
        (depth, between.width)
        for _ in range(200)
        for between in losses.sandwich(ELASTICITY, random)[2:]
        for depth in between.depths
    }
    assert seen == {(depth, width) for depth in (2, 3, 6) for width in (3, 12)}


def test_a_model_of_one_size_is_trained_three_times_over() -> None:
    one = Elasticity(slice_selection="prefix", depths=(2,), widths=(3,))
    assert losses.sandwich(one, np.random.default_rng(0)) == (((2,), 3),) * 3
