from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shard_builder.importance.agreement import rank_correlation

VALUES = st.lists(st.integers(-3, 3), min_size=2, max_size=12)


def slow_ranks(values: list[int]) -> list[float]:
    """Of each value: how many are below, and half of the others that are equal."""
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) - 1) / 2
        for value in values
    ]


def test_the_same_order_agrees_fully() -> None:
    assert rank_correlation([1, 5, 7], [0.1, 0.2, 9.0]) == pytest.approx(1)


def test_the_opposite_order_disagrees_fully() -> None:
    assert rank_correlation([1, 5, 7], [3, 2, 1]) == pytest.approx(-1)


def test_one_swap_of_three_by_hand() -> None:
    assert rank_correlation([1, 2, 3], [1, 3, 2]) == pytest.approx(1 - 6 * 2 / (3 * 8))


def test_a_constant_ranks_nothing() -> None:
    assert rank_correlation([1, 1, 1], [1, 2, 3]) == 0


@given(st.data(), VALUES)
def test_it_is_the_correlation_of_ranks(data: st.DataObject, first: list[int]) -> None:
    second = data.draw(st.permutations(first))
    if len(set(first)) > 1:
        expected = np.corrcoef(slow_ranks(first), slow_ranks(second))[0, 1]
        assert rank_correlation(first, second) == pytest.approx(expected)
