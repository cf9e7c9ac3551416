"""Bounds from prices on whole paths, in plain loops: what the flows of a certificate stand for.

Each path leads from the end of the last layer's compute back to the start, through the ends of
reads F and of compute C; what it passes must fit into the latency. A price on every path, on every
window of layers in memory and on the preload buffer gives a bound; summed up by arc, the prices
are the multipliers of a certificate.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import exhaustive
from plan_contracts import PairBound

if TYPE_CHECKING:
    import random

    from exhaustive import Shard

Json = dict[str, Any]
Node = tuple[str, int]


class Priced(NamedTuple):
    """Prices: of each path, each window that begins at a layer, the preload buffer, all decode."""

    paths: list[tuple[float, list[Node]]]
    windows: list[float]
    preload: float
    decode: float


def random_prices(request: Json, depth: int, source: random.Random) -> Priced:
    """A few random paths at random prices, and windows where the memory is limited."""
    ahead = request["target"].get("read_ahead_layers")
    limited = request["target"].get("memory_bytes") is not None
    paths = [
        (source.choice((0.01, 0.1)) * source.random(), _random_path(depth, ahead, source))
        for _ in range(source.randint(1, 6))
    ]
    windows = [source.random() * source.choice((0, 0.05)) if limited else 0.0 for _ in range(depth)]
    preload, decode = (source.random() * source.choice((0, 0.2)) for _ in range(2))
    return Priced(paths, windows, preload, decode)


def _random_path(depth: int, ahead: int | None, source: random.Random) -> list[Node]:
    path: list[Node] = [("C", depth - 1)]
    while path[-1] != ("F", 0):
        kind, layer = path[-1]
        before: list[Node] = [("F", layer)] if kind == "C" else []
        if layer > 0:
            before.append((kind, layer - 1))
        if kind == "F" and ahead is not None and layer - 1 - ahead >= 0:
            before.append(("C", layer - 1 - ahead))
        path.append(source.choice(before))
    return path


def multipliers(request: Json, depth: int, width: int, priced: Priced) -> PairBound:
    """The bound as a certificate states it, prices summed up by arc."""
    ahead = request["target"].get("read_ahead_layers")
    path, buffer = [0.0] * depth, [0.0] * depth
    for price, nodes in priced.paths:
        for (kind, layer), (earlier, _) in itertools.pairwise(nodes):
            if (kind, earlier) == ("C", "F"):
                path[layer] += price
            if (kind, earlier) == ("F", "C"):
                buffer[layer] += price
    return PairBound(
        depth=depth,
        width=width,
        upper_bound=bound(request, depth, width, priced),
        kind="lagrangian",
        path=tuple(path),
        buffer=None if ahead is None else tuple(buffer),
        memory=tuple(priced.windows),
        preload=priced.preload,
        decode=priced.decode,
    )


def bound(request: Json, depth: int, width: int, priced: Priced) -> float:
    """The worth of all limits, and in each layer the most that any choice of shards is worth."""
    compute, model = request["device"]["compute"][0], request["model"]
    latency = request["target"]["latency_us"] - compute.get("fixed_us", 0)
    room = exhaustive.memory_limit(request) - model["resident_bytes"]
    room -= compute.get("activation_bytes", 0) + width * model["decoded_shard_bytes"]
    total: float = request["importance"]["base"][depth - 1][width - 1]
    total += sum(priced.windows) * room
    total += priced.decode * _most_decode_us(request, depth, width)
    total += priced.preload * request["target"].get("preload_bytes", 0)
    for price, nodes in priced.paths:
        computed = sum(1 for kind, _ in nodes if kind == "C")
        total += price * (latency - computed * exhaustive.layer_us(request, width))
    scale = exhaustive.scale(request, depth, width)
    for layer in range(depth):
        choices = exhaustive.layer_options(request, layer, width)
        total += max(
            sum(scale * s.gain - _cost(request, layer, s, priced) for s in shards)
            for shards in choices
            if request["target"].get("preload_bytes", 0) or not any(s.preload for s in shards)
        )
    return total


def _cost(request: Json, layer: int, shard: Shard, priced: Priced) -> float:
    """What a shard's read, decode and bytes cost on all paths, windows and in the buffer."""
    ahead = request["target"].get("read_ahead_layers")
    cost = 0.0
    for price, nodes in priced.paths:
        cost += price * shard.decode_us * (("C", layer) in nodes)
        cost += price * shard.read_us * (("F", layer) in nodes and not shard.preload)
    for first, price in enumerate(priced.windows):
        inside = first <= layer and (ahead is None or layer <= first + ahead)
        cost += price * shard.size_bytes * (shard.preload or inside)
    return (
        cost + priced.preload * shard.size_bytes * shard.preload + priced.decode * shard.decode_us
    )


def _most_decode_us(request: Json, depth: int, width: int) -> int:
    """What compute and the least first reads leave, down to what decode times are multiples of."""
    compute, target = request["device"]["compute"][0], request["target"]
    allowed = request.get("options", {}).get("bitwidths") or request["model"]["bitwidths"]
    left = target["latency_us"] - compute.get("fixed_us", 0)
    left -= depth * exhaustive.layer_us(request, width)
    if not target.get("preload_bytes", 0):
        sizes = [request["model"]["shard_bytes"][str(b)][0] for b in allowed]
        left -= sum(
            sorted(exhaustive.read_us(request, min(s)) for s in zip(*sizes, strict=True))[:width]
        )
    times = [compute["shard_decode_us"][str(b)] for b in allowed]
    step = math.gcd(*times)
    while step and left % step:
        left -= 1
    return left if step else 0
