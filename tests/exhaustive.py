"""Every plan of a tiny request, one by one: the answer that solvers are held to.

Written from the documents alone, in plain Python on the JSON of a request with inline documents;
shares no code with the optimiser.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
TIE = 1e-9


class Shard(NamedTuple):
    """One chosen shard: slice, bits, preloaded, and what it costs and brings (unscaled)."""

    slice: int
    bits: int
    preload: bool
    read_us: int
    decode_us: int
    size_bytes: int
    gain: float


class Outcome(NamedTuple):
    """One plan and what it comes to; latency with fixed_us."""

    depth: int
    width: int
    layers: tuple[tuple[Shard, ...], ...]
    score: float
    latency_us: int
    preload_bytes: int
    peak_memory_bytes: int


@dataclass(kw_only=True)
class Answer:
    """What exhaustive search finds; each least is None when no value would do."""

    optimum: float | None = None
    feasible: int = 0
    best: list[Outcome] = field(default_factory=list[Outcome])
    by_pair: dict[tuple[int, int], float] = field(default_factory=dict[tuple[int, int], float])
    least_latency_us: int | None = None
    least_preload_bytes: int | None = None
    least_memory_bytes: int | None = None

    @property
    def optima(self) -> int:
        """How many plans share the optimum."""
        return len(self.best)


def solve(request: Json) -> Answer:
    """The exhaustive answer of a request whose documents are inline."""
    target = request["target"]
    latency, preload = target["latency_us"], target.get("preload_bytes", 0)
    memory = memory_limit(request)
    answer = Answer()
    for outcome in outcomes(request):
        in_time = outcome.latency_us <= latency
        fits_buffer = outcome.preload_bytes <= preload
        fits_memory = outcome.peak_memory_bytes <= memory
        if fits_buffer and fits_memory:
            answer.least_latency_us = _less(answer.least_latency_us, outcome.latency_us)
        if in_time and fits_memory:
            answer.least_preload_bytes = _less(answer.least_preload_bytes, outcome.preload_bytes)
        if in_time and fits_buffer:
            answer.least_memory_bytes = _less(answer.least_memory_bytes, outcome.peak_memory_bytes)
        if in_time and fits_buffer and fits_memory:
            _record(answer, outcome)
    return answer


def memory_limit(request: Json) -> int:
    """The smaller of the target's and the device's."""
    own: int | None = request["target"].get("memory_bytes")
    device: int = request["device"]["memory_bytes"]
    return device if own is None else min(own, device)


def _less(known: int | None, value: int) -> int:
    return value if known is None else min(known, value)


def _record(answer: Answer, outcome: Outcome) -> None:
    answer.feasible += 1
    pair = (outcome.depth, outcome.width)
    answer.by_pair[pair] = max(answer.by_pair.get(pair, -math.inf), outcome.score)
    best = -math.inf if answer.optimum is None else answer.optimum
    tolerance = TIE * max(1.0, abs(outcome.score))
    if outcome.score > best + tolerance:
        answer.optimum, answer.best = outcome.score, [outcome]
    elif outcome.score >= best - tolerance:
        answer.best.append(outcome)


def outcomes(request: Json) -> Iterator[Outcome]:
    """Every plan that model, pins and forbids allow, whatever its time and size."""
    model = request["model"]
    pins = request.get("options", {}).get("pins", [])
    for depth, width in itertools.product(model["depths"], model["widths"]):
        if width not in covered_widths(request) or any(pin["layer"] >= depth for pin in pins):
            continue
        options = [list(layer_options(request, layer, width)) for layer in range(depth)]
        for layers in itertools.product(*options):
            yield outcome_of(request, depth, width, layers)


def covered_widths(request: Json) -> range:
    """Widths within the measured ones of the device."""
    measured = [int(width) for width in _compute(request)["layer_us"]]
    return range(min(measured), max(measured) + 1)


def _compute(request: Json) -> Json:
    """Tiny requests have a single compute entry."""
    entry: Json = request["device"]["compute"][0]
    return entry


def layer_options(request: Json, layer: int, width: int) -> Iterator[tuple[Shard, ...]]:
    """Every choice of `width` slices of a layer and their states that the options allow."""
    model = request["model"]
    pinned = {
        pin["slice"] for pin in request.get("options", {}).get("pins", []) if pin["layer"] == layer
    }
    if model["slice_selection"] == "prefix":
        choices = [tuple(range(width))]
    else:
        choices = list(itertools.combinations(range(model["slices"]), width))
    for slices in choices:
        if pinned <= set(slices):
            states = [shard_states(request, layer, index) for index in slices]
            yield from itertools.product(*states)


def shard_states(request: Json, layer: int, index: int) -> list[Shard]:
    """The ways in which one shard may be part of a plan."""
    options = request.get("options", {})
    decodes = _compute(request)["shard_decode_us"]
    allowed = options.get("bitwidths") or request["model"]["bitwidths"]
    found: list[Shard] = []
    for bits, preload in itertools.product(allowed, (False, True)):
        if str(bits) not in decodes or not _permitted(options, layer, index, bits, preload):
            continue
        size = request["model"]["shard_bytes"][str(bits)][layer][index]
        found.append(
            Shard(
                slice=index,
                bits=bits,
                preload=preload,
                read_us=read_us(request, size),
                decode_us=decodes[str(bits)],
                size_bytes=size,
                gain=request["importance"]["gain"][str(bits)][layer][index],
            )
        )
    return found


def _permitted(options: Json, layer: int, index: int, bits: int, preload: bool) -> bool:  # noqa: FBT001 - a state of a shard
    def speaks_of(rule: Json) -> bool:
        return (rule["layer"], rule["slice"]) == (layer, index)

    def matches(rule: Json) -> bool:
        return rule.get("bits") in {None, bits} and rule.get("preload") in {None, preload}

    forbidden = any(speaks_of(rule) and matches(rule) for rule in options.get("forbids", []))
    unpinned = any(speaks_of(rule) and not matches(rule) for rule in options.get("pins", []))
    return not forbidden and not unpinned


def read_us(request: Json, size_bytes: int) -> int:
    """Overhead + ceil(bytes * 1e6 / bandwidth)."""
    storage = request["device"]["storage"]
    bandwidth: int = storage["bandwidth_bytes_per_s"]
    overhead: int = storage["request_overhead_us"]
    return overhead + -(-size_bytes * 1_000_000 // bandwidth)


def layer_us(request: Json, width: int) -> int:
    """Time of one layer: linear between measured widths, rounded up."""
    table = {int(w): us for w, us in _compute(request)["layer_us"].items()}
    if width in table:
        return int(table[width])
    low = max(w for w in table if w < width)
    high = min(w for w in table if w > width)
    return table[low] + -(-(table[high] - table[low]) * (width - low) // (high - low))


def outcome_of(
    request: Json, depth: int, width: int, layers: tuple[tuple[Shard, ...], ...]
) -> Outcome:
    """Score, latency and memory of one plan, straight from PLANNING and CONTRACTS."""
    gains = [shard.gain for layer in layers for shard in layer]
    base: float = request["importance"]["base"][depth - 1][width - 1]
    shards = [shard for layer in layers for shard in layer]
    return Outcome(
        depth=depth,
        width=width,
        layers=layers,
        score=base + scale(request, depth, width) * math.fsum(gains),
        latency_us=latency_us(request, width, layers),
        preload_bytes=sum(shard.size_bytes for shard in shards if shard.preload),
        peak_memory_bytes=peak_memory_bytes(request, width, layers),
    )


def scale(request: Json, depth: int, width: int) -> float:
    """scale(n, m) of CONTRACTS."""
    table = request["importance"]
    if table.get("full") is None:
        return 1.0
    highest: list[list[float]] = table["gain"][str(max(int(bits) for bits in table["gain"]))]
    if request["model"]["slice_selection"] == "prefix":
        possible = sum(sum(row[:width]) for row in highest[:depth])
    else:
        possible = sum(sum(sorted(row)[-width:]) for row in highest[:depth])
    difference = table["full"][depth - 1][width - 1] - table["base"][depth - 1][width - 1]
    return difference / possible if difference > 0 and possible > 0 else 0.0


def latency_us(request: Json, width: int, layers: tuple[tuple[Shard, ...], ...]) -> int:
    """The max-plus recursion of PLANNING, "Time", read-ahead included."""
    ahead: int | None = request["target"].get("read_ahead_layers")
    read_end = 0
    computed: list[int] = []
    for layer, shards in enumerate(layers):
        if ahead is not None and layer - 1 - ahead >= 0:
            read_end = max(read_end, computed[layer - 1 - ahead])
        read_end += sum(shard.read_us for shard in shards if not shard.preload)
        start = max(read_end, computed[-1] if computed else 0)
        decode = sum(shard.decode_us for shard in shards)
        computed.append(start + layer_us(request, width) + decode)
    return computed[-1] + int(_compute(request).get("fixed_us", 0))


def peak_memory_bytes(request: Json, width: int, layers: tuple[tuple[Shard, ...], ...]) -> int:
    """`memory_bytes` of CONTRACTS."""
    model = request["model"]
    ahead: int | None = request["target"].get("read_ahead_layers")
    streamed = [sum(s.size_bytes for s in layer if not s.preload) for layer in layers]
    preloaded = sum(s.size_bytes for layer in layers for s in layer if s.preload)
    windows = [
        sum(streamed[first:] if ahead is None else streamed[first : first + ahead + 1])
        for first in range(len(layers))
    ]
    activation = int(_compute(request).get("activation_bytes", 0))
    resident = int(model["resident_bytes"]) + width * int(model["decoded_shard_bytes"])
    return resident + activation + preloaded + max(windows)
