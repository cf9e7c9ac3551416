"""From measured distances to what each shard gains at each bitwidth.

An upgrade tells what a shard's precision is worth in a coarse model, a drop what it is worth in
an exact one; the sum of both, each as a share of its total, ranks mixed models better than
either alone. Drops weigh more: an upgrade is the small difference of two large distances, and
known far less well from as many sentences. What a drop tells holds in smaller submodels too, what
an upgrade tells does not: so the shards of a small submodel share what they are worth together
half by that, half by their upgrades in the submodel itself (docs/decisions/0014). A bitwidth
brings as much of a worth as it removes of the lowest bitwidth's quantisation error.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shard_builder.importance.agreement import rank_correlation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    FloatTable = NDArray[np.float64]

PRESENCE_SHARE = 0.1
"""Gain of a shard at the lowest bitwidth, as a share of its worth, where slices are chosen.

It makes a plan prefer the more sensitive slices, in the order in which the reference slices
stand. It has to be small: scores are scaled so that the reference slices gain full - base from
nothing to the highest bitwidth, so this share of 1 + itself is credited to the lowest already.
"""

DROP_WEIGHT = 4.0
"""Of a drop's share beside an upgrade's: with 512 sentences as good a ranking as equal weights
have with 800 (docs/decisions/0013)."""

HALVINGS = 50
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Upgrades:
    """Distances of a submodel to itself at full precision, by sentence (last axis).

    `lowest` (sentences,): every shard at the lowest bitwidth. `upgraded` (depth, width,
    sentences): the same but this shard raised.
    """

    lowest: FloatTable
    upgraded: FloatTable


@dataclass(frozen=True, kw_only=True)
class ShardDistances:
    """What was measured of the shards.

    `whole`: upgrades in the full model. `dropped` (layers, slices, sentences): distances of the
    full model at the highest bitwidth but this shard at the lowest. `small`: upgrades in a small
    submodel, if they were measured.
    """

    whole: Upgrades
    dropped: FloatTable
    small: Upgrades | None = None

    @property
    def sentences(self) -> int:
        """How many sentences were measured."""
        return len(self.whole.lowest)


class Halves(NamedTuple):
    """Gains by bitwidth as two halves of the sentences have them."""

    first: dict[int, FloatTable]
    second: dict[int, FloatTable]


def mean_gains(
    distances: ShardDistances, errors: Mapping[int, FloatTable], presence: float
) -> dict[int, FloatTable]:
    """Gains by bitwidth, layers x slices, in the unit of the distance.

    `errors`: quantisation error of each shard by bitwidth. All gains together from the lowest to
    the highest bitwidth make the distance of the whole model at the lowest.
    """
    weights = np.full(distances.sentences, 1 / distances.sentences)
    return _gains(_worth(distances, weights), errors, presence)


def half_gains(
    distances: ShardDistances, errors: Mapping[int, FloatTable], presence: float
) -> tuple[Halves, ...]:
    """The gains from two random halves of the sentences, for each of 50 ways to halve them.

    Nothing for a single sentence.
    """
    count = distances.sentences
    generator = np.random.default_rng(SEED)
    orders = [generator.permutation(count) for _ in range(HALVINGS if count > 1 else 0)]
    return tuple(
        Halves(
            *(
                _gains(_worth(distances, half / half.sum()), errors, presence)
                for half in (order < count // 2, order >= count // 2)
            )
        )
        for order in orders
    )


def gain_errors(halves: Sequence[Halves]) -> dict[int, FloatTable]:
    """Standard errors of the gains of all sentences: half of what the halves differ by.

    Root mean square over the ways to halve them.
    """
    return {
        bits: np.sqrt(np.mean([np.square(one[bits] - two[bits]) for one, two in halves], axis=0))
        / 2
        for bits in halves[0].first
    }


def split_half(halves: Sequence[Halves]) -> float:
    """Mean rank correlation of what the two halves gain at the highest bitwidth."""
    highest = max(halves[0].first)
    return float(np.mean([rank_correlation(one[highest], two[highest]) for one, two in halves]))


def _worth(distances: ShardDistances, weights: FloatTable) -> FloatTable:
    """What each shard's precision is worth, summing to the distance at the lowest bitwidth."""
    whole = distances.whole
    drops = distances.dropped @ weights
    worth = _shares(_upgrades(whole, weights)) + DROP_WEIGHT * _shares(drops)
    if distances.small:
        upgrades = _upgrades(distances.small, weights)
        inside = worth[: upgrades.shape[0], : upgrades.shape[1]]
        if upgrades.any():
            inside[:] = inside.sum() * (_shares(inside) + _shares(upgrades)) / 2
    return float(whole.lowest @ weights) * _shares(worth)


def _upgrades(submodel: Upgrades, weights: FloatTable) -> FloatTable:
    """How much of the distance at the lowest bitwidth goes when a shard is raised; none below 0."""
    return np.maximum(submodel.lowest @ weights - submodel.upgraded @ weights, 0)


def _shares(values: FloatTable) -> FloatTable:
    total = float(values.sum())
    return values / total if total > 0 else np.zeros_like(values)


def _gains(
    worth: FloatTable, errors: Mapping[int, FloatTable], presence: float
) -> dict[int, FloatTable]:
    """Worth x (presence + share of the error removed); the share never falls with bits."""
    ordered = sorted(errors)
    lowest = errors[ordered[0]]
    least_so_far = accumulate((errors[bits] for bits in ordered), np.minimum)
    return {
        bits: worth * (presence + _removed_share(lowest, error))
        for bits, error in zip(ordered, least_so_far, strict=True)
    }


def _removed_share(lowest: FloatTable, error: FloatTable) -> FloatTable:
    """1 - error / lowest; 0 where the lowest bitwidth has no error to remove."""
    return 1 - np.divide(error, lowest, out=np.ones_like(error), where=lowest > 0)
