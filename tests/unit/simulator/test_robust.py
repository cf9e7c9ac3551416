"""Statistics that a few wild values do not move."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.robust import line, outliers, spread


def test_the_spread_of_normal_values_is_their_standard_deviation() -> None:
    values = np.random.default_rng(0).normal(5.0, 2.0, 20_000)
    assert spread(values.tolist()) == pytest.approx(2.0, rel=0.02)


def test_a_wild_value_does_not_move_the_spread() -> None:
    assert spread([1, 2, 3, 4, 5, 6, 1e9]) == pytest.approx(spread([1, 2, 3, 4, 5, 6, 7]))


def test_no_value_has_no_spread() -> None:
    assert spread([]) == 0


def test_an_outlier_is_named_with_its_multiple_of_the_median() -> None:
    assert outliers({"a": 1.0, "b": 1.01, "c": 0.99, "d": 3.0}) == {
        "d": pytest.approx(2.985, abs=1e-3)
    }


def test_values_far_below_are_outliers_too() -> None:
    assert list(outliers({"a": 1.0, "b": 1.01, "c": 0.99, "d": 0.2})) == ["d"]


def test_values_within_a_twentieth_are_no_outliers_however_alike_the_others_are() -> None:
    assert outliers({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.04}) == {}


def test_of_nothing_nothing_is_an_outlier() -> None:
    assert outliers({}) == {}


def test_a_line_is_found_through_points_on_it() -> None:
    assert line([(1, 7), (2, 9), (5, 15)]) == (2, 5)


def test_a_wild_point_does_not_move_the_line() -> None:
    points = [(x, 2 * x + 5) for x in range(1, 10)]
    assert line([*points, (5.5, 900)]) == (2, 5)


def test_points_far_apart_say_more_about_the_slope() -> None:
    assert line([(0, 0), (100, 100), (100.1, 105)])[0] == pytest.approx(1.0, abs=0.05)
