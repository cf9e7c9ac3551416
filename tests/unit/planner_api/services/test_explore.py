from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from builders import e1_json, e2_json
from plan_contracts import ContractError
from planner_api.errors import InvalidRequestError
from planner_api.services.answer import answer
from planner_api.services.explore import (
    ExploredAnswer,
    ExploredFrontier,
    ExploreRequest,
    explore,
    prepare,
)
from service import registry_in
from simulator import monte_carlo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from planner_api.services.explore import Exploration, Explored

LIMITS = {"latencies_us": [150, 270, 400], "preload_bytes": [0, 60]}


def jittery(document: dict[str, Any], sigma: float = 0.2, **target: object) -> dict[str, Any]:
    """The same request on a device whose flash is sometimes slow."""
    storage = {**document["device"]["storage"], "jitter": {"bandwidth_sigma": sigma}}
    device = {**document["device"], "storage": storage}
    return {**document, "device": device, "target": {**document["target"], **target}}


def ticking(step_us: int) -> Callable[[], int]:
    """A clock on which every look takes this long."""
    times = count(0, step_us)
    return lambda: next(times)


def told(
    folder: Path,
    request: dict[str, Any],
    *,
    step_us: int = 1_000_000,
    leave_after: int | None = None,
    **fields: object,
) -> list[Explored]:
    """Everything that somebody is told who leaves after so many answers."""
    answers: list[Explored] = []
    body = json.dumps({"request": request, **fields}).encode()
    with registry_in(folder) as kept:
        exploration = prepare(kept, body, clock_us=ticking(step_us))
        explore(
            exploration,
            kept,
            tell=answers.append,
            cancelled=lambda: leave_after is not None and len(answers) >= leave_after,
        )
    return answers


def answers_of(explored: list[Explored]) -> list[ExploredAnswer]:
    return [one for one in explored if isinstance(one, ExploredAnswer)]


def test_the_last_answer_alone_is_final(tmp_path: Path) -> None:
    finals = [one.final for one in told(tmp_path, e1_json())]
    assert finals == [False] * (len(finals) - 1) + [True]


def test_scores_rise_and_bounds_fall(tmp_path: Path) -> None:
    responses = [one.response for one in answers_of(told(tmp_path, e2_json()))]
    certificates = [r.certificate for r in responses if r and r.certificate]
    objectives = [c.objective for c in certificates]
    bounds = [c.upper_bound for c in certificates]
    assert objectives == sorted(objectives)
    assert bounds == sorted(bounds, reverse=True)


def test_on_a_slow_clock_every_step_is_told_and_on_a_quick_one_the_first(tmp_path: Path) -> None:
    assert len(told(tmp_path, e2_json())) > len(told(tmp_path, e2_json(), step_us=0)) == 2


def test_the_final_response_is_the_answer_of_the_request(tmp_path: Path) -> None:
    final = answers_of(told(tmp_path, e2_json()))[-1]
    assert final.response == answer(_prepared(tmp_path, e2_json()).resolved.inputs).response


def test_who_leaves_is_told_nothing_more(tmp_path: Path) -> None:
    assert [one.final for one in told(tmp_path, e2_json(), leave_after=1)] == [False]


def test_nothing_is_stored_for_who_leaves(tmp_path: Path) -> None:
    told(tmp_path, e2_json(), leave_after=1, store=True)
    with registry_in(tmp_path) as kept, kept.reading() as records:
        assert list(records.plans.newest(before=None, limit=1)) == []


def test_a_frontier_ends_when_somebody_leaves(tmp_path: Path) -> None:
    explored = told(tmp_path, e1_json(), leave_after=1, frontier=LIMITS)
    assert [one.final for one in explored] == [False]


def test_every_point_of_a_frontier_is_told(tmp_path: Path) -> None:
    final = told(tmp_path, e1_json(), frontier=LIMITS)[-1]
    assert isinstance(final, ExploredFrontier)
    places = [(point.latency_us, point.preload_bytes) for point in final.points]
    assert places == [(t, s) for t in LIMITS["latencies_us"] for s in LIMITS["preload_bytes"]]


def test_an_infeasible_request_begins_with_no_response(tmp_path: Path) -> None:
    first, last = answers_of(told(tmp_path, e1_json(latency_us=30), step_us=0))
    assert (first.response, first.trace, first.memory) == (None, None, None)
    assert last.response is not None
    assert last.response.status == "infeasible"


def test_the_histogram_holds_the_runs_of_the_response(tmp_path: Path) -> None:
    request = jittery(e1_json(latency_us=400))
    final = answers_of(told(tmp_path, request))[-1]
    assert final.response is not None
    assert final.response.plan is not None
    assert final.latencies_us is not None
    inputs = _prepared(tmp_path, request).resolved.inputs
    latencies = monte_carlo(final.response.plan, inputs.device, inputs.model, runs=1000, seed=0)
    counts, _ = np.histogram(latencies, bins=np.array(final.latencies_us.edges_us) - 0.5)
    assert counts.tolist() == list(final.latencies_us.counts)
    assert sum(final.latencies_us.counts) == 1000


def test_memory_peaks_where_the_plan_says(tmp_path: Path) -> None:
    final = answers_of(told(tmp_path, e2_json()))[-1]
    assert final.response is not None
    assert final.response.plan is not None
    assert final.memory is not None
    assert max(level for _, level in final.memory) == (
        final.response.plan.predicted.peak_memory_bytes
    )


def test_a_quantile_begins_with_a_plan_that_keeps_to_it(tmp_path: Path) -> None:
    request = jittery(e1_json(), sigma=0.1, latency_us=400, latency_quantile=0.9)
    first = answers_of(told(tmp_path, request))[0]
    assert first.response is not None
    assert first.response.plan is not None
    inputs = _prepared(tmp_path, request).resolved.inputs
    latencies = monte_carlo(first.response.plan, inputs.device, inputs.model, runs=2000, seed=1)
    assert np.mean(latencies <= 400) >= 0.9


def test_plans_for_a_quantile_get_better(tmp_path: Path) -> None:
    request = jittery(e2_json(), sigma=0.1, latency_us=330, latency_quantile=0.9)
    responses = [one.response for one in answers_of(told(tmp_path, request))]
    objectives = [r.certificate.objective for r in responses if r and r.certificate]
    assert len(objectives) > 2
    assert objectives == sorted(objectives)


def test_time_is_told_by_what_it_went_to(tmp_path: Path) -> None:
    final = answers_of(told(tmp_path, e1_json(), step_us=1000))[-1]
    spent = final.elapsed_us
    assert (spent.prepare, spent.solve > 0, spent.simulate > 0) == (1000, True, True)


def test_a_frontier_is_not_stored() -> None:
    with pytest.raises(ContractError, match="store must be false beside a frontier"):
        ExploreRequest.from_json(
            json.dumps({"request": e1_json(), "frontier": LIMITS, "store": True})
        )


def test_a_frontier_has_no_quantile(tmp_path: Path) -> None:
    request = jittery(e1_json(), latency_quantile=0.9)
    with pytest.raises(InvalidRequestError, match="must be null for a frontier"):
        told(tmp_path, request, frontier=LIMITS)


def _prepared(folder: Path, request: dict[str, Any]) -> Exploration:
    with registry_in(folder) as kept:
        return prepare(kept, json.dumps({"request": request}).encode(), clock_us=ticking(1))
