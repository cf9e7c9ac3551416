"""What one more unit of latency or preload buffer would buy, to first order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import ShadowPrices
from planner_api.optimizer.bounding.multipliers import prices

if TYPE_CHECKING:
    from planner_api.optimizer.bounding.multipliers import Multipliers
    from planner_api.optimizer.bounding.relaxation import PairModel
    from planner_api.optimizer.problem import Problem

MICROSECONDS_PER_MILLISECOND = 1000
BYTES_PER_KIB = 1024


def shadow_prices(model: PairModel, multipliers: Multipliers) -> ShadowPrices:
    """From the best prices of the plan's pair, in the table's unit.

    Without a preload buffer nothing prices it: the first byte is worth what preloading the shard
    of most worth a byte would save.
    """
    per_byte = multipliers.preload
    if not model.tables.preloads:
        per_byte = _first_byte(model.problem, model, multipliers)
    return ShadowPrices(
        score_per_ms=multipliers.latency * model.unit * MICROSECONDS_PER_MILLISECOND,
        score_per_kib_preload=per_byte * model.unit * BYTES_PER_KIB,
    )


def _first_byte(problem: Problem, model: PairModel, multipliers: Multipliers) -> float:
    price = prices(problem, multipliers)
    tables = model.tables
    _, depth, slices = tables.gain.shape
    best = tables.values(price).max(axis=0)
    allowed = problem.states[:depth, :slices, :, 1].transpose(2, 0, 1)
    known = np.isfinite(tables.gain) & allowed & np.isfinite(best)
    if not known.any():
        return 0.0
    preloaded = tables.gain - (tables.decode_us[:, None] * price.decode)[:, :, None]
    saved = np.where(known, preloaded, 0.0) - np.where(known, best, 0.0)
    return max(0.0, float((saved / tables.sizes)[known].max()) - multipliers.held)
