"""What is known of the best score over a grid of latency targets and preload buffers.

At fixed prices a bound is linear in its limits (latency, preload bytes, all decode), so prices
found at one point bound all others; a plan that keeps to one point's limits keeps to all larger
ones (PLANNING, "What was measured"). So every bound and every plan counts everywhere it can.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner_api.optimizer.bounding.bounds import may_hold_plans, most_decode_us, upper_bounds
from planner_api.optimizer.bounding.table_bound import (
    ROUNDING,
    computable,
    score_range,
    table_bounds,
)
from planner_api.optimizer.bounding.tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.multipliers import Multipliers
    from planner_api.optimizer.bounding.tables import Tables
    from planner_api.optimizer.problem import Pair, Problem
    from planner_api.optimizer.solution import Candidate


class Place(NamedTuple):
    """A point of the grid: indices of its latency and of its preload buffer, both ascending."""

    latency: int
    preload: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontierPoint:
    """The best score at these limits lies between the bounds.

    `latency_us` counts fixed_us in. Without a known plan `lower_bound` and `candidate` are None;
    `upper_bound` is None where it is proven that there is none. `relative_gap` is that of a
    certificate, its range the same everywhere: 0 where there is no plan, None while that is open.
    """

    latency_us: int
    preload_bytes: int
    lower_bound: float | None
    upper_bound: float | None
    relative_gap: float | None
    candidate: Candidate | None


class Grid:
    """Bounds and plans of all points; both only ever get better.

    ceilings: (N, M, T, S), no plan of the pair (by depth - 1, width - 1) scores more at the
    point, -inf if it has none there. lower: (T, S), the best score known, -inf without a plan.
    """

    def __init__(
        self, problem: Problem, latencies_us: Sequence[int], preloads_bytes: Sequence[int]
    ) -> None:
        self._problem = problem
        self._latencies = np.array(latencies_us, dtype=np.int64) - problem.fixed_us
        self._preloads = np.array(preloads_bytes, dtype=np.int64)
        self._bounds = table_bounds(problem)
        self.range = max(0.0, score_range(problem, self._bounds))
        self._tables = [tables_of(problem_) for problem_ in self._problems_by_preload()]
        self.lower = np.full((len(self._latencies), len(self._preloads)), -np.inf)
        self.ceilings = self._first_ceilings()
        self._most_decode_us = self._most_decode()
        self._candidates: dict[Place, Candidate] = {}

    def _problems_by_preload(self) -> Iterator[Problem]:
        for place in range(len(self._preloads)):
            yield self.problem(Place(len(self._latencies) - 1, place))

    def _first_ceilings(self) -> NDArray[np.float64]:
        """Table bounds, -inf for pairs that at sight hold no plan."""
        ceilings = np.empty((*self._bounds.shape, *self.lower.shape))
        in_time = [
            computable(self.problem(Place(index, 0))) for index in range(len(self._latencies))
        ]
        for index, problem in enumerate(self._problems_by_preload()):
            fillable = may_hold_plans(problem, self._tables[index])
            for latency, fits in enumerate(in_time):
                holds = fits & fillable
                ceilings[:, :, latency, index] = np.where(holds, self._bounds, -np.inf)
        return ceilings

    def _most_decode(self) -> NDArray[np.int64]:
        """(N, M, T, S): the limit on all decode, which depends on whether there is a buffer."""
        most = np.empty(self.ceilings.shape, dtype=np.int64)
        with_buffer = self._preloads > 0
        for latency, has_buffer in itertools.product(range(len(self._latencies)), (False, True)):
            alike = np.flatnonzero(with_buffer == has_buffer)
            if len(alike):
                problem = self.problem(Place(latency, int(alike[0])))
                depths = range(1, problem.layers + 1)
                limits = np.array([most_decode_us(problem, depth) for depth in depths])
                most[:, :, latency, alike] = limits[:, :, None]
        return most

    @property
    def places(self) -> list[Place]:
        """All points, by latency, then by preload."""
        return [Place(*indices) for indices in np.ndindex(self.lower.shape)]

    def problem(self, place: Place) -> Problem:
        """The problem with the limits of a point."""
        return replace(
            self._problem,
            latency_us=int(self._latencies[place.latency]),
            preload_bytes=int(self._preloads[place.preload]),
        )

    def tables(self, place: Place) -> Tables:
        """The tables of a point's problem."""
        return self._tables[place.preload]

    def candidate(self, place: Place) -> Candidate | None:
        """The best plan known at a point."""
        return self._candidates.get(place)

    def gap(self, place: Place) -> float:
        """How much more than the best plan known one could score at a point; -inf if none can."""
        highest = float(self.ceilings[:, :, place.latency, place.preload].max())
        known = float(self.lower[place])
        return highest if np.isinf(highest) else highest - known

    def offer(self, candidate: Candidate) -> None:
        """Keep a feasible plan at every point whose limits it keeps to and where it is the best."""
        evaluation = candidate.evaluation
        needed = evaluation.latency_us - self._problem.fixed_us
        latency = int(np.searchsorted(self._latencies, needed))
        preload = int(np.searchsorted(self._preloads, evaluation.preload_bytes))
        above = self.lower[latency:, preload:]
        better = evaluation.objective > above
        above[better] = evaluation.objective
        for row, column in np.argwhere(better).tolist():
            self._candidates[Place(latency + row, preload + column)] = candidate

    def prove(self, place: Place, multipliers: Multipliers) -> None:
        """Bounds of all widths of a depth at all points, from prices found at one.

        Prices know the states that a buffer allows: those of the point's own bound all smaller
        buffers, those of the largest bound all.
        """
        for preload in sorted({place.preload, len(self._preloads) - 1}):
            self._prove_up_to(preload, multipliers)

    def _prove_up_to(self, preload: int, multipliers: Multipliers) -> None:
        row = multipliers.depth - 1
        corner = Place(len(self._latencies) - 1, preload)
        bounds = upper_bounds(self.problem(corner), self.tables(corner), multipliers)
        scale = self._problem.scale[row]
        unit = np.where(scale > 0, scale, 1.0)[:, None, None]
        less_us = self._latencies[:, None] - self._latencies[-1]
        less_bytes = self._preloads[None, : preload + 1] - self._preloads[preload]
        decode_us = self._most_decode_us[row, :, :, : preload + 1]
        less_decode_us = decode_us - decode_us[:, -1:, -1:]
        worth = multipliers.latency * less_us + multipliers.preload * less_bytes
        worth = worth + multipliers.decode * less_decode_us
        known = self.ceilings[row, :, :, : preload + 1]
        np.minimum(known, bounds[:, None, None] + unit * worth, out=known)
        self._drop_empty(row)

    def _drop_empty(self, row: int) -> None:
        """No plan scores less than its pair's base: a lower bound says that there is none."""
        rounding = ROUNDING * max(1.0, self.range, float(np.abs(self._problem.base[row]).max()))
        least = self._problem.base[row] - rounding
        ceilings = self.ceilings[row]
        ceilings[ceilings < least[:, None, None]] = -np.inf

    def prove_pair(self, place: Place, pair: Pair, bound: float) -> None:
        """What bounds a pair at one point bounds it at all smaller limits; -inf: it has no plan."""
        known = self.ceilings[pair.depth - 1, pair.width - 1]
        within = known[: place.latency + 1, : place.preload + 1]
        np.minimum(within, bound, out=within)

    def upper(self) -> NDArray[np.float64]:
        """(T, S): no plan scores more; rises with both limits."""
        highest = np.maximum(self.ceilings.max(axis=(0, 1)), self.lower)
        highest = np.minimum.accumulate(highest[::-1], axis=0)[::-1]
        return np.minimum.accumulate(highest[:, ::-1], axis=1)[:, ::-1]

    def points(self) -> list[FrontierPoint]:
        """All points as they are known now."""
        upper = self.upper()
        return [self._point(place, float(upper[place])) for place in self.places]

    def point(self, place: Place) -> FrontierPoint:
        """One point as it is known now."""
        return self._point(place, float(self.upper()[place]))

    def _point(self, place: Place, upper: float) -> FrontierPoint:
        lower = float(self.lower[place])
        known, possible = np.isfinite(lower), np.isfinite(upper)
        gap = 0.0
        if possible and self.range > 0:
            gap = (upper - lower) / self.range
        return FrontierPoint(
            latency_us=int(self._latencies[place.latency]) + self._problem.fixed_us,
            preload_bytes=int(self._preloads[place.preload]),
            lower_bound=lower if known else None,
            upper_bound=upper if possible else None,
            relative_gap=gap if known or not possible else None,
            candidate=self.candidate(place),
        )
