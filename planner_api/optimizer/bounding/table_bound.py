"""The trivial bound of every pair at once, and the range that gaps are relative to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import PairBound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.problem import Problem

ROUNDING = 1e-9
"""Relative gaps up to this count as none: sums of floats differ by their order."""


def table_bounds(problem: Problem) -> NDArray[np.float64]:
    """(N, M), by depth-1 and width-1: no plan of the pair scores more; -inf if not allowed.

    Base + scale * for each layer the pinned slices and the best of the others up to the width,
    each slice at the best gain its states allow (PLANNING, "Search over (n, m)"). Latency,
    preload and memory are left out. Under `prefix` the slices are 0..m-1.
    """
    allowed = problem.states.any(axis=3)
    best = np.where(allowed, problem.gain, -np.inf).max(axis=2)
    if problem.selection == "any":
        best = np.take_along_axis(best, _preference(problem, best), axis=1)
    by_layer = np.where(np.isfinite(best), best, 0.0).cumsum(axis=1)
    bounds = problem.base + problem.scale * by_layer.cumsum(axis=0)
    return np.where(pair_mask(problem), bounds, -np.inf)


def _preference(problem: Problem, best: NDArray[np.float64]) -> NDArray[np.int64]:
    """(N, M): each layer's slices, pinned ones first, then by best gain, descending."""
    return np.lexsort((-best, ~problem.required), axis=1)


def pair_mask(problem: Problem) -> NDArray[np.bool_]:
    """(N, M), by depth-1 and width-1: whether the pair is allowed."""
    mask = np.zeros((problem.layers, problem.slices), dtype=np.bool_)
    depths, widths = np.array(problem.pairs).T
    mask[depths - 1, widths - 1] = True
    return mask


def computable(problem: Problem) -> NDArray[np.bool_]:
    """(N, M): allowed pairs whose compute and fastest decode alone fit the latency.

    The others hold no plan: n * (c(m) + m * min decode) > T.
    """
    depths = np.arange(1, problem.layers + 1)[:, None]
    widths = np.arange(1, problem.slices + 1)[None, :]
    step = problem.layer_us[1:][None, :] + widths * problem.decode_us.min()
    return pair_mask(problem) & (depths * step <= problem.latency_us)


def score_range(problem: Problem, bounds: NDArray[np.float64]) -> float:
    """What gaps are relative to: the largest table bound - the least base of allowed pairs."""
    return float(bounds.max() - problem.base[pair_mask(problem)].min())


def relative_gap(objective: float, upper_bound: float, score_range: float) -> float:
    """(upper_bound - objective) / range; 0 up to ROUNDING, and where all plans score the same."""
    if score_range <= 0:
        return 0.0
    gap = (upper_bound - objective) / score_range
    return gap if gap > ROUNDING else 0.0


def table_pair_bounds(problem: Problem, bounds: NDArray[np.float64]) -> tuple[PairBound, ...]:
    """The table bound of every allowed pair as it stands in a certificate."""
    return tuple(
        PairBound(
            depth=pair.depth,
            width=pair.width,
            upper_bound=float(bounds[pair.depth - 1, pair.width - 1]),
            kind="table",
        )
        for pair in problem.pairs
    )
