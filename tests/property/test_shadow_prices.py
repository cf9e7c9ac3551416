"""Prices of a pair's best mix: no other latency or preload buffer gains more than they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from builders import e1_json, e2_json
from instances import problem_of
from planner_api.optimizer.bounding.columns import refine
from planner_api.optimizer.bounding.relaxation import pair_model
from planner_api.optimizer.bounding.shadow_prices import shadow_prices
from planner_api.optimizer.bounding.tables import tables_of
from planner_api.optimizer.problem import Pair
from planner_api.optimizer.search import solve

if TYPE_CHECKING:
    from collections.abc import Callable

    from plan_contracts import ShadowPrices

PAIRS = ((1, 1), (1, 2), (2, 1), (2, 2))
CASES = ((e1_json, 270, 0), (e2_json, 260, 60))


def _best_mix(
    case: Callable[..., dict[str, Any]], pair: tuple[int, int], **target: int
) -> tuple[float, ShadowPrices]:
    problem = problem_of(case(**target))
    model = pair_model(problem, tables_of(problem), Pair(*pair))
    refined = refine(model, model.free(), enough=-np.inf, tolerance=1e-10)
    return model.unit * refined.bound, shadow_prices(model, refined.multipliers)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(("case", "latency_us", "preload_bytes"), CASES)
def test_other_latencies_gain_at_most_the_price(
    case: Callable[..., dict[str, Any]], latency_us: int, preload_bytes: int, pair: tuple[int, int]
) -> None:
    here, prices = _best_mix(case, pair, latency_us=latency_us, preload_bytes=preload_bytes)
    for other in (latency_us - 5, latency_us + 1, latency_us + 20):
        there, _ = _best_mix(case, pair, latency_us=other, preload_bytes=preload_bytes)
        worth = prices.score_per_ms / 1000 * (other - latency_us)
        assert there <= here + worth + 1e-6


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(("case", "latency_us", "preload_bytes"), CASES)
def test_larger_buffers_gain_at_most_the_price(
    case: Callable[..., dict[str, Any]], latency_us: int, preload_bytes: int, pair: tuple[int, int]
) -> None:
    here, prices = _best_mix(case, pair, latency_us=latency_us, preload_bytes=preload_bytes)
    for other in (preload_bytes + 1, preload_bytes + 30):
        there, _ = _best_mix(case, pair, latency_us=latency_us, preload_bytes=other)
        worth = prices.score_per_kib_preload / 1024 * (other - preload_bytes)
        assert there <= here + worth + 1e-6


def test_every_plan_comes_with_prices() -> None:
    found = solve(problem_of(e1_json()), cancelled=lambda: False, clock_expired=lambda: False)
    assert found.shadow_prices is not None
    assert found.shadow_prices.score_per_ms > 0


def test_without_a_plan_there_are_no_prices() -> None:
    problem = problem_of(e1_json(latency_us=79))
    found = solve(problem, cancelled=lambda: False, clock_expired=lambda: False)
    assert found.shadow_prices is None
