"""PlanResponse and RunTrace: what leaves the planner and what comes back from a device."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plan_contracts import ContractError, PlanResponse, RunTrace

INFEASIBLE: dict[str, Any] = {
    "schema_version": 1,
    "status": "infeasible",
    "plan": None,
    "certificate": None,
    "simulation": None,
    "infeasibility": {
        "least_latency_us": 250,
        "least_preload_bytes": None,
        "least_memory_bytes": 0,
        "binding": "io",
        "message": "reading is the limit",
    },
}
TRACE: dict[str, Any] = {
    "plan_id": "sha256:" + "0" * 64,
    "source": "measured",
    "device": "tiny-device",
    "latency_us": 30,
    "peak_memory_bytes": 50,
    "spans": [
        {"kind": "read", "layer": 0, "slices": [1], "start_us": 0, "end_us": 30, "bytes": 30}
    ],
}


def refusal(document: type[PlanResponse | RunTrace], value: dict[str, Any]) -> str:
    with pytest.raises(ContractError) as caught:
        document.from_json(json.dumps(value))
    return str(caught.value)


def test_infeasible_is_an_answer() -> None:
    answer = PlanResponse.from_json(json.dumps(INFEASIBLE))
    assert answer.infeasibility is not None
    assert answer.infeasibility.least_preload_bytes is None


def test_a_status_is_one_of_four() -> None:
    message = refusal(PlanResponse, {**INFEASIBLE, "status": "unknown"})
    assert "'infeasible' or 'rejected_by_simulation', got 'unknown'" in message


def test_a_limit_is_one_of_four() -> None:
    other = {**INFEASIBLE["infeasibility"], "binding": "network"}
    message = refusal(PlanResponse, {**INFEASIBLE, "infeasibility": other})
    assert "'preload' or 'memory', got 'network'" in message


@pytest.mark.parametrize("objective", [float("nan"), float("inf")])
def test_a_certificate_is_finite(objective: float) -> None:
    certificate: dict[str, object] = {
        "objective": objective,
        "upper_bound": 1.0,
        "relative_gap": 0.0,
        "range": 1.0,
        "bounds": [],
    }
    message = refusal(PlanResponse, {**INFEASIBLE, "certificate": certificate})
    assert f"certificate.objective: Input should be a finite number, got {objective}" in message


def test_a_trace_survives_its_own_json() -> None:
    trace = RunTrace.from_json(json.dumps(TRACE))
    assert RunTrace.from_json(trace.to_json()) == trace


@pytest.mark.parametrize(
    ("field", "value"), [("source", "guessed"), ("plan_id", "plan"), ("latency_us", -1)]
)
def test_a_trace_keeps_its_rules(field: str, value: object) -> None:
    message = refusal(RunTrace, {**TRACE, field: value})
    assert f"{field}: " in message
    assert f"got {value!r}" in message


def test_a_span_has_a_kind_of_its_own() -> None:
    spans = [{**TRACE["spans"][0], "kind": "idle"}]
    assert "'compute' or 'stall', got 'idle'" in refusal(RunTrace, {**TRACE, "spans": spans})


def test_a_span_does_not_end_before_it_starts() -> None:
    spans = [{**TRACE["spans"][0], "start_us": 31}]
    message = refusal(RunTrace, {**TRACE, "spans": spans})
    assert "spans.0: end_us must be at least start_us 31, got 30" in message
