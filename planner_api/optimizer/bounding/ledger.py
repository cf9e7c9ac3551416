"""The best bound known of every pair, and what proves it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import PairBound
from planner_api.optimizer.bounding.bounds import (
    lagrangian_bound,
    least_bound,
    least_bounds,
    may_hold_plans,
    unit_of,
    upper_bounds,
)
from planner_api.optimizer.bounding.table_bound import score_range, table_bounds
from planner_api.optimizer.problem import Pair

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.multipliers import Multipliers
    from planner_api.optimizer.bounding.tables import Tables
    from planner_api.optimizer.problem import Problem


class Ledger:
    """Upper bounds of the allowed pairs of a problem; they only ever fall.

    `ceilings`: (N, M), by depth - 1 and width - 1; -inf for pairs that are not allowed or that
    are proven to hold no plan. `range`: what gaps are relative to.
    """

    def __init__(self, problem: Problem, tables: Tables) -> None:
        self._problem = problem
        self._tables = tables
        self.table_bounds = table_bounds(problem)
        self.range = max(0.0, score_range(problem, self.table_bounds))
        self._at_sight = may_hold_plans(problem, tables)
        self.ceilings = np.where(self._at_sight, self.table_bounds, -np.inf)
        self._proofs: dict[Pair, Multipliers] = {}
        self._words: dict[Pair, float] = {}

    def ceiling(self, pair: Pair) -> float:
        """No plan of the pair scores more."""
        return float(self.ceilings[pair.depth - 1, pair.width - 1])

    def open_pairs(self, above: float) -> list[Pair]:
        """Pairs that may hold a plan of a score above this, largest bound first."""
        depths, widths = np.nonzero(self.ceilings > above)
        order = np.argsort(-self.ceilings[depths, widths], kind="stable")
        return [Pair(int(depths[i]) + 1, int(widths[i]) + 1) for i in order]

    def prove(self, bounds: NDArray[np.float64], multipliers: Multipliers) -> None:
        """Bounds of all widths of a depth that these prices give; (M,)."""
        row = self.ceilings[multipliers.depth - 1]
        if (bounds < self._problem.base[multipliers.depth - 1]).any():
            least = least_bounds(self._problem, multipliers, self.range)
            bounds = np.where(bounds < least, -np.inf, bounds)
        for index in np.flatnonzero(bounds < row).tolist():
            self._proofs[Pair(multipliers.depth, index + 1)] = multipliers
        np.minimum(row, bounds, out=row)

    def take_word(self, pair: Pair, bound: float) -> None:
        """A solver says that no plan of the pair scores more; -inf: that it holds none."""
        if bound < self.ceiling(pair):
            self._words[pair] = bound
            self.ceilings[pair.depth - 1, pair.width - 1] = bound

    def certificate(self, upper_bound: float) -> tuple[PairBound, ...]:
        """One bound for every allowed pair, recomputed from its prices.

        Table bounds and prices of other pairs of the depth serve where they reach `upper_bound`.
        """
        found: dict[Pair, PairBound] = {}
        for depth in sorted({pair.depth for pair in self._problem.pairs}):
            found.update(self._certify(depth, upper_bound))
        return tuple(found.get(pair) or self._table(pair) for pair in self._problem.pairs)

    def largest(self, bounds: Iterable[PairBound]) -> float:
        """The largest bound of all pairs that may hold a plan; -inf if none may."""
        falling = sorted(bounds, key=lambda bound: -bound.upper_bound)
        return next(
            (bound.upper_bound for bound in falling if self._may_hold_plans(bound)), -np.inf
        )

    def _may_hold_plans(self, bound: PairBound) -> bool:
        return (
            bool(self._at_sight[bound.depth - 1, bound.width - 1])
            and bound.upper_bound >= least_bound(self._problem, bound, self.range)
            and self._words.get(Pair(bound.depth, bound.width)) != -np.inf
        )

    def _certify(self, depth: int, upper_bound: float) -> dict[Pair, PairBound]:
        needy = {
            pair: self._proofs[pair]
            for pair in self._problem.pairs
            if pair.depth == depth and pair in self._proofs and self._needs(pair, upper_bound)
        }
        found = {
            pair: self._word(pair)
            for pair in self._problem.pairs
            if pair.depth == depth and pair in self._words
        }
        by_use = Counter(id(multipliers) for multipliers in needy.values())
        distinct = {id(multipliers): multipliers for multipliers in needy.values()}
        for key, _ in by_use.most_common():
            multipliers = distinct[key]
            pending = [pair for pair in needy if pair not in found]
            if not pending:
                break
            bounds = upper_bounds(self._problem, self._tables, multipliers)
            for pair in pending:
                bound = float(bounds[pair.width - 1])
                if bound <= upper_bound or needy[pair] is multipliers:
                    own = multipliers.scaled(unit_of(self._problem, pair))
                    found[pair] = lagrangian_bound(pair, bound, own)
        return found

    def _needs(self, pair: Pair, upper_bound: float) -> bool:
        return float(self.table_bounds[pair.depth - 1, pair.width - 1]) > upper_bound

    def _word(self, pair: Pair) -> PairBound:
        """A solver's bound beside the pair's best prices, which make it easy to check.

        Documents have no infinities: of a pair without plans, any bound is true.
        """
        bound = max(self._words[pair], float(self._problem.base.min()))
        if pair in self._proofs:
            own = self._proofs[pair].scaled(unit_of(self._problem, pair))
            return lagrangian_bound(pair, bound, own, kind="solver")
        return PairBound(depth=pair.depth, width=pair.width, upper_bound=bound, kind="solver")

    def _table(self, pair: Pair) -> PairBound:
        bound = float(self.table_bounds[pair.depth - 1, pair.width - 1])
        return PairBound(depth=pair.depth, width=pair.width, upper_bound=bound, kind="table")
