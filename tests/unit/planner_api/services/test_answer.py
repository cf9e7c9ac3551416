from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from builders import device, e1_json, e2_json, importance, model, request
from instances import midsize, problem_of
from planner_api.optimizer.problem import PlanInputs
from planner_api.optimizer.questions.infeasibility import explain
from planner_api.services.answer import agrees, answer

if TYPE_CHECKING:
    from plan_contracts import PlanResponse


def inputs_of(document: dict[str, Any]) -> PlanInputs:
    asked = request(document)
    manifest = model(document["model"])
    table = importance(document["importance"])
    return PlanInputs(
        device=device(document["device"]),
        model=manifest,
        importance=table.bound_to(manifest),
        target=asked.target,
        options=asked.options,
    )


def answered(document: dict[str, Any]) -> PlanResponse:
    return answer(inputs_of(document)).response


@pytest.mark.parametrize(("case", "score"), [(e1_json(), 116.0), (e2_json(), 118.0)])
def test_reference_cases(case: dict[str, Any], score: float) -> None:
    response = answered(case)
    assert response.status == "optimal"
    assert response.certificate is not None
    assert response.certificate.objective == score
    assert response.certificate.relative_gap <= 0.001


@pytest.mark.parametrize(("read_ahead", "score"), [(0, 97.0), (1, 116.0)])
def test_reference_case_e1_with_read_ahead(read_ahead: int, score: float) -> None:
    response = answered(e1_json(read_ahead_layers=read_ahead))
    assert response.plan is not None
    assert response.plan.predicted.objective == score


def test_equal_inputs_give_equal_answers() -> None:
    assert answered(e2_json()).to_json() == answered(e2_json()).to_json()


def test_the_plan_is_sealed_and_says_what_it_was_made_of() -> None:
    inputs = inputs_of(e1_json())
    plan = answer(inputs).response.plan
    assert plan is not None
    assert plan.id == plan.computed_id()
    assert plan.model_digest == inputs.model.digest
    assert plan.importance_digest == inputs.importance.digest


def test_every_allowed_pair_has_a_bound() -> None:
    certificate = answered(e1_json()).certificate
    assert certificate is not None
    pairs = [(bound.depth, bound.width) for bound in certificate.bounds]
    assert sorted(pairs) == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_a_policy_is_as_good_as_its_bound_proves() -> None:
    response = answered({**e1_json(), "options": {"policy": "uniform"}})
    assert response.status == "feasible"
    assert response.certificate is not None
    assert response.certificate.objective == 97.0
    assert response.certificate.upper_bound >= 116.0


def test_an_infeasible_policy_is_told_what_its_own_plan_needs() -> None:
    response = answered({**e1_json(), "options": {"policy": "full"}})
    assert response.status == "infeasible"
    assert response.infeasibility is not None
    assert response.infeasibility.least_latency_us == 1380
    assert response.infeasibility.message.startswith("policy full: ")


def test_infeasible_says_what_would_do() -> None:
    response = answered(e1_json(latency_us=30))
    assert (response.status, response.plan, response.simulation) == ("infeasible", None, None)
    assert response.infeasibility is not None
    assert response.infeasibility.least_latency_us == 80


def test_a_clock_that_ends_the_search_makes_nothing_infeasible() -> None:
    document = midsize(6, layers=12, slices=12)
    document["target"]["preload_bytes"] = 300
    least = explain(problem_of(document)).least_latency_us
    document["target"]["latency_us"] = least
    document["options"]["time_limit_ms"] = 1
    response = answer(problem_of(document).inputs).response
    assert response.plan is not None
    assert response.plan.predicted.latency_us == least


def test_skipped_widths_are_named() -> None:
    document = e1_json()
    document["device"]["compute"][0]["layer_us"] = {"1": 60}
    assert answered(document).skipped_widths == (2,)


@pytest.mark.parametrize(
    ("queue_depth", "simulated_us", "agreed"),
    [(1, 270, True), (1, 269, False), (1, 271, False), (2, 269, True), (2, 271, False)],
)
def test_the_simulator_has_the_last_word(queue_depth: int, simulated_us: int, agreed: bool) -> None:  # noqa: FBT001 - an expected value
    response = answered(e1_json())
    assert response.plan is not None
    assert response.simulation is not None
    simulation = response.simulation.model_copy(update={"latency_us": simulated_us})
    assert agrees(response.plan, simulation, queue_depth) == agreed


def test_the_simulator_may_not_need_more_memory() -> None:
    response = answered(e1_json())
    assert response.plan is not None
    assert response.simulation is not None
    more = response.simulation.peak_memory_bytes + 1
    simulation = response.simulation.model_copy(update={"peak_memory_bytes": more})
    assert not agrees(response.plan, simulation, 1)
