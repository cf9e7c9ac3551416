"""Plans for hand-written stores, without a planner."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from builders import device, device_json
from plan_contracts import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plan_contracts import DeviceProfile, ModelManifest

ANY_DIGEST = "sha256:" + "0" * 64


class Chosen(NamedTuple):
    """One chosen shard."""

    slice: int
    bits: int
    preload: bool = False


def some_device(name: str = "tiny-device") -> DeviceProfile:
    return device(device_json(layer_us={1: 10, 2: 20}, decode_us={2: 1}, name=name))


def peak_bytes(
    manifest: ModelManifest, layers: Sequence[Sequence[Chosen]], read_ahead: int | None
) -> int:
    """The formula of `memory_bytes` without activations, written out."""

    def size(layer: int, *, preload: bool) -> int:
        return sum(
            manifest.shard_bytes[shard.bits][layer][shard.slice]
            for shard in layers[layer]
            if shard.preload == preload
        )

    depth = len(layers)
    reach = depth if read_ahead is None else read_ahead + 1
    windows = [
        sum(size(k, preload=False) for k in range(first, min(first + reach, depth)))
        for first in range(depth)
    ]
    preloaded = sum(size(layer, preload=True) for layer in range(depth))
    decoded = len(layers[0]) * manifest.decoded_shard_bytes
    return manifest.resident_bytes + decoded + preloaded + max(windows)


def make_plan(
    manifest: ModelManifest,
    layers: Sequence[Sequence[Chosen]],
    *,
    read_ahead: int | None = None,
    sequence_length: int = 8,
    profile: DeviceProfile | None = None,
    **fields: object,
) -> Plan:
    """A sealed plan of these shards; keyword arguments override its fields."""
    assert manifest.store is not None
    store = manifest.store
    profile = some_device() if profile is None else profile
    reads: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    planned: list[dict[str, Any]] = []
    for layer, shards in enumerate(layers):
        planned.append({"layer": layer, "shards": []})
        for shard in shards:
            stored = store.shards[shard.bits][layer][shard.slice]
            place = {"layer": layer, "slice": shard.slice, "bits": shard.bits}
            planned[-1]["shards"].append(
                {
                    "slice": shard.slice,
                    "bits": shard.bits,
                    "bytes": stored.length,
                    "preload": shard.preload,
                }
            )
            reads[shard.preload].append(
                {
                    **place,
                    "file": stored.file,
                    "offset": stored.offset,
                    "bytes": stored.length,
                    "sha256": stored.sha256,
                }
            )
    times = dict.fromkeys(("io_start_us", "io_end_us", "compute_start_us", "compute_end_us"), 0)
    document = {
        "model": manifest.model,
        "model_digest": manifest.digest,
        "device": profile.name,
        "device_digest": profile.digest,
        "importance_digest": ANY_DIGEST,
        "target": {
            "latency_us": 1_000_000,
            "read_ahead_layers": read_ahead,
            "sequence_length": sequence_length,
        },
        "depth": len(layers),
        "width": len(layers[0]),
        "layers": planned,
        "reads": reads[False],
        "preload_reads": reads[True],
        "predicted": {
            "latency_us": 0,
            "objective": 0.0,
            "peak_memory_bytes": peak_bytes(manifest, layers, read_ahead),
            "layers": [times] * len(layers),
        },
        "provenance": {
            "policy": "optimal",
            "planner_version": "0",
            "seed": 0,
            "truncated": False,
        },
        **fields,
    }
    return Plan.from_json(json.dumps(document)).sealed()
