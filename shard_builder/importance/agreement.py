"""How far two rankings agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def rank_correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's correlation of two lists of equal length; 0 where one of them is constant."""
    one, other = _centred_ranks(first), _centred_ranks(second)
    spread = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / spread if spread > 0 else 0.0


def _centred_ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Ranks minus their mean; equal values share the mean of their places."""
    _, place, counts = np.unique(np.ravel(values), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[place]
    return ranks - ranks.mean()
