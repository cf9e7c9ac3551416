from __future__ import annotations

import numpy as np

from builders import e1_json, e2_json
from instances import problem_of
from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.policies import full, uniform
from planner_api.optimizer.policies.uniform import bottom_up, uniform_choice
from planner_api.optimizer.problem import Pair


def test_the_best_uniform_plan_of_e2_is_2_by_2_at_3_bit() -> None:
    found = uniform(problem_of(e2_json()))
    assert found.choice.pair == Pair(2, 2)
    assert found.evaluation.objective == 94


def test_slices_are_those_base_is_measured_on() -> None:
    choice = uniform_choice(problem_of(e1_json()), Pair(2, 1), 0)
    assert choice.chosen.tolist() == [[False, True], [True, False]]


def test_preload_stops_at_the_first_shard_that_does_not_fit() -> None:
    sizes = np.array([[30, 50], [10, 10]])
    assert bottom_up(sizes, 45).tolist() == [[True, False], [False, False]]


def test_a_shard_that_fits_exactly_is_preloaded() -> None:
    assert bottom_up(np.array([[30, 50], [10, 10]]), 80).tolist() == [[True, True], [False, False]]


def test_without_a_feasible_plan_the_fastest_is_returned() -> None:
    found = uniform(problem_of(e1_json(latency_us=10))).evaluation
    assert (found.feasible, found.latency_us) == (False, 80)


def test_a_pin_at_one_bitwidth_leaves_only_that_uniform_plan() -> None:
    pin = {"layer": 0, "slice": 1, "bits": 4}
    problem = problem_of({**e1_json(), "options": {"pins": [pin]}})
    found = uniform(problem)
    assert found.evaluation.feasible
    assert set(found.choice.bits[found.choice.chosen].tolist()) == {2}


def test_uniform_is_the_best_of_the_plans_it_chooses_from() -> None:
    problem = problem_of(e2_json(read_ahead_layers=0))
    choices = [uniform_choice(problem, p, b) for p in problem.pairs for b in range(6)]
    plans = [evaluate(problem, choice) for choice in choices]
    best = max(plan.objective for plan in plans if plan.feasible)
    assert uniform(problem).evaluation.objective == best


def test_full_is_the_whole_model_at_the_highest_bitwidth() -> None:
    found = full(problem_of(e1_json()))
    assert found is not None
    assert (found.evaluation.objective, found.evaluation.feasible) == (134, False)


def test_full_has_no_plan_where_its_width_has_no_compute_time() -> None:
    document = e1_json()
    document["device"]["compute"][0]["layer_us"] = {"1": 60}
    assert full(problem_of(document)) is None
