from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import exhaustive
from builders import e1_json, e2_json
from instances import problem_of, tiny
from planner_api.optimizer.choice import ABSENT, evaluate
from planner_api.optimizer.search import solve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from planner_api.optimizer.choice import Choice, Evaluation
    from planner_api.optimizer.problem import Problem

SOME = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _never() -> bool:
    return False


def cost(evaluation: Evaluation) -> tuple[int, int]:
    """What decides between plans of one score: latency, then bytes."""
    return evaluation.latency_us, evaluation.read_bytes + evaluation.preload_bytes


def changed(problem: Problem, choice: Choice) -> Iterator[Choice]:
    """Every plan that differs in one shard: its bits, its place, or another slice instead."""
    states = list(product(range(len(problem.bits)), (False, True)))
    for layer, old in product(range(choice.pair.depth), range(problem.slices)):
        if choice.bits[layer, old] == ABSENT:
            continue
        for new, (bits, preload) in product(range(problem.slices), states):
            if new == old or choice.bits[layer, new] == ABSENT:
                made = replace(choice, bits=choice.bits.copy(), preload=choice.preload.copy())
                made.bits[layer, old], made.preload[layer, old] = ABSENT, False
                made.bits[layer, new], made.preload[layer, new] = bits, preload
                yield made


def exchanged(choice: Choice) -> Iterator[Choice]:
    """Every plan in which a shard of the preload buffer and one that streams change places."""
    places = list(np.argwhere(choice.chosen))
    for one, other in product(places, places):
        if choice.preload[*one] and not choice.preload[*other]:
            made = replace(choice, preload=choice.preload.copy())
            made.preload[*one], made.preload[*other] = False, True
            yield made


@SOME
@given(seed=st.integers(0, 2**32))
@example(seed=36)
@example(seed=76)
@example(seed=515)
def test_no_small_change_keeps_the_score_and_is_quicker_or_smaller(seed: int) -> None:
    problem = problem_of(tiny(seed))
    candidate = solve(problem, cancelled=_never, clock_expired=_never).candidate
    if candidate is None:
        return
    for choice in (*changed(problem, candidate.choice), *exchanged(candidate.choice)):
        found = evaluate(problem, choice)
        if found.feasible and found.objective == candidate.evaluation.objective:
            assert cost(found) >= cost(candidate.evaluation)


@pytest.mark.parametrize("case", [e1_json, e2_json])
@pytest.mark.parametrize("latency_us", [400, 700, 2000])
@pytest.mark.parametrize("preload_bytes", [0, 60, 640, 700, 1280])
@pytest.mark.parametrize("read_ahead_layers", [None, 0, 1])
def test_of_the_best_plans_of_a_reference_case_it_is_the_quickest_and_smallest(
    case: Callable[..., dict[str, Any]],
    latency_us: int,
    preload_bytes: int,
    read_ahead_layers: int | None,
) -> None:
    document = case(
        latency_us=latency_us, preload_bytes=preload_bytes, read_ahead_layers=read_ahead_layers
    )
    document["options"] = {"max_relative_gap": 0.0}
    candidate = solve(problem_of(document), cancelled=_never, clock_expired=_never).candidate
    assert candidate is not None
    assert cost(candidate.evaluation) == min(
        (plan.latency_us, sum(shard.size_bytes for layer in plan.layers for shard in layer))
        for plan in exhaustive.solve(document).best
    )


def test_a_buffer_that_the_score_has_no_use_for_makes_the_plan_quicker() -> None:
    """Both shards of E1's first layer stay at hand: nothing is waited for."""
    empty, roomy = (
        solve(
            problem_of(e1_json(latency_us=2000, preload_bytes=size)),
            cancelled=_never,
            clock_expired=_never,
        ).candidate
        for size in (0, 640)
    )
    assert empty is not None
    assert roomy is not None
    assert roomy.evaluation.objective == empty.evaluation.objective
    assert roomy.evaluation.preload_bytes == 640
    assert roomy.evaluation.latency_us == empty.evaluation.latency_us - 640
