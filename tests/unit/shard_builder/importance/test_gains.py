from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from shard_builder.importance.gains import (
    Halves,
    ShardDistances,
    Upgrades,
    gain_errors,
    half_gains,
    mean_gains,
    split_half,
)

Table = NDArray[np.float64]
SENTENCES = 3
DISTANCE = st.floats(0, 2)


def constant(*rows: list[float]) -> Table:
    """Layers x slices x sentences, every sentence the same."""
    return np.repeat(np.array(rows)[:, :, None], SENTENCES, axis=2)


def two_shards() -> ShardDistances:
    """One layer: shard 0 is worth (6/8 + 4 * 1/4) / 5 of the whole, shard 1 the rest."""
    return ShardDistances(
        whole=Upgrades(lowest=np.full(SENTENCES, 1.0), upgraded=constant([0.4, 0.8])),
        dropped=constant([0.1, 0.3]),
    )


def two_layers(first_layer: Upgrades) -> ShardDistances:
    """Two layers of two shards, each worth a quarter of the whole but for the first layer's own."""
    return ShardDistances(
        whole=Upgrades(lowest=np.full(SENTENCES, 1.0), upgraded=constant([0.5, 0.5], [0.5, 0.5])),
        dropped=constant([0.1, 0.1], [0.1, 0.1]),
        small=first_layer,
    )


ERRORS = {2: np.array([[4.0, 8.0]]), 3: np.array([[1.0, 2.0]]), 32: np.zeros((1, 2))}
SQUARES = {2: np.ones((2, 2)), 32: np.zeros((2, 2))}


def test_gains_of_two_shards_by_hand() -> None:
    gains = mean_gains(two_shards(), ERRORS, presence=0.0)
    assert gains[2] == pytest.approx(np.array([[0, 0]]))
    assert gains[3] == pytest.approx(np.array([[0.2625, 0.4875]]))
    assert gains[32] == pytest.approx(np.array([[0.35, 0.65]]))


def test_presence_adds_its_share_of_the_worth_at_every_bitwidth() -> None:
    without = mean_gains(two_shards(), ERRORS, presence=0.0)
    with_it = mean_gains(two_shards(), ERRORS, presence=0.1)
    for bits, table in without.items():
        assert with_it[bits] - table == pytest.approx(np.array([[0.035, 0.065]]))


def test_an_upgrade_that_hurts_counts_as_nothing() -> None:
    distances = ShardDistances(
        whole=Upgrades(lowest=np.full(SENTENCES, 1.0), upgraded=constant([1.5, 0.5])),
        dropped=constant([0.1, 0.1]),
    )
    gains = mean_gains(distances, ERRORS, presence=0.0)
    assert gains[32] == pytest.approx(np.array([[0.4, 0.6]]))


def test_shards_of_the_small_submodel_share_their_worth_half_by_their_upgrades_in_it() -> None:
    first_layer = Upgrades(lowest=np.full(SENTENCES, 1.0), upgraded=constant([0.25, 0.75]))
    gains = mean_gains(two_layers(first_layer), SQUARES, presence=0.0)
    assert gains[32] == pytest.approx(np.array([[0.3125, 0.1875], [0.25, 0.25]]))


def test_a_submodel_that_no_upgrade_helps_leaves_the_worth_as_it_is() -> None:
    first_layer = Upgrades(lowest=np.full(SENTENCES, 1.0), upgraded=constant([1.0, 1.5]))
    gains = mean_gains(two_layers(first_layer), SQUARES, presence=0.0)
    assert gains[32] == pytest.approx(np.full((2, 2), 0.25))


def test_a_model_that_loses_nothing_gains_nothing() -> None:
    nothing = ShardDistances(
        whole=Upgrades(lowest=np.zeros(SENTENCES), upgraded=constant([0, 0])),
        dropped=constant([0, 0]),
    )
    assert not mean_gains(nothing, ERRORS, presence=0.1)[32].any()


def test_a_bitwidth_that_errs_more_than_a_lower_one_gains_no_less() -> None:
    errors = {**ERRORS, 4: np.array([[3.0, 1.0]])}
    gains = mean_gains(two_shards(), errors, presence=0.0)
    assert gains[4][0, 0] == gains[3][0, 0]


def test_a_shard_without_error_has_nothing_to_remove() -> None:
    errors = {2: np.array([[0.0, 8.0]]), 32: np.zeros((1, 2))}
    assert mean_gains(two_shards(), errors, presence=0.0)[32][0, 0] == 0


