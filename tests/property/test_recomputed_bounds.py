"""Bounds from multipliers against prices on whole paths, and against exhaustive search."""

from __future__ import annotations

import math
import random
from functools import cache
from typing import TYPE_CHECKING

import pytest

import exhaustive
from instances import tiny
from planner_api.verify.bounds import (
    holds_no_plan,
    lagrangian_bound,
    most_decode_us,
    table_bounds,
    wrong_multipliers,
)
from planner_api.verify.exhaustion import best_score
from priced_paths import multipliers, random_prices
from responses import numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plan_contracts import PairBound
    from planner_api.verify.documents import Numbers

SEEDS = range(70)


@cache
def optima_of(seed: int) -> dict[tuple[int, int], float]:
    """The best score of each pair that has a plan, by exhaustive search."""
    return exhaustive.solve(tiny(seed)).by_pair


def priced_pairs(seed: int) -> Iterator[tuple[Numbers, PairBound, float]]:
    """Every pair that may hold plans at random prices, and the best score of its plans."""
    document = tiny(seed)
    source = random.Random(seed)  # noqa: S311 - seeded on purpose, no secret
    known = numbers(document)
    for depth, width in sorted(known.pairs):
        if not holds_no_plan(known, depth, width):
            priced = random_prices(document, depth, source)
            stated = multipliers(document, depth, width, priced)
            yield known, stated, optima_of(seed).get((depth, width), -math.inf)


@pytest.mark.parametrize("seed", SEEDS)
def test_flows_and_windows_give_the_bound_of_their_paths(seed: int) -> None:
    for known, stated, _ in priced_pairs(seed):
        assert list(wrong_multipliers(known, stated)) == []
        assert lagrangian_bound(known, stated) == pytest.approx(stated.upper_bound, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_plan_scores_more_than_a_bound_of_any_prices(seed: int) -> None:
    for known, stated, optimum in priced_pairs(seed):
        assert lagrangian_bound(known, stated) >= optimum - 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_table_bounds_hold_for_every_plan(seed: int) -> None:
    table = table_bounds(numbers(tiny(seed)))
    above = [pair for pair, best in optima_of(seed).items() if best > table[pair] + 1e-9]
    assert above == []


@pytest.mark.parametrize("seed", SEEDS)
def test_pairs_said_to_be_empty_hold_no_plan(seed: int) -> None:
    known = numbers(tiny(seed))
    holding = optima_of(seed)
    assert [p for p in holding if p not in known.pairs or holds_no_plan(known, *p)] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_plans_gone_through_one_by_one_hold_the_optimum_at_any_prices(seed: int) -> None:
    for known, stated, optimum in priced_pairs(seed):
        below = optimum - 0.0625 if math.isfinite(optimum) else -1e3
        found = best_score(known, stated, above=below)
        assert found == pytest.approx(max(optimum, below), abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_found_above_the_optimum(seed: int) -> None:
    for known, stated, optimum in priced_pairs(seed):
        if math.isfinite(optimum):
            assert best_score(known, stated, above=optimum + 1e-6) == optimum + 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_no_plan_in_time_decodes_for_longer_than_is_credited(seed: int) -> None:
    document = tiny(seed)
    known, target = numbers(document), document["target"]
    for plan in exhaustive.outcomes(document):
        fits_buffer = plan.preload_bytes <= target["preload_bytes"]
        if plan.latency_us <= target["latency_us"] and fits_buffer:
            decode_us = sum(shard.decode_us for layer in plan.layers for shard in layer)
            assert decode_us <= most_decode_us(known, plan.depth, plan.width)
