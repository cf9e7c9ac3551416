from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy.paired import Interval, beyond_noise, bootstrap, mcnemar


def flags(text: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([mark == "1" for mark in text])


def test_equal_planners_are_equal_for_sure() -> None:
    assert mcnemar(flags("1101"), flags("1101")) == 1.0


def test_one_sided_differences_are_tosses_of_a_coin() -> None:
    """Six texts only ours got right, none only theirs: 2 of 2^6 outcomes are as uneven."""
    assert mcnemar(flags("111111"), flags("000000")) == pytest.approx(2 / 2**6)


def test_texts_that_both_got_right_or_wrong_do_not_count() -> None:
    alone = mcnemar(flags("110"), flags("001"))
    assert mcnemar(flags("1101111000"), flags("0011111000")) == alone == pytest.approx(1.0)


def test_the_test_does_not_depend_on_the_side() -> None:
    one, other = flags("11110000"), flags("00001000")
    assert mcnemar(one, other) == mcnemar(other, one)


def test_the_mean_of_equal_values_is_sure() -> None:
    assert bootstrap(np.full((2, 50), 0.25)) == pytest.approx((0.25, 0.25, 0.25))


def test_an_interval_over_texts_is_about_two_standard_errors_wide() -> None:
    values = np.random.default_rng(3).normal(1.0, 2.0, size=(1, 400))
    found = bootstrap(values)
    error = values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_models_that_differ_widen_it() -> None:
    values = np.random.default_rng(3).normal(0.0, 1.0, size=(3, 100))
    apart = values + np.array([[-1.0], [0.0], [1.0]])
    narrow, wide = bootstrap(values), bootstrap(apart)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_intervals_are_the_same_every_time() -> None:
    values = np.random.default_rng(3).normal(size=(2, 30))
    assert bootstrap(values) == bootstrap(values)


def test_a_mean_at_the_end_of_its_interval_from_0_has_a_chance_of_1_in_20() -> None:
    assert Interval(1.0, 0.0, 2.0).chance == pytest.approx(0.05, abs=1e-4)
    assert Interval(-2.0, -3.0, -1.0).chance < 0.001


def test_a_sure_mean_is_by_chance_only_if_it_is_0() -> None:
    assert (Interval(0.0, 0.0, 0.0).chance, Interval(0.1, 0.1, 0.1).chance) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("chances", "found"),
    [
        ([0.04], [True]),
        ([0.04, 0.9], [False, False]),
        ([0.04, 0.02], [True, True]),
        ([0.9, 0.001, 0.03, 0.02], [False, True, False, False]),
        ([], []),
    ],
)
def test_the_more_comparisons_the_less_likely_a_difference_must_be(
    chances: list[float], found: list[bool]
) -> None:
    assert beyond_noise(chances) == found
