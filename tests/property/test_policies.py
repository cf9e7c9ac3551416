"""Laws of the baselines on random tiny requests, against their slow definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exhaustive
import slow_policies
from instances import problem_of, tiny
from planner_api.optimizer.policies import BASELINES, run_policy, sti_deepest, sti_largest, uniform
from planner_api.optimizer.policies.sti import io_slack

if TYPE_CHECKING:
    from exhaustive import Outcome
    from planner_api.optimizer.solution import Candidate

seeds = st.integers(0, 2**32 - 1)


def _shape(outcome: Outcome) -> list[list[tuple[int, int, bool]]]:
    return [[(s.slice, s.bits, s.preload) for s in layer] for layer in outcome.layers]


def _shape_of(candidate: Candidate, bits: tuple[int, ...]) -> list[list[tuple[int, int, bool]]]:
    choice = candidate.choice
    return [
        [(h, bits[b], bool(choice.preload[layer, h])) for h, b in enumerate(row) if b >= 0]
        for layer, row in enumerate(choice.bits.tolist())
    ]


@given(seeds)
@settings(deadline=None)
def test_uniform_is_the_best_feasible_uniform_plan(seed: int) -> None:
    document = tiny(seed)
    expected = slow_policies.uniform(document)
    found = uniform(problem_of(document)).evaluation
    if expected is None:
        assert not found.feasible
    else:
        assert found.feasible
        assert (found.objective, found.latency_us) == pytest.approx(
            (expected.score, expected.latency_us), rel=1e-12
        )


@given(seeds, st.booleans())
@settings(deadline=None)
def test_sti_is_what_its_definition_gives(seed: int, deepest: bool) -> None:  # noqa: FBT001 - drawn
    document = tiny(seed)
    expected = slow_policies.sti(document, deepest=deepest)
    problem = problem_of(document)
    found = sti_deepest(problem) if deepest else sti_largest(problem)
    if expected is None or found is None:
        assert expected is None
        assert found is None
    else:
        assert _shape_of(found, problem.bits) == _shape(expected)
        assert found.evaluation.feasible == slow_policies.feasible(document, expected)


@given(seeds)
@settings(deadline=None, max_examples=50)
def test_no_feasible_baseline_beats_the_optimum(seed: int) -> None:
    document = tiny(seed)
    problem = problem_of(document)
    optimum = exhaustive.solve(document).optimum
    for policy in BASELINES:
        candidate = run_policy(problem, policy)
        if candidate is not None and candidate.evaluation.feasible:
            assert optimum is not None
            assert candidate.evaluation.objective <= optimum + 1e-9


@given(seeds)
@settings(deadline=None)
def test_no_negative_io_slack_is_no_stall(seed: int) -> None:
    document = tiny(seed)
    document["target"]["read_ahead_layers"] = None
    problem = problem_of(document)
    choice = uniform(problem).choice
    layers = uniform(problem).evaluation.layers
    busy = sum(layer.compute_end_us - layer.compute_start_us for layer in layers)
    assert (io_slack(problem, choice).min() >= 0) == (layers[-1].compute_end_us == busy)
