"""The proof that prices alone do not give: every plan that could beat a bound, one by one.

At the prices of a pair's multipliers its bound U is the score of a plan plus what the plan gives
away: in each layer the worth it forgoes against the layer's best choice, and at each wait of
reads or compute the price of the time waited. None of it is negative. So a plan that scores more
than B gives away less than U - B. Plans grow shard by shard and layer by layer; those that have
given away more or broken a limit are left, and of those with the same needs all but the best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner_api.verify.bounds import flows_of, lagrangian_bound, worth_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from plan_contracts import PairBound
    from planner_api.verify.bounds import Flows
    from planner_api.verify.documents import Numbers

    Chosen = NDArray[np.bool_] | NDArray[np.int64]

MOST_BEGINNINGS = 5_000_000
"""Looked at for a layer, or for a slice of one: seconds."""
AT_ONCE = 1_000_000
TAKEN, READ_US, DECODE_US, STREAMED_BYTES, PRELOADED_BYTES = range(5)


class TooManyPlansError(Exception):
    """More beginnings of plans than can be held at once."""


class Fillings(NamedTuple):
    """Ways to fill a layer: (O,) gain and worth given away, (O, 5) slices, times and bytes."""

    gain: NDArray[np.float64]
    lost: NDArray[np.float64]
    needs: NDArray[np.int64]

    def where(self, chosen: Chosen) -> Fillings:
        """Those of a mask, or of indices."""
        return Fillings(self.gain[chosen], self.lost[chosen], self.needs[chosen])


class Beginnings(NamedTuple):
    """The first layers of plans.

    gain, lost (given away so far), read_end (of all reads), preloaded bytes: (P,). computed:
    (P, .) when the compute of the last layers ends, as many as reads can wait for. streamed:
    (P, layers) bytes.
    """

    gain: NDArray[np.float64]
    lost: NDArray[np.float64]
    read_end: NDArray[np.int64]
    preloaded: NDArray[np.int64]
    computed: NDArray[np.int64]
    streamed: NDArray[np.int64]

    def where(self, chosen: Chosen) -> Beginnings:
        """Those of a mask, or of indices."""
        return Beginnings(
            self.gain[chosen],
            self.lost[chosen],
            self.read_end[chosen],
            self.preloaded[chosen],
            self.computed[chosen],
            self.streamed[chosen],
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Hunt:
    """For a plan of one pair that scores more than `above`.

    worth: (depth, M, K) of the states at the bound's prices. slack: what such a plan gives away
    is less. ahead: the read-ahead limit, or one that limits nothing. memory_binds: False where
    no plan of the pair could reach the limit.
    """

    numbers: Numbers
    bound: PairBound
    flows: Flows
    worth: NDArray[np.float64]
    slack: float
    ahead: int
    memory_binds: bool


def best_score(numbers: Numbers, bound: PairBound, *, above: float) -> float | None:
    """The best score of the pair's plans if that is more than `above`, else `above`.

    The bound's multipliers only say where to look. None if there are too many plans.
    """
    hunt = _hunt(numbers, bound, above)
    if hunt.slack <= 0:
        return above
    none = np.zeros(1, dtype=np.int64)
    found = Beginnings(np.zeros(1), np.zeros(1), none, none, none[:, None], none[:, None][:, :0])
    try:
        for layer in range(bound.depth):
            found = _extended(hunt, found, _fillings(hunt, layer), layer)
    except TooManyPlansError:
        return None
    place = bound.depth - 1, bound.width - 1
    return max([above, *(numbers.base[place] + numbers.scale[place] * found.gain).tolist()])


def _hunt(numbers: Numbers, bound: PairBound, above: float) -> Hunt:
    ahead = numbers.documents.target.read_ahead_layers
    largest = -np.sort(-numbers.size_bytes[: bound.depth].max(axis=2), axis=1)[:, : bound.width]
    most_bytes = int(largest.sum()) + numbers.documents.spent_bytes(bound.width)
    return Hunt(
        numbers=numbers,
        bound=bound,
        flows=flows_of(numbers, bound),
        worth=worth_of(numbers, bound),
        slack=lagrangian_bound(numbers, bound) - above,
        ahead=bound.depth if ahead is None else min(ahead, bound.depth),
        memory_binds=most_bytes > numbers.documents.memory_bytes,
    )


def _given_away(hunt: Hunt, layer: int) -> NDArray[np.float64]:
    """(M, K + 1): the worth that each state of a slice forgoes, and last, leaving the slice out.

    The slices of most worth come in. Another one instead costs what it is worth less than the
    last that comes in, one of them left out what it is worth more.
    """
    width, worth = hunt.bound.width, hunt.worth[layer]
    best = worth.max(axis=1)
    rank = np.where(hunt.numbers.pinned[layer], np.inf, best)
    if hunt.numbers.is_prefix:
        rank = np.where(np.arange(len(best)) < width, np.inf, -np.inf)
    order = np.argsort(-rank, kind="stable")
    edge = rank[order[width - 1 : width + 1]]
    last = edge[np.isfinite(edge)][0] if np.isfinite(edge).any() else 0.0
    comes_in = np.isin(np.arange(len(best)), order[:width])
    usable = np.isfinite(worth)
    forgone = np.where(usable, best[:, None] - np.where(usable, worth, 0.0), np.inf)
    chosen = forgone + np.where(comes_in, 0.0, last - rank)[:, None]
    return np.column_stack((chosen, np.where(comes_in, rank - last, 0.0)))


def _fillings(hunt: Hunt, layer: int) -> Fillings:
    """The ways to choose the slices of a layer and their states that give away little enough."""
    numbers = hunt.numbers
    lost, needs = _given_away(hunt, layer), _needs(numbers, layer)
    slices = len(lost)
    gain = np.column_stack((numbers.gain[layer], np.zeros(slices)))
    found = Fillings(np.zeros(1), np.zeros(1), np.zeros((1, 5), dtype=np.int64))
    for index in range(slices):
        parts: list[Fillings] = []
        for one, other in _together(found.lost, lost[index], hunt.slack):
            grown = Fillings(
                found.gain[one] + gain[index, other],
                found.lost[one] + lost[index, other],
                found.needs[one] + needs[index, other],
            )
            missing = hunt.bound.width - grown.needs[:, TAKEN]
            parts.append(grown.where((missing >= 0) & (missing < slices - index)))
        found = Fillings(*map(np.concatenate, zip(*parts, strict=True)))
        found = found.where(_best_of_equal(found.gain, found.needs))
    return found


def _needs(numbers: Numbers, layer: int) -> NDArray[np.int64]:
    """(M, K + 1, 5): what each state of each slice needs, and last, nothing for leaving it out."""
    sizes = numbers.size_bytes[layer]
    needs = np.zeros((sizes.shape[0], sizes.shape[1] + 1, 5), dtype=np.int64)
    needs[:, :-1, TAKEN] = 1
    needs[:, :-1, READ_US] = numbers.read_us[layer]
    needs[:, :-1, DECODE_US] = numbers.decode_us
    needs[:, :-1, STREAMED_BYTES] = np.where(numbers.preloaded, 0, sizes)
    needs[:, :-1, PRELOADED_BYTES] = np.where(numbers.preloaded, sizes, 0)
    return needs


def _together(
    one: NDArray[np.float64], other: NDArray[np.float64], slack: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Indices of all entries of the two whose sum is below the slack, AT_ONCE or so at a time."""
    order = np.argsort(other)
    counts = np.searchsorted(other[order], slack - one)
    total = counts.cumsum()
    if total[-1:].sum() > MOST_BEGINNINGS:
        raise TooManyPlansError
    for part in np.split(np.arange(len(one)), np.flatnonzero(np.diff(total // AT_ONCE)) + 1):
        first = np.repeat(part, counts[part])
        before = np.repeat(total[part] - counts[part], counts[part])
        place = np.arange(len(first)) + (total[part[0]] - counts[part[0]] if len(part) else 0)
        yield first, order[place - before]


def _best_of_equal(gain: NDArray[np.float64], needs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of the most gain among all with the same row of needs, for each such row."""
    order = np.lexsort((-gain, *needs.T))
    ordered = needs[order]
    is_first = np.ones(len(order), dtype=np.bool_)
    is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return order[is_first]


def _extended(hunt: Hunt, found: Beginnings, fillings: Fillings, layer: int) -> Beginnings:
    """Every beginning with every filling of the next layer that keeps to slack and limits."""
    parts = [
        _grown(hunt, found.where(one), fillings.where(other), layer)
        for one, other in _together(found.lost, fillings.lost, hunt.slack)
    ]
    after = Beginnings(*map(np.concatenate, zip(*parts, strict=True)))
    return after.where(_best_of_equal(after.gain, _state(hunt, after)))


def _grown(hunt: Hunt, before: Beginnings, filling: Fillings, layer: int) -> Beginnings:
    """Each beginning with its filling, if it keeps to slack and limits (PLANNING, "Time")."""
    flows, needs = hunt.flows, filling.needs
    lost = before.lost + filling.lost
    start, done = before.read_end, before.computed[:, -1]
    if layer > hunt.ahead:
        freed = before.computed[:, -1 - hunt.ahead]
        start = np.maximum(start, freed)
        lost += flows.freed[layer] * (start - freed)
    read_end = start + needs[:, READ_US]
    ready = np.maximum(read_end, done)
    lost += flows.reads[layer] * (start - before.read_end)
    lost += flows.reads_to_compute[layer] * (ready - read_end)
    lost += flows.compute[layer] * (ready - done)
    computed = ready + hunt.numbers.layer_us[hunt.bound.width - 1] + needs[:, DECODE_US]
    after = Beginnings(
        gain=before.gain + filling.gain,
        lost=lost,
        read_end=read_end,
        preloaded=before.preloaded + needs[:, PRELOADED_BYTES],
        computed=np.column_stack((before.computed, computed))[:, -1 - hunt.ahead :],
        streamed=np.column_stack((before.streamed, needs[:, STREAMED_BYTES])),
    )
    return after.where((lost < hunt.slack) & _fit(hunt, after, layer))


def _fit(hunt: Hunt, found: Beginnings, layer: int) -> NDArray[np.bool_]:
    """Which beginnings keep to latency, preload buffer and memory so far."""
    numbers, width = hunt.numbers, hunt.bound.width
    step = int(numbers.layer_us[width - 1]) + width * int(numbers.decode_us.min())
    left = (hunt.bound.depth - layer - 1) * step
    documents = numbers.documents
    windows = [found.streamed[:, k : k + hunt.ahead + 1].sum(axis=1) for k in range(layer + 1)]
    held = documents.spent_bytes(width) + found.preloaded + np.max(windows, axis=0)
    return (
        (found.computed[:, -1] + left <= numbers.latency_us)
        & (found.preloaded <= documents.target.preload_bytes)
        & (held <= documents.memory_bytes)
    )


def _state(hunt: Hunt, found: Beginnings) -> NDArray[np.int64]:
    """(P, .): all that the layers to come depend on."""
    streamed = found.streamed if hunt.memory_binds else found.streamed[:, :0]
    return np.column_stack((found.read_end, found.preloaded, found.computed, streamed))
