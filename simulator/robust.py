"""Statistics that a few wild measurements do not move."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate, combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SIGMAS_PER_DEVIATION = 1.4826
"""The standard deviation of a normal distribution, in median absolute deviations."""

OUTLYING_SIGMAS = 3.5
"""Iglewicz and Hoaglin, "How to Detect and Handle Outliers" (1993)."""

LEAST_OUTLYING_SHARE = 0.05
"""No closer to the median is anything an outlier, however alike the others are."""


def spread(values: Sequence[float]) -> float:
    """Standard deviation by the median absolute deviation; of no value, 0."""
    if not len(values):
        return 0.0
    deviations = np.abs(np.asarray(values) - np.median(values))
    return float(SIGMAS_PER_DEVIATION * np.median(deviations))


def outliers(values: Mapping[str, float]) -> dict[str, float]:
    """Of positive values by name those far from the median, each as a multiple of it."""
    if not values:
        return {}
    middle = float(np.median(list(values.values())))
    allowed = max(OUTLYING_SIGMAS * spread(list(values.values())), LEAST_OUTLYING_SHARE * middle)
    return {name: v / middle for name, v in values.items() if abs(v - middle) > allowed}


def line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Slope and intercept through (x, y) points of which two or more differ in x.

    The slope is the median of those of all pairs, each weighted by its distance in x (Theil and
    Sen), the intercept the median one.
    """
    slopes = sorted(
        ((high[1] - low[1]) / (high[0] - low[0]), high[0] - low[0])
        for low, high in combinations(sorted(points), 2)
        if high[0] > low[0]
    )
    reached = list(accumulate(weight for _, weight in slopes))
    slope = slopes[bisect_left(reached, reached[-1] / 2)][0]
    return slope, float(np.median([y - slope * x for x, y in points]))
