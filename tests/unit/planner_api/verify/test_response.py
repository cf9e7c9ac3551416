"""A response's parts against one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import e1_json
from planner_api.verify.checks import verify
from responses import documents_of, response_to

if TYPE_CHECKING:
    from plan_contracts import PlanResponse
    from responses import Json

INFEASIBLE = e1_json(latency_us=50)


def found_in(document: Json, response: PlanResponse) -> list[str]:
    return [finding.message for finding in verify(documents_of(document), response)]


def changed(document: Json, part: str, **fields: object) -> PlanResponse:
    """The response to a request with other fields in one part of it."""
    response = response_to(document)
    other = getattr(response, part).model_copy(update=fields)
    return response.model_copy(update={part: other})


def test_infeasible_is_an_answer_too() -> None:
    assert found_in(INFEASIBLE, response_to(INFEASIBLE)) == []


def test_an_infeasible_response_has_no_certificate() -> None:
    certificate = response_to(e1_json()).certificate
    response = response_to(INFEASIBLE).model_copy(update={"certificate": certificate})
    assert found_in(INFEASIBLE, response)[0] == (
        "a response of status infeasible must have no certificate"
    )


def test_what_is_said_to_be_needed_is_more_than_there_is() -> None:
    response = changed(INFEASIBLE, "infeasibility", least_latency_us=50)
    assert found_in(INFEASIBLE, response) == [
        "infeasibility.least_latency_us must be more than the 50 that is not enough"
    ]


def test_an_infeasible_response_names_no_feasible_baseline() -> None:
    document = e1_json()
    feasible = response_to(document)
    response = response_to(INFEASIBLE).model_copy(update={"baselines": feasible.baselines[:1]})
    assert "nothing is feasible, so baseline uniform must not be" in found_in(document, response)


def test_a_plan_is_optimal_just_if_its_gap_is_small_enough() -> None:
    response = response_to(e1_json()).model_copy(update={"status": "feasible"})
    assert found_in(e1_json(), response) == [
        "status must be optimal at a gap of 0.0, at most 0.001, got feasible"
    ]
    document = {**e1_json(), "options": {"policy": "uniform"}}
    claimed = response_to(document).model_copy(update={"status": "optimal"})
    assert "more than 0.001, got optimal" in found_in(document, claimed)[0]


def test_a_baseline_above_the_plan_is_refused() -> None:
    response = response_to(e1_json())
    above = response.baselines[0].model_copy(update={"objective": 116.5, "feasible": True})
    response = response.model_copy(update={"baselines": (above,)})
    assert found_in(e1_json(), response) == ["baseline uniform must score at most 116.0"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latency_us", 271),
        ("io_busy_us", 171),
        ("compute_busy_us", 201),
        ("stall_us", 71),
        ("peak_memory_bytes", 171),
        ("hit_probability", 0.9995),
        ("hit_probability", 1.5),
        ("quantiles_us", {"0.5": 270, "0.95": 280}),
        ("quantiles_us", {"0.5": 270, "0.95": 269}),
    ],
)
def test_a_simulation_that_contradicts_the_plan_or_itself_is_refused(
    field: str, value: object
) -> None:
    response = changed(e1_json(), "simulation", **{field: value})
    assert any("imulat" in message for message in found_in(e1_json(), response))


def test_widths_the_device_has_no_time_for_are_named() -> None:
    document = e1_json()
    document["device"]["compute"][0]["layer_us"] = {"2": 100}
    response = response_to(document)
    assert found_in(document, response) == []
    silent = response.model_copy(update={"skipped_widths": ()})
    assert found_in(document, silent) == ["skipped_widths must be (1,), got ()"]
