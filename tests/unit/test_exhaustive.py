"""The oracle itself, against counts and optima worked out apart (PLANNING, reference cases)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import exhaustive
from builders import e1_json, e2_json

if TYPE_CHECKING:
    from collections.abc import Callable


def test_e1_has_2_optima_of_370_feasible_plans() -> None:
    answer = exhaustive.solve(e1_json())
    assert (answer.optimum, answer.optima, answer.feasible) == (116, 2, 370)


def test_e1_optima_by_pair() -> None:
    found = exhaustive.solve(e1_json()).by_pair
    assert found == {(1, 1): 54, (1, 2): 71, (2, 1): 97, (2, 2): 116}


def test_e2_has_5_optima_of_1289_feasible_plans() -> None:
    answer = exhaustive.solve(e2_json())
    assert (answer.optimum, answer.optima, answer.feasible) == (118, 5, 1289)


def test_e2_optima_by_pair() -> None:
    found = exhaustive.solve(e2_json()).by_pair
    assert found == {(1, 1): 61, (1, 2): 78, (2, 1): 90, (2, 2): 118}


@pytest.mark.parametrize(
    ("case", "read_ahead", "optimum"),
    [(e1_json, 0, 97), (e1_json, 1, 116), (e2_json, 0, 90), (e2_json, 1, 118)],
)
def test_optimum_under_a_read_ahead_limit(
    case: Callable[..., dict[str, Any]], read_ahead: int, optimum: float
) -> None:
    assert exhaustive.solve(case(read_ahead_layers=read_ahead)).optimum == optimum


def test_an_impossible_deadline_leaves_no_plan_and_its_least_latency() -> None:
    answer = exhaustive.solve(e1_json(latency_us=79))
    assert (answer.optimum, answer.least_latency_us) == (None, 80)
