"""Scores as integers, for the models of CP-SAT.

A score s is the integer (s - lowest) * steps, rounded up, so that what a model says of a plan is
never less than its score; rounding costs at most one step a shard.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.bounding.table_bound import computable, score_range, table_bounds
from planner_api.optimizer.programs.formulation import total

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from ortools.sat.python.cp_model import LinearExpr

    from planner_api.optimizer.problem import Pair, Problem
    from planner_api.optimizer.programs.formulation import Formulation, Option

STEPS_OF_RANGE = 2**36
"""The score range in integer steps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IntegerScores:
    """`steps` integers a unit of score, counted from `lowest`."""

    lowest: float
    steps: float

    @classmethod
    def of(cls, problem: Problem) -> IntegerScores:
        """From the least base of all pairs; steps is a power of two, exact for short fractions."""
        span = score_range(problem, table_bounds(problem))
        exponent = math.floor(math.log2(STEPS_OF_RANGE / span)) if span > 0 else 0
        lowest = min(problem.pair_base(pair) for pair in problem.pairs)
        return cls(lowest=lowest, steps=2.0**exponent)

    def in_steps(self, score: float) -> float:
        """A score as a number of steps, not rounded."""
        return (score - self.lowest) * self.steps

    def score(self, steps: float) -> float:
        """The score of a number of steps."""
        return self.lowest + steps / self.steps

    def objective(self, formulation: Formulation) -> LinearExpr:
        """Base + scale * gains in steps; the pairs of the model share one scale."""
        problem = formulation.problem
        first = formulation.pairs[0].pair
        scaled = problem.gain * problem.scale[first.depth - 1, first.width - 1]
        steps = np.ceil(scaled * self.steps).astype(np.int64)

        def worth(option: Option) -> int:
            return int(steps[option.block.layer, option.block.slices[0], option.bits])

        base = formulation.over_pairs(
            lambda pair: math.ceil(self.in_steps(problem.pair_base(pair)))
        )
        return base + total(formulation.all_options(), worth)


def pairs_by_scale(problem: Problem, bounds: NDArray[np.float64]) -> list[list[Pair]]:
    """Pairs whose compute fits the deadline, those of one scale together, best bound first.

    bounds: (N, M), by depth-1 and width-1.
    """
    may_hold = computable(problem)
    by_scale: dict[float, list[Pair]] = {}
    for pair in problem.pairs:
        place = pair.depth - 1, pair.width - 1
        if may_hold[place]:
            by_scale.setdefault(float(problem.scale[place]), []).append(pair)
    return sorted(by_scale.values(), key=lambda pairs: -highest(bounds, pairs))


def highest(bounds: NDArray[np.float64], pairs: list[Pair]) -> float:
    """The largest of the pairs' bounds."""
    return max(float(bounds[pair.depth - 1, pair.width - 1]) for pair in pairs)
