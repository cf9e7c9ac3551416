"""Plan: self-contained, consistent with itself, named by its content."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from plan_contracts import ContractError, DigestMismatchError, Plan

DIGEST = "sha256:" + "0" * 64


def plan_json(**fields: object) -> dict[str, Any]:
    """Two layers of one slice; layer 0 streamed, layer 1 preloaded."""
    times = {"io_start_us": 0, "io_end_us": 30, "compute_start_us": 30, "compute_end_us": 90}
    return {
        "schema_version": 1,
        "model": "tiny-model",
        "model_digest": DIGEST,
        "device": "tiny-device",
        "device_digest": DIGEST,
        "importance_digest": DIGEST,
        "target": {"latency_us": 200, "preload_bytes": 20},
        "depth": 2,
        "width": 1,
        "layers": [
            {"layer": 0, "shards": [{"slice": 1, "bits": 3, "bytes": 30, "preload": False}]},
            {"layer": 1, "shards": [{"slice": 0, "bits": 2, "bytes": 20, "preload": True}]},
        ],
        "reads": [{"layer": 0, "slice": 1, "bits": 3, "bytes": 30}],
        "preload_reads": [{"layer": 1, "slice": 0, "bits": 2, "bytes": 20}],
        "predicted": {
            "latency_us": 150,
            "objective": 1.5,
            "peak_memory_bytes": 50,
            "layers": [times, {**times, "compute_start_us": 90, "compute_end_us": 150}],
        },
        "provenance": {
            "policy": "optimal",
            "planner_version": "0.1.0",
            "seed": 0,
            "truncated": False,
        },
        **fields,
    }


def plan(document: dict[str, Any]) -> Plan:
    return Plan.from_json(json.dumps(document))


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(ContractError) as caught:
        plan(document)
    return str(caught.value)


def test_a_consistent_plan_is_taken() -> None:
    assert plan(plan_json()).reads[0].bytes == 30


def test_the_id_is_computed_with_the_field_absent() -> None:
    unsealed = plan(plan_json())
    assert unsealed.sealed().id == unsealed.content_digest()


def test_a_sealed_plan_survives_its_own_json() -> None:
    sealed = plan(plan_json()).sealed()
    assert Plan.from_json(sealed.to_json()).sealed() == sealed


def test_the_id_of_a_known_plan_stays_what_it_was() -> None:
    # Devices cache plans by it: a new optional field must not change it.
    assert plan(plan_json()).sealed().id == (
        "sha256:65a34aa1643db44b565e2ba37b2307ed0251245ac7e294b0848b094fcc54454d"
    )


def test_a_wrong_id_is_refused_with_both() -> None:
    forged = plan(plan_json(id=DIGEST))
    with pytest.raises(DigestMismatchError) as caught:
        forged.sealed()
    assert DIGEST in str(caught.value)
    assert forged.computed_id() in str(caught.value)


@pytest.mark.parametrize("field", ["model_digest", "device_digest", "importance_digest"])
def test_a_plan_names_what_it_was_made_from(field: str) -> None:
    assert f"{field}: " in refusal(plan_json(**{field: None}))


@pytest.mark.parametrize("order", [[1, 0], [0], [0, 0]])
def test_layers_are_those_of_the_depth_in_order(order: list[int]) -> None:
    layers = [plan_json()["layers"][index] for index in order]
    assert f"layers must be 0..1 in order, got {order}" in refusal(plan_json(layers=layers))


def test_a_layer_has_as_many_shards_as_the_width() -> None:
    message = refusal(plan_json(width=2))
    assert "layers.0.shards must be 2 different slices in order, got [1]" in message


def test_a_layer_has_no_slice_twice() -> None:
    document = plan_json(width=2)
    for layer in document["layers"]:
        layer["shards"] *= 2
    assert "must be 2 different slices in order, got [1, 1]" in refusal(document)


@pytest.mark.parametrize(
    ("field", "value"), [("slice", 0), ("bits", 2), ("bytes", 31), ("layer", 1)]
)
def test_a_read_is_its_shards(field: str, value: int) -> None:
    document = plan_json()
    document["reads"][0][field] = value
    assert "reads must be exactly the shards of layers" in refusal(document)


def test_every_streamed_shard_is_read() -> None:
    assert "must be (0, 1, 3, 30), got None" in refusal(plan_json(reads=[]))


def test_every_preloaded_shard_is_read_before() -> None:
    assert "preload_reads must be exactly" in refusal(plan_json(preload_reads=[]))


def test_a_preloaded_shard_is_not_streamed() -> None:
    document = plan_json()
    document["reads"] += copy.deepcopy(document["preload_reads"])
    assert "reads must be exactly" in refusal(document)


def test_every_layer_has_its_times() -> None:
    document = plan_json()
    document["predicted"]["layers"].pop()
    assert "predicted.layers must have 2 entries, got 1" in refusal(document)


@pytest.mark.parametrize("file", ["../manifest.json", "/etc/passwd", ".."])
def test_a_read_stays_in_the_store(file: str) -> None:
    document = plan_json()
    document["reads"][0]["file"] = file
    assert "reads.0.file: String should match pattern" in refusal(document)


def test_a_depth_beyond_all_layers_costs_nothing() -> None:
    assert "layers must be 0..9007199254740990 in order" in refusal(plan_json(depth=2**53 - 1))
