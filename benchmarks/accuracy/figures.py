"""From the answers of all models to figures: means, intervals, and what falls short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.accuracy.headline import FULL, OPTIMAL, OTHERS, PREDICTED
from benchmarks.accuracy.paired import Interval, beyond_noise, bootstrap, mcnemar
from benchmarks.accuracy.quantised import FULL_PRECISION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.accuracy.cases import Point
    from benchmarks.accuracy.headline import Outcome
    from benchmarks.accuracy.quantised import Quantised

PLANNERS = (OPTIMAL, PREDICTED, *OTHERS, FULL)
BASELINE_QUANTISER, OUR_QUANTISER = "gobo-layer", "compensated"
LEAST_RATIOS = {2: 2.0, 3: 1.7}
"""How many times smaller our quantiser's distance must be, by bits."""
RATIO_SIZES = ((6, 12), (4, 6))
LEAST_ACCURACY = {
    (6, 12, 32): 0.895,
    (6, 12, 3): 0.885,
    (6, 12, 2): 0.870,
    (4, 6, 32): 0.86,
    (3, 3, 32): 0.84,
}
"""Of the example model, by depth, width and bits."""
SMALLEST = 1e-12
"""A distance as good as none, in any unit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantisedFigure:
    """One quantiser at one size and bitwidth, over all models; `accuracies` has one a model."""

    quantiser: str
    depth: int
    width: int
    bits: int
    bytes: int
    distance: Interval
    accuracies: tuple[float, ...]

    @property
    def accuracy(self) -> float | None:
        """Mean over the models; None without labels."""
        return float(np.mean(self.accuracies)) if self.accuracies else None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannerFigure:
    """One planner at one point, over all models.

    `more`: how much farther than `optimal` its answers are from the full model's. `fewer_right`:
    how much lower its accuracy is than that of `optimal`; `chance`: McNemar's probability of
    such a difference in right answers if there were none.
    """

    point: Point
    planner: str
    names: tuple[str, ...]
    latency_us: int
    distance: Interval
    more: Interval
    accuracies: tuple[float, ...]
    fewer_right: float | None
    chance: float | None

    @property
    def accuracy(self) -> float | None:
        """Mean over the models; None without labels."""
        return float(np.mean(self.accuracies)) if self.accuracies else None

    @property
    def place(self) -> str:
        """Which point it is, in words."""
        latency_us, preload_bytes = self.point.latency_us, self.point.preload_bytes
        return f"{self.point.device}, {latency_us} us, {preload_bytes} bytes preloaded"

    @property
    def verdict(self) -> str:
        """How `optimal` does beside it: by the distance, and whether that is beyond noise."""
        if self.more.low > 0:
            return "closer"
        if self.more.high < 0:
            return "farther"
        return "same" if self.more == Interval(0.0, 0.0, 0.0) else "tie"


@dataclass(frozen=True, kw_only=True, slots=True)
class GapFigure:
    """How much farther a planner's answers are from the full model's, over all its points.

    `share`: of its distance, that `optimal` saves. `accuracy`: how much lower its accuracy is.
    """

    planner: str
    points: int
    more: Interval
    share: Interval
    accuracy: Interval | None


def quantised_figures(models: Sequence[Sequence[Quantised]]) -> list[QuantisedFigure]:
    """One for each quantiser, size and bitwidth that every model has."""
    found: list[QuantisedFigure] = []
    for same in zip(*models, strict=True):
        first = same[0]
        found.append(
            QuantisedFigure(
                quantiser=first.quantiser,
                depth=first.depth,
                width=first.width,
                bits=first.bits,
                bytes=round(np.mean([one.bytes for one in same])),
                distance=bootstrap(np.stack([one.distances for one in same])),
                accuracies=tuple(one.accuracy for one in same if one.accuracy is not None),
            )
        )
    return found


def planner_figures(models: Sequence[Sequence[Outcome]]) -> list[PlannerFigure]:
    """Every planner at every point where it has a plan for every model."""
    return [_planner_figure(ours, theirs) for ours, theirs in _beside_optimal(models)]


def gap_figures(models: Sequence[Sequence[Outcome]]) -> list[GapFigure]:
    """One for each planner with a deadline, over the points where it has a plan."""
    pairs = list(_beside_optimal(models))
    return [
        _gap(planner, [pair for pair in pairs if pair[1][0].planner == planner])
        for planner in (PREDICTED, *OTHERS)
        if any(theirs[0].planner == planner for _, theirs in pairs)
    ]


Group = list["Outcome"]
"""One planner at one point: an outcome a model."""


def _beside_optimal(models: Sequence[Sequence[Outcome]]) -> Iterator[tuple[Group, Group]]:
    by_key = [{(one.point, one.planner): one for one in outcomes} for outcomes in models]
    points = list(dict.fromkeys(one.point for outcomes in models for one in outcomes))
    for point in points:
        for planner in PLANNERS:
            keys = (point, OPTIMAL), (point, planner)
            if all(key in of_model for key in keys for of_model in by_key):
                ours, theirs = ([of_model[key] for of_model in by_key] for key in keys)
                yield ours, theirs


def _planner_figure(ours: Group, theirs: Group) -> PlannerFigure:
    fewer_right, chance = _right_answers(_rights(ours), _rights(theirs))
    return PlannerFigure(
        point=theirs[0].point,
        planner=theirs[0].planner,
        names=tuple(one.name for one in theirs),
        latency_us=round(np.mean([one.latency_us for one in theirs])),
        distance=bootstrap(_distances(theirs)),
        more=bootstrap(_distances(theirs) - _distances(ours)),
        accuracies=tuple(one.accuracy for one in theirs if one.accuracy is not None),
        fewer_right=fewer_right,
        chance=chance,
    )


def _right_answers(
    ours: NDArray[np.bool_] | None, theirs: NDArray[np.bool_] | None
) -> tuple[float | None, float | None]:
    if ours is None or theirs is None:
        return None, None
    return float(ours.mean() - theirs.mean()), mcnemar(ours, theirs)


def _gap(planner: str, pairs: Sequence[tuple[Group, Group]]) -> GapFigure:
    ours = np.mean([_distances(group) for group, _ in pairs], axis=0)
    theirs = np.mean([_distances(group) for _, group in pairs], axis=0)
    rights = [(_rights(one), _rights(other)) for one, other in pairs]
    fewer = [
        one.astype(np.float64) - other
        for one, other in rights
        if one is not None and other is not None
    ]
    return GapFigure(
        planner=planner,
        points=len(pairs),
        more=bootstrap(theirs - ours),
        share=bootstrap((theirs - ours) / max(theirs.mean(), SMALLEST)),
        accuracy=bootstrap(np.mean(fewer, axis=0)) if fewer else None,
    )


def _distances(group: Group) -> NDArray[np.float64]:
    """(models, texts)."""
    return np.stack([one.distances for one in group])


def _rights(group: Group) -> NDArray[np.bool_] | None:
    """(models, texts); None without labels."""
    rows = [one.right for one in group if one.right is not None]
    return np.stack(rows) if rows else None


def quantised_shortfalls(figures: Iterable[QuantisedFigure]) -> Iterator[str]:
    """Where our quantiser is not enough closer than the baseline, or not smaller."""
    by_key = {(f.quantiser, f.depth, f.width, f.bits): f for f in figures}
    for depth, width in RATIO_SIZES:
        for bits, least in LEAST_RATIOS.items():
            keys = [(name, depth, width, bits) for name in (BASELINE_QUANTISER, OUR_QUANTISER)]
            if not all(key in by_key for key in keys):
                continue
            theirs, ours = (by_key[key] for key in keys)
            place = f"{depth}x{width} at {bits} bit"
            if ours.bytes > theirs.bytes:
                yield f"{place}: bytes must be at most {theirs.bytes}, got {ours.bytes}"
            ratio = theirs.distance.mean / ours.distance.mean
            if ratio < least:
                yield f"{place}: distance must be {least} times lower, got {ratio:.2f} times"


def accuracy_shortfalls(figures: Iterable[QuantisedFigure]) -> Iterator[str]:
    """Where the example model is less accurate than it should be."""
    for figure in figures:
        least = LEAST_ACCURACY.get((figure.depth, figure.width, figure.bits))
        if figure.quantiser not in {OUR_QUANTISER, FULL_PRECISION} or figure.accuracy is None:
            continue
        if least is not None and figure.accuracy < least:
            yield (
                f"{figure.depth}x{figure.width} at {figure.bits} bit: accuracy must be at least "
                f"{least:.1%}, got {figure.accuracy:.2%}"
            )


def planner_shortfalls(figures: Iterable[PlannerFigure]) -> Iterator[str]:
    """Where another planner in time is closer to the full model, or more accurate, beyond noise.

    Beyond the noise of all comparisons together: a few of so many true ties look like differences.
    """
    others = [figure for figure in figures if figure.planner in OTHERS]
    for figure, sure in zip(others, beyond_noise([f.more.chance for f in others]), strict=True):
        if sure and figure.more.mean < 0:
            yield f"{figure.place}: {figure.planner} is closer to the full model by {figure.more}"
    labelled = [(figure, figure.chance) for figure in others if figure.chance is not None]
    sures = beyond_noise([chance for _, chance in labelled])
    for (figure, chance), sure in zip(labelled, sures, strict=True):
        if sure and (figure.fewer_right or 0) < 0:
            yield f"{figure.place}: {figure.planner} is more accurate (p = {chance:.2g})"
