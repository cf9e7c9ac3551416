from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shard_builder.quantize import WholeLayer
from shard_builder.quantize.kmeans import KMeansQuantiser, fit_table
from shard_builder.quantize.rising import RisingValues
from shard_runtime.weights import Matrices
from slow_rounding import least_squared_distance, slow_nearest, squared_distance

VALUES = st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=40)


def table_of(values: list[float], entries: int) -> list[float]:
    return fit_table(RisingValues(np.sort(np.array(values, dtype=np.float64))), entries).tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("entries", [2, 3])
def test_the_total_is_close_to_the_least_of_all_groupings(seed: int, entries: int) -> None:
    values = np.random.default_rng(seed).normal(size=14).tolist()
    least = least_squared_distance(values, entries)
    assert squared_distance(values, table_of(values, entries)) <= 1.35 * least


def test_separate_groups_are_found() -> None:
    values = [-1.0, -1.1, 0.0, 0.1, 2.0, 2.1, 5.0, 5.1]
    np.testing.assert_allclose(table_of(values, 4), [-1.05, 0.05, 2.05, 5.05])


@given(values=VALUES, bits=st.sampled_from([1, 2, 4]))
def test_every_entry_is_the_mean_of_the_values_nearest_to_it(
    values: list[float], bits: int
) -> None:
    table = table_of(values, 2**bits)
    assert table == sorted(table)
    codes = [slow_nearest(value, table) for value in values]
    for entry in set(codes):
        own = [value for value, code in zip(values, codes, strict=True) if code == entry]
        assert table[entry] == pytest.approx(sum(own) / len(own), abs=1e-9)


@given(values=st.lists(st.sampled_from([-1.0, 0.0, 1e-9, 0.3, 0.4, 2.0, 7.0, 1e20]), min_size=1))
def test_no_more_values_than_entries_are_kept_as_they_are(values: list[float]) -> None:
    table = table_of(values, 8)
    assert set(table) == set(values)
    assert table == sorted(table)


def test_no_values_give_a_table_of_zeros() -> None:
    assert table_of([], 4) == [0] * 4


def test_outliers_are_those_beyond_the_limit_at_every_bitwidth() -> None:
    generator = np.random.default_rng(0)
    layer = Matrices(*(generator.standard_t(3, (12, 8)).astype(np.float32) for _ in range(6)))
    whole = WholeLayer(index=0, matrices=layer, slices=2)
    shards = list(KMeansQuantiser(outlier_limit=3.0)(whole, [2, 5]))
    for index, shard in enumerate(shards):
        for matrix, two, five in zip(layer, shard[2], shard[5], strict=True):
            values = matrix.astype(np.float64)
            far = np.abs(values - values.mean()) / values.std() > 3
            own = np.flatnonzero(far[index * 6 : (index + 1) * 6])
            assert two.outlier_positions.tolist() == own.tolist()
            assert five.outlier_positions.tolist() == own.tolist()
