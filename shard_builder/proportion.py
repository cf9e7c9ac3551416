"""A share of successes and how sure it is."""

from __future__ import annotations

import math
from statistics import NormalDist

from plan_contracts import Part

CONFIDENCE = 0.95


class Proportion(Part):
    """`right` of `total`, and the 95 % Wilson interval of the share behind it."""

    right: int
    total: int
    share: float
    low: float
    high: float


def proportion(right: int, total: int) -> Proportion:
    """The share of `right` (0..total) in `total` (1 or more), with its interval.

    Wilson's score interval (Wilson 1927), which stays within 0..1 and holds for shares near 1.
    """
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = right / total
    weight = 1 + z**2 / total
    centre = (share + z**2 / (2 * total)) / weight
    reach = z / weight * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return Proportion(
        right=right,
        total=total,
        share=share,
        low=max(0.0, centre - reach),
        high=min(1.0, centre + reach),
    )
