"""PlanRequest: three documents by name or inline, a target, options."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builders import e1_json
from plan_contracts import ContractError, DeviceProfile, PlanRequest


def request(**fields: object) -> PlanRequest:
    return PlanRequest.from_json(json.dumps({**e1_json(), **fields}))


def refusal(**fields: object) -> str:
    with pytest.raises(ContractError) as caught:
        request(**fields)
    return str(caught.value)


@pytest.mark.parametrize("field", ["device", "model", "importance"])
def test_a_document_may_be_named(field: str) -> None:
    assert getattr(request(**{field: "registered"}), field) == "registered"


def test_a_document_may_stand_inline() -> None:
    assert isinstance(request().device, DeviceProfile)


@pytest.mark.parametrize("field", ["device", "model", "importance"])
@pytest.mark.parametrize("value", [None, 3, "", []])
def test_anything_else_is_refused_by_name(field: str, value: object) -> None:
    assert f" {field}: " in refusal(**{field: value})


def test_a_bad_field_inside_an_inline_document_is_named_by_its_path() -> None:
    document: dict[str, Any] = {**e1_json()["device"], "memory_bytes": -1}
    message = refusal(device=document)
    assert "device.memory_bytes: " in message
    assert "got -1" in message


def test_defaults_are_those_of_the_contract() -> None:
    options = request().options
    assert (options.policy, options.max_relative_gap, options.time_limit_ms, options.seed) == (
        "optimal",
        0.001,
        2000,
        0,
    )
    assert (options.bitwidths, options.pins, options.forbids) == (None, (), ())


@pytest.mark.parametrize(
    ("target", "rule"),
    [
        ({"latency_us": 0}, "target.latency_us: Input should be greater than or equal to 1, got 0"),
        ({"preload_bytes": -1}, "target.preload_bytes: "),
        ({"memory_bytes": 1.5}, "target.memory_bytes: "),
        ({"read_ahead_layers": -1}, "target.read_ahead_layers: "),
        ({"read_ahead_layers": False}, "target.read_ahead_layers: "),
        ({"latency_quantile": 1.0}, "less than 1, got 1.0"),
        ({"latency_quantile": 0.0}, "greater than 0, got 0.0"),
        ({"sequence_length": 0}, "target.sequence_length: "),
    ],
)
def test_a_target_keeps_its_rules(target: dict[str, object], rule: str) -> None:
    assert rule in refusal(target={"latency_us": 270, **target})


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"policy": "best"}, "'uniform' or 'full', got 'best'"),
        ({"max_relative_gap": -0.1}, "greater than or equal to 0, got -0.1"),
        ({"time_limit_ms": 0}, "options.time_limit_ms: "),
        ({"bitwidths": []}, "at least 1 item"),
        ({"bitwidths": [3, 2]}, "bitwidths must rise strictly, got [3, 2]"),
        ({"bitwidths": [0]}, "got 0"),
        ({"seed": -1}, "got -1"),
        ({"seed": 2**53}, f"got {2**53}"),
        ({"pins": [{"layer": 0}]}, "options.pins.0.slice: Field required"),
        ({"pins": [{"layer": -1, "slice": 0}]}, "options.pins.0.layer: "),
        ({"forbids": [{"layer": 0, "slice": 0, "bits": 33}]}, "options.forbids.0.bits: "),
        ({"forbids": [{"layer": 0, "slice": 0, "why": ""}]}, "Extra inputs are not permitted"),
    ],
)
def test_options_keep_their_rules(options: dict[str, object], rule: str) -> None:
    assert rule in refusal(options=options)


def test_the_digest_covers_every_option() -> None:
    assert request(options={"seed": 1}).content_digest() != request().content_digest()


def test_an_option_left_out_is_its_default_in_the_digest() -> None:
    spelled: dict[str, object] = {"policy": "optimal", "time_limit_ms": 2000, "pins": []}
    assert request(options=spelled).content_digest() == request().content_digest()
