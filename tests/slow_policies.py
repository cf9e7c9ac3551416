"""The baselines once more, slowly and straight from CONTRACTS, on the JSON of a request."""

from __future__ import annotations

from typing import Any

import exhaustive
from exhaustive import Outcome, Shard

Json = dict[str, Any]
Layers = tuple[tuple[Shard, ...], ...]


def uniform(request: Json) -> Outcome | None:
    """The best feasible uniform plan, or None."""
    model = request["model"]
    plans = [
        exhaustive.outcome_of(request, n, m, uniform_layers(request, n, m, bits))
        for n in model["depths"]
        for m in model["widths"]
        if m in exhaustive.covered_widths(request)
        for bits in allowed_bits(request)
    ]
    return max((plan for plan in plans if feasible(request, plan)), key=_rank, default=None)


def _rank(plan: Outcome) -> tuple[float, int]:
    return plan.score, -plan.latency_us


def sti(request: Json, *, deepest: bool) -> Outcome | None:
    """STI as CONTRACTS defines it, each rule spelt out; None if stage 1 finds no pair."""
    pairs = [pair for pair in honest_pairs(request) if _computes_in_time(request, *pair)]
    if not pairs:
        return None
    if deepest:
        depth, width = max(pairs)
    else:
        depth, width = max(pairs, key=lambda pair: (pair[0] * pair[1], pair[0]))
    layers = _stage_2(request, depth, width)
    return exhaustive.outcome_of(request, depth, width, layers)


def honest_pairs(request: Json) -> list[tuple[int, int]]:
    """Pairs that have some plan that honours pins and forbids."""
    return sorted({(plan.depth, plan.width) for plan in exhaustive.outcomes(request)})


def _computes_in_time(request: Json, depth: int, width: int) -> bool:
    compute = request["device"]["compute"][0]
    decode = max(compute["shard_decode_us"][str(b)] for b in allowed_bits(request))
    layer = exhaustive.layer_us(request, width) + width * decode
    return depth * layer <= request["target"]["latency_us"] - compute.get("fixed_us", 0)


def _stage_2(request: Json, depth: int, width: int) -> Layers:
    bitwidths = allowed_bits(request)
    for bits in reversed(bitwidths):
        layers = uniform_layers(request, depth, width, bits)
        if never_stalls(request, width, layers):
            return _upgraded(request, width, layers)
    return uniform_layers(request, depth, width, bitwidths[0])


def _upgraded(request: Json, width: int, layers: Layers) -> Layers:
    table = request["importance"]["gain"]
    worth = table[str(max(int(bits) for bits in table))]
    places = [(layer, s.slice) for layer, shards in enumerate(layers) for s in shards]
    for layer, index in sorted(places, key=lambda p: (-worth[p[0]][p[1]], p)):
        before = next(s for s in layers[layer] if s.slice == index)
        for bits in reversed(allowed_bits(request)):
            raised = shard(request, layer, index, bits)
            trial = _replaced(layers, layer, raised)
            if bits > before.bits and never_stalls(request, width, trial):
                layers = trial
                break
    return layers


def _replaced(layers: Layers, layer: int, new: Shard) -> Layers:
    row = tuple(new if s.slice == new.slice else s for s in layers[layer])
    return (*layers[:layer], row, *layers[layer + 1 :])


def never_stalls(request: Json, width: int, layers: Layers) -> bool:
    """For every k, IO of layers 0..k <= compute + decode of layers 0..k-1."""
    read = computed = 0
    for shards in layers:
        read += sum(s.read_us for s in shards if not s.preload)
        if read > computed:
            return False
        computed += exhaustive.layer_us(request, width) + sum(s.decode_us for s in shards)
    return True


def uniform_layers(request: Json, depth: int, width: int, bits: int) -> Layers:
    """Slices as in base, one bitwidth, preload bottom-up until the first that does not fit."""
    left = request["target"].get("preload_bytes", 0)
    layers: list[tuple[Shard, ...]] = []
    for layer in range(depth):
        row: list[Shard] = []
        for index in reference(request, layer, width):
            new = shard(request, layer, index, bits)
            left = left - new.size_bytes if new.size_bytes <= left else -1
            row.append(new._replace(preload=left >= 0))
        layers.append(tuple(row))
    return tuple(layers)


def reference(request: Json, layer: int, width: int) -> list[int]:
    """The slices base is measured on, ascending."""
    if request["model"]["slice_selection"] == "prefix":
        return list(range(width))
    table = request["importance"]["gain"]
    gains = table[str(max(int(bits) for bits in table))][layer]
    return sorted(sorted(range(len(gains)), key=lambda index: (-gains[index], index))[:width])


def shard(request: Json, layer: int, index: int, bits: int) -> Shard:
    """A streamed shard, whatever pins and forbids say."""
    size = request["model"]["shard_bytes"][str(bits)][layer][index]
    return Shard(
        slice=index,
        bits=bits,
        preload=False,
        read_us=exhaustive.read_us(request, size),
        decode_us=request["device"]["compute"][0]["shard_decode_us"][str(bits)],
        size_bytes=size,
        gain=request["importance"]["gain"][str(bits)][layer][index],
    )


def allowed_bits(request: Json) -> list[int]:
    """Bitwidths of the options or the model that the device can decode."""
    asked = request.get("options", {}).get("bitwidths") or request["model"]["bitwidths"]
    decodes = request["device"]["compute"][0]["shard_decode_us"]
    return [bits for bits in asked if str(bits) in decodes]


def feasible(request: Json, plan: Outcome) -> bool:
    """Whether a plan keeps every limit, pin and forbid."""
    target = request["target"]
    return (
        plan.latency_us <= target["latency_us"]
        and plan.preload_bytes <= target.get("preload_bytes", 0)
        and plan.peak_memory_bytes <= exhaustive.memory_limit(request)
        and _honoured(request, plan)
    )


def _honoured(request: Json, plan: Outcome) -> bool:
    pins = request.get("options", {}).get("pins", [])
    places = {(layer, s.slice) for layer, shards in enumerate(plan.layers) for s in shards}
    if any((pin["layer"], pin["slice"]) not in places for pin in pins):
        return False
    return all(
        s in exhaustive.shard_states(request, layer, s.slice)
        for layer, shards in enumerate(plan.layers)
        for s in shards
    )
