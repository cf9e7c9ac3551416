"""Bounds of the optimiser at random prices: true, and the same as the verifier's."""

from __future__ import annotations

import math
import random
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

import exhaustive
from instances import problem_of, tiny
from planner_api.optimizer.bounding.bounds import may_hold_plans, unit_of, upper_bounds
from planner_api.optimizer.bounding.multipliers import Multipliers, flows_are_valid, for_depth
from planner_api.optimizer.bounding.relaxation import pair_model
from planner_api.optimizer.bounding.tables import tables_of
from planner_api.verify.bounds import lagrangian_bound
from priced_paths import multipliers as on_paths
from priced_paths import random_prices
from responses import numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plan_contracts import PairBound
    from planner_api.optimizer.problem import Pair, Problem

SEEDS = range(60)


@cache
def _optima(seed: int) -> dict[tuple[int, int], float]:
    return exhaustive.solve(tiny(seed)).by_pair


def _priced(seed: int) -> Iterator[tuple[Problem, Pair, PairBound, Multipliers]]:
    """Pairs that may hold plans, random prices as a certificate has them, and as gains."""
    document, source = tiny(seed), random.Random(seed)  # noqa: S311 - seeded on purpose, no secret
    problem = problem_of(document)
    live = may_hold_plans(problem, tables_of(problem))
    for pair in problem.pairs:
        if live[pair.depth - 1, pair.width - 1]:
            stated = on_paths(document, *pair, random_prices(document, pair.depth, source))
            stated = stated.model_copy(update={"decode": source.choice((None, source.random()))})
            yield problem, pair, stated, _as_gains(problem, pair, stated)


def _as_gains(problem: Problem, pair: Pair, stated: PairBound) -> Multipliers:
    own = Multipliers(
        path=np.array(stated.path),
        buffer=None if stated.buffer is None else np.array(stated.buffer),
        memory=None if stated.memory is None else np.array(stated.memory),
        preload=stated.preload,
        decode=stated.decode or 0.0,
    )
    return own.scaled(1 / unit_of(problem, pair))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_plan_scores_more_than_its_pair_s_bound_at_any_prices(seed: int) -> None:
    for problem, pair, _, prices in _priced(seed):
        bound = upper_bounds(problem, tables_of(problem), prices)[pair.width - 1]
        best = _optima(seed).get((pair.depth, pair.width), -math.inf)
        assert bound >= best - 1e-9 * max(1.0, abs(bound))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_verifier_computes_the_same_bound(seed: int) -> None:
    known = numbers(tiny(seed))
    for problem, pair, stated, prices in _priced(seed):
        bound = upper_bounds(problem, tables_of(problem), prices)[pair.width - 1]
        assert lagrangian_bound(known, stated) == pytest.approx(bound, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_relaxation_of_one_pair_has_the_same_bound(seed: int) -> None:
    for problem, pair, _, prices in _priced(seed):
        model = pair_model(problem, tables_of(problem), pair)
        value, _ = model.relax(prices)
        bound = upper_bounds(problem, tables_of(problem), prices)[pair.width - 1]
        own = problem.pair_base(pair) + model.unit * value
        assert own == pytest.approx(bound, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_prices_moved_to_another_depth_are_flows_too(seed: int) -> None:
    for problem, _, _, prices in _priced(seed):
        for depth in range(1, problem.layers + 1):
            assert flows_are_valid(problem, for_depth(problem, prices, depth))
