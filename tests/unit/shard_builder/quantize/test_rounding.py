from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shard_builder.quantize.rounding import (
    DAMPING,
    RankedInputs,
    Rounded,
    Target,
    best_rounding,
    descend,
    refit,
    round_compensated,
)
from slow_rounding import slow_compensated, slow_descend, slow_error, slow_nearest, slow_refit

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLE = np.array([-1.5, -0.5, 0.25, 1.25])


def random_moments(seed: int, size: int) -> NDArray[np.float64]:
    """Of inputs with a mean, unequal powers and strong correlations."""
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(size, size)) * generator.uniform(0.2, 2, size)
    inputs = generator.normal(0.5, 1, (4 * size, size)) @ mixing
    return inputs.T @ inputs / len(inputs)


def random_target(seed: int = 0, inputs: int = 9, outputs: int = 5) -> Target:
    generator = np.random.default_rng(seed)
    return Target(
        weights=generator.normal(size=(inputs, outputs)),
        is_outlier=generator.random((inputs, outputs)) < 0.1,
        inputs=RankedInputs.of(random_moments(seed, inputs)),
    )


def nearest(target: Target, table: NDArray[np.float64]) -> Rounded:
    codes = [[slow_nearest(value, table.tolist()) for value in row] for row in target.weights]
    return Rounded(table, np.array(codes))


def test_inputs_come_by_falling_power_and_damped() -> None:
    moments = random_moments(1, 6)
    inputs = RankedInputs.of(moments)
    power = np.diag(moments)
    assert power[inputs.order].tolist() == sorted(power, reverse=True)
    damped = moments + DAMPING * power.mean() * np.eye(6)
    np.testing.assert_allclose(inputs.moments, damped[inputs.order][:, inputs.order])


def test_the_factor_is_that_of_the_inverse() -> None:
    inputs = RankedInputs.of(random_moments(2, 6))
    np.testing.assert_allclose(
        inputs.factor.T @ inputs.factor @ inputs.moments, np.eye(6), atol=1e-9
    )
    assert np.array_equal(inputs.factor, np.triu(inputs.factor))


def test_inputs_that_are_never_there_count_alike() -> None:
    inputs = RankedInputs.of(np.zeros((4, 4)))
    assert np.array_equal(inputs.moments, np.eye(4))


@pytest.mark.parametrize("seed", range(4))
def test_the_error_is_the_plain_sum(seed: int) -> None:
    target = random_target(seed)
    rounded = nearest(target, TABLE)
    expected = slow_error(target.weights, target.rounded_weights(rounded), target.inputs.moments)
    assert target.error(rounded) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("seed", "inputs"), [(0, 9), (1, 9), (2, 40), (3, 70)])
def test_compensated_rounding_is_that_of_solving_afresh_for_the_rest(
    seed: int, inputs: int
) -> None:
    target = random_target(seed, inputs, 3)
    expected = slow_compensated(
        target.weights, target.is_outlier, TABLE.tolist(), target.inputs.moments
    )
    assert round_compensated(target, TABLE).codes.tolist() == expected


@pytest.mark.parametrize(("seed", "inputs"), [(0, 9), (1, 9), (2, 40), (3, 70)])
def test_descent_picks_for_every_weight_the_entry_of_least_error(seed: int, inputs: int) -> None:
    target = random_target(seed, inputs, 3)
    start = nearest(target, TABLE)
    expected = slow_descend(
        target.weights, target.is_outlier, TABLE.tolist(), start.codes, target.inputs.moments
    )
    inliers = ~target.is_outlier
    assert descend(target, start).codes[inliers].tolist() == expected[inliers].tolist()


@pytest.mark.parametrize("seed", range(4))
def test_a_refit_is_the_least_squares_solution(seed: int) -> None:
    target = random_target(seed, 12, 6)
    start = round_compensated(target, TABLE)
    expected = slow_refit(
        target.weights, target.is_outlier, start.codes, target.inputs.moments, TABLE.size
    )
    np.testing.assert_allclose(refit(target, start).table, np.sort(expected), rtol=1e-3)


@given(seed=st.integers(0, 10_000))
def test_a_refit_never_raises_the_error(seed: int) -> None:
    target = random_target(seed)
    start = nearest(target, TABLE)
    assert target.error(refit(target, start)) <= target.error(start)


@given(seed=st.integers(0, 10_000))
def test_descent_never_raises_the_error(seed: int) -> None:
    target = random_target(seed)
    start = nearest(target, TABLE)
    assert target.error(descend(target, start)) <= target.error(start) * (1 + 1e-12)


@given(seed=st.integers(0, 10_000))
def test_a_refitted_table_rises_and_holds_float32_values(seed: int) -> None:
    target = random_target(seed)
    table = refit(target, round_compensated(target, TABLE)).table
    assert (np.diff(table) >= 0).all()
    assert np.array_equal(table, table.astype(np.float32))


@given(seed=st.integers(0, 10_000), rounds=st.integers(0, 3))
def test_outliers_keep_their_weights_and_codes_stay_within_the_table(
    seed: int, rounds: int
) -> None:
    target = random_target(seed)
    rounded = best_rounding(target, TABLE, rounds)
    assert ((rounded.codes >= 0) & (rounded.codes < TABLE.size)).all()
    kept = target.rounded_weights(rounded)[target.is_outlier]
    assert np.array_equal(kept, target.weights[target.is_outlier])


def test_more_rounds_never_raise_the_error() -> None:
    for seed in range(20):
        target = random_target(seed)
        errors = [target.error(best_rounding(target, TABLE, rounds)) for rounds in range(4)]
        assert all(later <= earlier * (1 + 1e-12) for earlier, later in itertools.pairwise(errors))


def test_rounding_beats_the_nearest_entries() -> None:
    targets = [random_target(seed, 24, 8) for seed in range(40)]
    wins = [
        target.error(best_rounding(target, TABLE, 0)) < target.error(nearest(target, TABLE))
        for target in targets
    ]
    assert sum(wins) == len(wins)


def test_weights_that_are_all_outliers_are_left_alone() -> None:
    plain = random_target(0)
    target = Target(
        weights=plain.weights, is_outlier=np.ones_like(plain.is_outlier), inputs=plain.inputs
    )
    rounded = best_rounding(target, TABLE, 2)
    assert target.error(rounded) == 0
    assert np.array_equal(rounded.table, TABLE)
