"""Comparisons of two planners on the same texts: intervals, exact tests, many tests at once."""

from __future__ import annotations

from math import comb, erfc, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RESAMPLINGS = 2000
TAIL = 2.5
"""Per cent left out on each side of an interval."""
WIDTH_IN_DEVIATIONS = 2 * 1.96
"""Of a 95 % interval of a normal distribution."""
UNLIKELY = 0.05


class Interval(NamedTuple):
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def chance(self) -> float:
        """Probability of a mean so far from 0 if the true one were 0 (normal, two-sided)."""
        deviation = (self.high - self.low) / WIDTH_IN_DEVIATIONS
        return (
            erfc(abs(self.mean) / deviation / sqrt(2)) if deviation > 0 else float(self.mean == 0)
        )

    def __str__(self) -> str:
        """As in `0.012 (0.008 to 0.016)`."""
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g})"


def bootstrap(values: NDArray[np.float64], *, seed: int = 0) -> Interval:
    """The mean of (models, texts) with the interval of 2,000 resamplings of both.

    Texts are drawn together for all models, and models among themselves: errors of a few models
    are wide, of a single one they are those of its texts.
    """
    models, texts = values.shape
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(texts, np.full(texts, 1 / texts), size=RESAMPLINGS) / texts
    of_models = drawn @ values.T
    chosen = generator.integers(models, size=(RESAMPLINGS, models))
    means = np.take_along_axis(of_models, chosen, axis=1).mean(axis=1)
    low, high = np.percentile(means, [TAIL, 100 - TAIL])
    return Interval(float(values.mean()), float(low), float(high))


def mcnemar(right: NDArray[np.bool_], other_right: NDArray[np.bool_]) -> float:
    """Probability of so uneven a split of the texts that only one got right, if both were equal.

    The exact two-sided test (McNemar 1947): each such text is the toss of a coin.
    """
    ours = int((right & ~other_right).sum())
    theirs = int((other_right & ~right).sum())
    tosses = ours + theirs
    tail = sum(comb(tosses, count) for count in range(min(ours, theirs) + 1))
    return min(1.0, 2 * tail / 2**tosses)


def beyond_noise(chances: Sequence[float]) -> list[bool]:
    """Which of many differences are not by chance, at most 1 in 20 that any of them is.

    `chances`: how probable each is if there were none. Of 70 true ties, 3 or 4 are below 1 in 20
    by themselves; the least must be below 1/20/70, the next below 1/20/69, … (Holm 1979).
    """
    found = [False] * len(chances)
    for rank, place in enumerate(np.argsort(chances, kind="stable")):
        if chances[place] * (len(chances) - rank) >= UNLIKELY:
            break
        found[place] = True
    return found
