"""The least values that would do, against exhaustive search."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

import exhaustive
from instances import problem_of, tiny
from planner_api.optimizer.questions.infeasibility import explain, least_need

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.sampled_from([1.0, 0.5, 0.2]))
@settings(deadline=None, max_examples=80)
def test_least_values_equal_exhaustive_search(seed: int, share_of_latency: float) -> None:
    document = tiny(seed)
    target = document["target"]
    target["latency_us"] = max(1, round(target["latency_us"] * share_of_latency))
    expected = exhaustive.solve(document)
    problem = problem_of(document)
    found = {q: least_need(problem, q).amount for q in ("latency", "preload", "memory")}
    assert found == {
        "latency": expected.least_latency_us,
        "preload": expected.least_preload_bytes,
        "memory": expected.least_memory_bytes,
    }


@given(seeds)
@settings(deadline=None, max_examples=40)
def test_the_least_latency_makes_the_request_feasible_and_one_less_does_not(seed: int) -> None:
    document = tiny(seed)
    latency_us = explain(problem_of(document)).least_latency_us
    if latency_us is None:
        return
    document["target"]["latency_us"] = latency_us
    assert exhaustive.solve(document).feasible
    document["target"]["latency_us"] = latency_us - 1
    assert latency_us == 1 or not exhaustive.solve(document).feasible