def random_distances(sentences: int) -> ShardDistances:
    generator = np.random.default_rng(0)

    def upgrades(depth: int, width: int) -> Upgrades:
        return Upgrades(
            lowest=generator.random(sentences),
            upgraded=generator.random((depth, width, sentences)),
        )

    return ShardDistances(
        whole=upgrades(2, 2),
        dropped=generator.random((2, 2, sentences)),
        small=upgrades(1, 2),
    )


def of_sentences(upgrades: Upgrades, chosen: slice) -> Upgrades:
    return Upgrades(lowest=upgrades.lowest[chosen], upgraded=upgrades.upgraded[..., chosen])


def test_halves_of_equal_sentences_agree() -> None:
    halves = half_gains(two_shards(), ERRORS, presence=0.0)
    assert gain_errors(halves)[32] == pytest.approx(np.zeros((1, 2)))


def test_halves_are_gains_of_their_own_sentences() -> None:
    distances = random_distances(2)
    first, second = (
        mean_gains(
            ShardDistances(
                whole=of_sentences(distances.whole, half),
                dropped=distances.dropped[..., half],
                small=of_sentences(distances.small, half) if distances.small else None,
            ),
            SQUARES,
            presence=0.1,
        )
        for half in (slice(0, 1), slice(1, 2))
    )
    for one, two in half_gains(distances, SQUARES, presence=0.1):
        assert {one[32].tobytes(), two[32].tobytes()} == {
            first[32].tobytes(),
            second[32].tobytes(),
        }


def test_an_error_is_half_of_what_halves_differ_by() -> None:
    one, two = (np.full((1, 2), value) for value in (3.0, 5.0))
    halves = [Halves({2: one}, {2: two}), Halves({2: two}, {2: one})]
    assert gain_errors(halves)[2] == pytest.approx(np.full((1, 2), 1.0))


def test_split_half_is_the_mean_rank_correlation_at_the_highest_bitwidth() -> None:
    rising, falling = np.array([[1.0, 2.0]]), np.array([[2.0, 1.0]])
    halves = [
        Halves({2: falling, 32: rising}, {2: rising, 32: rising}),
        Halves({2: rising, 32: rising}, {2: rising, 32: falling}),
        Halves({2: rising, 32: falling}, {2: rising, 32: falling}),
    ]
    assert split_half(halves) == pytest.approx(1 / 3)


def test_a_single_sentence_has_no_halves() -> None:
    assert half_gains(random_distances(1), SQUARES, presence=0.0) == ()


def test_halves_are_the_same_every_time() -> None:
    first, second = (
        gain_errors(half_gains(random_distances(8), SQUARES, presence=0.1)) for _ in range(2)
    )
    assert (first[32] > 0).all()
    assert np.array_equal(first[32], second[32])


@st.composite
def measured(draw: st.DrawFn) -> tuple[ShardDistances, dict[int, Table]]:
    shape = (2, 3, SENTENCES)
    errors = {
        bits: draw(arrays(np.float64, (2, 3), elements=st.floats(0.01, 1))) for bits in (2, 3, 4)
    }

    def upgrades(depth: int, width: int) -> Upgrades:
        return Upgrades(
            lowest=draw(arrays(np.float64, SENTENCES, elements=DISTANCE)),
            upgraded=draw(arrays(np.float64, (depth, width, SENTENCES), elements=DISTANCE)),
        )

    distances = ShardDistances(
        whole=upgrades(2, 3),
        dropped=draw(arrays(np.float64, shape, elements=st.floats(0.01, 2))),
        small=upgrades(1, 2),
    )
    return distances, {**errors, 32: np.zeros((2, 3))}


@given(measured())
def test_gains_never_fall_with_bits(case: tuple[ShardDistances, dict[int, Table]]) -> None:
    gains = mean_gains(*case, presence=0.1)
    assert (gains[2] >= 0).all()
    for low, high in ((2, 3), (3, 4), (4, 32)):
        assert (gains[low] <= gains[high]).all()


@given(measured())
def test_all_gains_together_make_the_whole_distance(
    case: tuple[ShardDistances, dict[int, Table]],
) -> None:
    distances, errors = case
    gains = mean_gains(distances, errors, presence=0.1)
    assert float((gains[32] - gains[2]).sum()) == pytest.approx(
        distances.whole.lowest.mean(), abs=1e-9
    )
