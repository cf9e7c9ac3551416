"""Random requests from a seed, tiny ones for exhaustive search and mid-size ones.

All documents are inline. Scores are multiples of 1/8, so sums of them are exact in any order.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from builders import device_json, importance_json, model_json, request
from plan_contracts import ContractError, DeviceProfile, ImportanceTable, ModelManifest
from planner_api.optimizer.problem import PlanInputs, Problem, build_problem

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]
ALL_BITS = (2, 3, 4, 5, 6, 32)


def problem_of(document: Json) -> Problem:
    """The planning problem of a request whose documents are inline."""
    parsed = request(document)
    if not (
        isinstance(parsed.device, DeviceProfile)
        and isinstance(parsed.model, ModelManifest)
        and isinstance(parsed.importance, ImportanceTable)
    ):
        message = "documents must be inline, got a name"
        raise TypeError(message)
    model = parsed.model.sealed()
    return build_problem(
        PlanInputs(
            device=parsed.device,
            model=model,
            importance=parsed.importance.bound_to(model),
            target=parsed.target,
            options=parsed.options,
        )
    )


def tiny(seed: int) -> Json:
    """A request of at most a few thousand plans, every feature of the problem at random."""
    source = random.Random(seed)  # noqa: S311 - seeded on purpose, no secret
    while True:
        document = _tiny(source)
        try:
            problem_of(document)
        except ContractError:
            continue  # the pins and forbids drawn leave no pair: draw again
        return document


SHAPES = ((1, 2, 4), (1, 3, 3), (2, 1, 4), (2, 2, 2), (2, 2, 3), (2, 3, 2), (3, 1, 3), (3, 2, 2))
"""Layers, slices, bitwidths; preload is left out of shapes where it would be too many plans."""


def _tiny(source: random.Random) -> Json:
    layers, slices, count = source.choice(SHAPES)
    bits = tuple(sorted(source.sample(ALL_BITS, count)))
    selection = source.choice(("any", "prefix"))
    document: Json = {
        "schema_version": 1,
        "device": _tiny_device(source, slices, bits),
        "model": _tiny_model(source, layers, slices, bits, selection),
        "importance": _importance(source, layers, slices, bits, selection),
        "options": _tiny_options(source, layers, slices, bits),
    }
    document["target"] = _tiny_target(source, document)
    return document


def _tiny_device(source: random.Random, slices: int, bits: Sequence[int]) -> Json:
    decodes = {b: source.choice((0, 0, 4, source.randint(0, 20))) for b in bits}
    device = device_json(
        layer_us={m: source.randint(10, 40) + 30 * m for m in range(1, slices + 1)},
        decode_us=decodes,
        overhead_us=source.choice((0, 5)),
        bandwidth=source.choice((1_000_000, 700_000, 3_000_000)),
    )
    device["compute"][0]["fixed_us"] = source.choice((0, 7))
    device["compute"][0]["activation_bytes"] = source.choice((0, 11))
    return device


def _tiny_model(
    source: random.Random, layers: int, slices: int, bits: Sequence[int], selection: str
) -> Json:
    return model_json(
        shard_bytes(source, layers, slices, bits, spread=source.choice((0.0, 0.2))),
        slice_selection=selection,
        resident_bytes=source.choice((0, 13)),
        decoded_shard_bytes=source.choice((0, 17)),
        depths=_some(source, layers),
        widths=_some(source, slices),
    )


def shard_bytes(
    source: random.Random, layers: int, slices: int, bits: Sequence[int], *, spread: float
) -> dict[int, list[list[int]]]:
    """About 10 bytes a bit, each size varied by up to `spread` of itself, rising with the bits."""
    varied = [[1 + source.uniform(-spread, spread) for _ in range(slices)] for _ in range(layers)]
    return {b: [[max(1, round(10 * b * v)) for v in row] for row in varied] for b in bits}


def _some(source: random.Random, most: int) -> list[int]:
    """All of 1..most, or a random part of it."""
    everything = list(range(1, most + 1))
    if source.random() < 0.7:
        return everything
    return sorted(source.sample(everything, source.randint(1, most)))


def _importance(
    source: random.Random, layers: int, slices: int, bits: Sequence[int], selection: str
) -> Json:
    floor = source.choice((0, 40, -80))
    base = [
        [floor + source.randint(0, 16) / 8 + 3 * (n + m) for m in range(slices)]
        for n in range(layers)
    ]
    full = [[score + source.randint(-4, 64) / 8 for score in row] for row in base]
    return importance_json(
        base,
        gains(source, layers, slices, bits, selection),
        full=source.choice((None, full)),
    )


def gains(
    source: random.Random, layers: int, slices: int, bits: Sequence[int], selection: str
) -> dict[int, list[list[float]]]:
    """Gains that rise with the bits, in eighths; nothing at the lowest under `prefix`."""
    lowest = 0 if selection == "prefix" else source.choice((0, 8))
    rows = [[source.randint(0, lowest) / 8 for _ in range(slices)] for _ in range(layers)]
    table = {bits[0]: rows}
    for b in bits[1:]:
        rows = [[gain + source.randint(0, 24) / 8 for gain in row] for row in rows]
        table[b] = rows
    return table


def _tiny_options(source: random.Random, layers: int, slices: int, bits: Sequence[int]) -> Json:
    options: Json = {"max_relative_gap": 0.0}
    if source.random() < 0.3:
        options["pins"] = [_rule(source, layers, slices, bits)]
    if source.random() < 0.3:
        options["forbids"] = [_rule(source, layers, slices, bits)]
    if source.random() < 0.2:
        options["bitwidths"] = sorted(source.sample(list(bits), source.randint(1, len(bits))))
    return options


def _rule(source: random.Random, layers: int, slices: int, bits: Sequence[int]) -> Json:
    return {
        "layer": source.randrange(layers),
        "slice": source.randrange(slices),
        "bits": source.choice((None, source.choice(bits))),
        "preload": source.choice((None, None, True, False)),
    }


def _tiny_target(source: random.Random, document: Json) -> Json:
    model, compute = document["model"], document["device"]["compute"][0]
    whole = model["layers"] * max(compute["layer_us"].values())
    sizes = [size for table in model["shard_bytes"].values() for row in table for size in row]
    total = sum(sizes) // len(model["bitwidths"])
    constant = model["resident_bytes"] + model["slices"] * model["decoded_shard_bytes"]
    return {
        "latency_us": max(1, round(whole * source.uniform(0.3, 2.0))),
        "preload_bytes": source.choice((0, 0, source.randint(1, total))),
        "memory_bytes": source.choice((None, None, constant + source.randint(1, total))),
        "read_ahead_layers": source.choice((None, None, 0, 1)),
        "sequence_length": 8,
    }


def midsize(seed: int, *, layers: int = 6, slices: int = 6, spread: float = 0.2) -> Json:
    """A request too large to enumerate: all bitwidths, `spread` in the bytes, no pins.

    Latency between 1.05 and 3 times the least compute of one layer times half the depth; preload
    for 0, 1 or 3 layers at the lowest bitwidth.
    """
    source = random.Random(seed)  # noqa: S311 - seeded on purpose, no secret
    selection = source.choice(("any", "prefix"))
    per_slice = source.randint(30, 80)
    widths = range(1, slices + 1)
    device = device_json(
        layer_us={m: 60 + per_slice * m + source.randint(0, 20) for m in widths},
        decode_us={**dict.fromkeys(ALL_BITS, source.choice((0, 5))), 32: 0},
        overhead_us=source.choice((0, 8)),
    )
    whole = layers * (60 + per_slice * slices)
    return {
        "schema_version": 1,
        "device": device,
        "model": model_json(
            shard_bytes(source, layers, slices, ALL_BITS, spread=spread),
            slice_selection=selection,
        ),
        "importance": _importance(source, layers, slices, ALL_BITS, selection),
        "target": {
            "latency_us": round(whole * source.uniform(0.25, 1.2)),
            "preload_bytes": source.choice((0, 1, 3)) * slices * 20,
            "read_ahead_layers": source.choice((None, None, 1)),
            "sequence_length": 8,
        },
        "options": {"max_relative_gap": 0.0},
    }
