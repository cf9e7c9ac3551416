from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import pytest

from builders import e1_json, e2_json
from instances import problem_of
from plan_contracts import PlanOptions
from plan_contracts.request import Policy
from planner_api.services.answer import answer

if TYPE_CHECKING:
    from plan_contracts import Infeasibility
    from planner_api.optimizer.problem import PlanInputs

POLICIES: tuple[Policy, ...] = get_args(Policy)


def asked(
    document: dict[str, Any], policy: Policy = "optimal", *, reads: float = 0.2
) -> PlanInputs:
    document["device"]["storage"]["jitter"] = {"bandwidth_sigma": reads, "autocorrelation": 0.3}
    document["device"]["compute"][0]["jitter_sigma"] = reads / 10
    return replace(problem_of(document).inputs, options=PlanOptions(policy=policy))


def reason(inputs: PlanInputs) -> Infeasibility:
    found = answer(inputs).response.infeasibility
    assert found is not None
    return found


def status_at(inputs: PlanInputs, latency_us: int) -> str:
    target = inputs.target.model_copy(update={"latency_us": latency_us})
    return answer(replace(inputs, target=target)).response.status


@pytest.mark.parametrize("quantile", [None, 0.5, 0.95, 0.99])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("latency_us", [30, 60])
def test_the_policy_has_a_plan_at_the_latency_that_is_said(
    policy: Policy, quantile: float | None, latency_us: int
) -> None:
    inputs = asked(e2_json(latency_us=latency_us, latency_quantile=quantile), policy)
    said_us = reason(inputs).least_latency_us
    assert said_us is not None
    assert status_at(inputs, said_us) in {"optimal", "feasible"}


def test_the_whole_model_is_told_the_least_latency_that_it_keeps_to() -> None:
    inputs = asked(e1_json(latency_quantile=0.95), "full")
    said_us = reason(inputs).least_latency_us
    assert said_us is not None
    assert said_us > 1380  # what it takes without jitter
    assert status_at(inputs, said_us - 1) == "infeasible"


def test_without_jitter_a_quantile_needs_no_more_than_the_device() -> None:
    inputs = asked(e2_json(latency_us=60, latency_quantile=0.95), reads=0.0)
    assert reason(inputs).least_latency_us == 64


def test_an_unsteady_device_is_told_a_latency_that_it_keeps_to() -> None:
    document = e2_json(latency_us=89, latency_quantile=0.99, preload_bytes=0)
    inputs = asked(document, reads=0.5)
    said = reason(inputs)
    assert said.least_latency_us is not None
    assert f"for 0.99 of the runs, {said.least_latency_us} us would do" in said.message
    assert status_at(inputs, said.least_latency_us) != "infeasible"


def test_a_want_of_memory_is_told_as_it_is_at_a_quantile_too() -> None:
    said = reason(asked(e2_json(memory_bytes=1, latency_quantile=0.95)))
    assert (said.least_latency_us, said.binding) == (None, "memory")
    assert said.least_memory_bytes is not None
