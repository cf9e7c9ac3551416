"""Documents for tests: tiny ones with hand-checked answers, and variations of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from plan_contracts import DeviceProfile, ImportanceTable, ModelManifest, PlanRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BITS = (2, 3, 4, 5, 6, 32)
WORTH = (1, 3, 5, 6, 7, 8)
PROVENANCE = {"kind": "synthetic", "source": "hand-made", "date": "2026-11-21"}
GEOMETRY = {"hidden": 4, "heads": 2, "ffn": 8}


def device_json(
    *,
    layer_us: Mapping[int, int],
    decode_us: Mapping[int, int],
    overhead_us: int = 0,
    bandwidth: int = 1_000_000,
    **fields: object,
) -> dict[str, Any]:
    """A device whose reads take overhead + one microsecond a byte unless told otherwise."""
    return {
        "schema_version": 1,
        "name": "tiny-device",
        "provenance": PROVENANCE,
        "memory_bytes": 1_000_000_000,
        "storage": {"bandwidth_bytes_per_s": bandwidth, "request_overhead_us": overhead_us},
        "compute": [
            {
                "target": "cpu",
                "geometry": GEOMETRY,
                "sequence_length": 8,
                "layer_us": {str(m): us for m, us in layer_us.items()},
                "shard_decode_us": {str(b): us for b, us in decode_us.items()},
            }
        ],
        **fields,
    }


def model_json(
    shard_bytes: Mapping[int, Sequence[Sequence[int]]],
    *,
    slice_selection: str = "any",
    **fields: object,
) -> dict[str, Any]:
    """A manifest without a store; layers and slices as the byte tables have them."""
    first = next(iter(shard_bytes.values()))
    layers, slices = len(first), len(first[0])
    return {
        "schema_version": 1,
        "model": "tiny-model",
        "layers": layers,
        "slices": slices,
        "geometry": GEOMETRY,
        "bitwidths": sorted(shard_bytes),
        "shard_bytes": {str(b): [list(row) for row in t] for b, t in shard_bytes.items()},
        "resident_bytes": 0,
        "decoded_shard_bytes": 0,
        "slice_selection": slice_selection,
        "depths": list(range(1, layers + 1)),
        "widths": list(range(1, slices + 1)),
        **fields,
    }


def importance_json(
    base: Sequence[Sequence[float]],
    gain: Mapping[int, Sequence[Sequence[float]]],
    **fields: object,
) -> dict[str, Any]:
    """A table of made-up points."""
    return {
        "schema_version": 1,
        "model": "tiny-model",
        "task": "made-up",
        "metric": "points",
        "unit": "points",
        "base": [list(row) for row in base],
        "gain": {str(b): [list(row) for row in t] for b, t in gain.items()},
        "provenance": PROVENANCE,
        **fields,
    }


def uniform_bytes(layers: int, slices: int, sizes: Sequence[int]) -> dict[int, list[list[int]]]:
    """Byte tables in which a bitwidth has one size everywhere."""
    return {
        b: [[size] * slices for _ in range(layers)] for b, size in zip(BITS, sizes, strict=True)
    }


def gains_of(weights: Sequence[Sequence[float]]) -> dict[int, list[list[float]]]:
    """f(w) = w * [1, 3, 5, 6, 7, 8] for every shard (PLANNING, reference cases)."""
    return {b: [[w * k for w in row] for row in weights] for b, k in zip(BITS, WORTH, strict=True)}


def e1_json(**target: object) -> dict[str, Any]:
    """Reference case E1 of PLANNING; optimum 116."""
    sizes = (20, 30, 40, 50, 60, 320)
    return {
        "schema_version": 1,
        "device": device_json(layer_us={1: 60, 2: 100}, decode_us=dict.fromkeys(BITS, 0)),
        "model": model_json(uniform_bytes(2, 2, sizes)),
        "importance": importance_json([[40, 50], [55, 70]], gains_of([[1, 2], [4, 1]])),
        "target": {"latency_us": 270, "preload_bytes": 0, "sequence_length": 8, **target},
    }


def e2_json(**target: object) -> dict[str, Any]:
    """Reference case E2 of PLANNING; optimum 118."""
    sizes = (20, 30, 40, 50, 60, 320)
    decode = {**dict.fromkeys(BITS, 4), 32: 0}
    return {
        "schema_version": 1,
        "device": device_json(layer_us={1: 60, 2: 100}, decode_us=decode, overhead_us=5),
        "model": model_json(uniform_bytes(2, 2, sizes)),
        "importance": importance_json([[40, 50], [55, 70]], gains_of([[3, 1], [2, 2]])),
        "target": {"latency_us": 260, "preload_bytes": 60, "sequence_length": 8, **target},
    }


def request(document: Mapping[str, Any]) -> PlanRequest:
    """The request document of its JSON form."""
    return PlanRequest.from_json(json.dumps(document))


def device(document: Mapping[str, Any]) -> DeviceProfile:
    """The device profile of its JSON form."""
    return DeviceProfile.from_json(json.dumps(document))


def model(document: Mapping[str, Any]) -> ModelManifest:
    """The model manifest of its JSON form, sealed."""
    return ModelManifest.from_json(json.dumps(document)).sealed()


def importance(document: Mapping[str, Any]) -> ImportanceTable:
    """The importance table of its JSON form."""
    return ImportanceTable.from_json(json.dumps(document))


REFERENCE_OPTIMA = [
    (e1_json, None, 116),
    (e1_json, 0, 97),
    (e1_json, 1, 116),
    (e2_json, None, 118),
    (e2_json, 0, 90),
    (e2_json, 1, 118),
]
"""Case, layers of read-ahead, best score (PLANNING, reference cases)."""
REFERENCE_OPTIMA_OF_PAIRS = [
    (e1_json, {(1, 1): 54, (1, 2): 71, (2, 1): 97, (2, 2): 116}),
    (e2_json, {(1, 1): 61, (1, 2): 78, (2, 1): 90, (2, 2): 118}),
]
"""Case, best score by depth and width."""
