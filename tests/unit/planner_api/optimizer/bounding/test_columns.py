from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from builders import e1_json, e2_json
from instances import problem_of
from planner_api.optimizer.bounding.columns import refine
from planner_api.optimizer.bounding.relaxation import pair_model
from planner_api.optimizer.bounding.screening import reading_only
from planner_api.optimizer.bounding.tables import tables_of
from planner_api.optimizer.problem import Pair

if TYPE_CHECKING:
    from collections.abc import Callable


def _linear_bound(document: dict[str, Any], pair: tuple[int, int]) -> float:
    problem = problem_of(document)
    model = pair_model(problem, tables_of(problem), Pair(*pair))
    refined = refine(model, model.free(), enough=float("-inf"), tolerance=1e-12)
    return problem.pair_base(model.pair) + model.unit * refined.bound


@pytest.mark.parametrize(
    ("case", "pair", "bound"),
    [
        (e1_json, (1, 1), 55.1538),
        (e1_json, (1, 2), 71.3846),
        (e1_json, (2, 1), 98.3846),
        (e1_json, (2, 2), 116.0),
        (e2_json, (1, 1), 63.261),
        (e2_json, (1, 2), 79.0195),
        (e2_json, (2, 1), 91.4904),
        (e2_json, (2, 2), 120.0615),
    ],
)
def test_linear_bound_of_the_reference_cases(
    case: Callable[..., dict[str, Any]], pair: tuple[int, int], bound: float
) -> None:
    assert _linear_bound(case(), pair) == pytest.approx(bound, abs=1e-3)


def test_linear_bound_without_read_ahead() -> None:
    assert _linear_bound(e1_json(read_ahead_layers=0), (2, 1)) == pytest.approx(97.46, abs=5e-3)


@pytest.mark.parametrize("read_ahead", [None, 0, 1])
def test_memory_is_priced_whatever_the_prices_started_from(read_ahead: int | None) -> None:
    problem = problem_of(e1_json(memory_bytes=130, read_ahead_layers=read_ahead))
    tables = tables_of(problem)
    model = pair_model(problem, tables, Pair(2, 1))
    bounds = [
        refine(model, start, enough=float("-inf"), tolerance=1e-12).bound
        for start in (model.free(), reading_only(problem, tables, 2, 0.05))
    ]
    assert bounds[1] == pytest.approx(bounds[0], rel=1e-9)


def test_a_pair_without_plans_is_ruled_out() -> None:
    assert _linear_bound(e1_json(read_ahead_layers=0), (2, 2)) < 70


def test_a_bound_that_is_enough_ends_the_search_for_a_better_one() -> None:
    problem = problem_of(e1_json())
    model = pair_model(problem, tables_of(problem), Pair(2, 2))
    refined = refine(model, model.free(), enough=1000.0, tolerance=0.0)
    assert len(refined.columns) == 1
