from __future__ import annotations

import math

import numpy as np
import pytest

from shard_builder.quantize.outliers import beyond, deviations, outlier_limit
from shard_runtime.weights import FloatArray, Matrices


def layer(seed: int) -> Matrices:
    generator = np.random.default_rng(seed)
    return Matrices(
        *(generator.standard_t(4, (20, 10)).astype(np.float32) * scale for scale in range(1, 7))
    )


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
def test_the_share_of_all_weights_that_deviate_most_lies_beyond_the_limit(share: float) -> None:
    layers = [layer(0), layer(1)]
    limit = outlier_limit(layers, share)
    every = np.sort(np.concatenate([deviations(m).ravel() for one in layers for m in one]))
    count = int(share * every.size)
    found = sum(int(beyond(matrix, limit).sum()) for one in layers for matrix in one)
    assert found == count
    assert limit == every[-count - 1]


def test_a_matrix_is_judged_by_its_own_spread() -> None:
    matrix = layer(0).query
    np.testing.assert_allclose(deviations(matrix), deviations(matrix * 100), rtol=1e-5)


def test_a_model_too_small_for_one_outlier_has_none() -> None:
    assert outlier_limit([layer(0)], 1 / 10_000) == math.inf
    assert not beyond(layer(0).query, math.inf).any()


def test_a_constant_matrix_has_none() -> None:
    constant: FloatArray = np.full((3, 4), 0.5, dtype=np.float32)
    assert not beyond(constant, 0.0).any()
