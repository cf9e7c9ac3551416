"""The limits of one pair as a mixed integer program for SCIP, whose cuts prove much at the root.

The only place that starts SCIP. It works in floats: rows of microseconds and bytes are integers
far above its tolerances, and what gains are asked for is asked with a margin. With a read-ahead
limit the PATH rows are only some of the deadline's: what is proven holds all the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from planner_api.optimizer.interruption import interrupted_when
from planner_api.optimizer.programs.options import path_limits, sum_limits, together
from planner_api.optimizer.programs.program import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.relaxation import PairModel
    from planner_api.optimizer.programs.cp_sat import Effort
    from planner_api.optimizer.programs.options import Groups, Options

MARGIN = 0.002
"""Of the unit of gains: plans that gain so much less than asked for are let through."""
DIGITS = 6
PER_THOUSAND = 1000.0
"""Rows are in milliseconds and kilobytes, near 1 like the gains."""
SECONDS_PER_ITERATION = 1e-4
"""What a simplex iteration counts for, in deterministic seconds of CP-SAT."""
SECONDS_PER_NODE = 0.001
HEURISTICS = (
    *("adaptivediving", "alns", "clique", "completesol", "conflictdiving", "crossover"),
    *("distributiondiving", "farkasdiving", "feaspump", "fracdiving", "gins", "guideddiving"),
    *("intshifting", "linesearchdiving", "locks", "lpface", "objpscostdiving", "ofins", "oneopt"),
    *("padm", "pscostdiving", "randrounding", "rens", "rins", "rootsoldiving", "rounding"),
    *("shiftandpropagate", "shifting", "simplerounding", "trivial", "trivialnegation", "vbounds"),
    *("veclendiving", "zirounding"),
)
PARAMETERS = "conflict/enable = FALSE\n" + "".join(
    f"heuristics/{h}/freq = -1\n" for h in HEURISTICS
)
"""Mostly there is nothing to be found; looking for it takes two thirds of the time."""


class CutProgram:
    """Options as booleans, and for each group the number of those preloaded.

    unit: gains are counted in parts of it.
    """

    def __init__(self, pair: PairModel, options: Options, groups: Groups, *, unit: float) -> None:
        from ortools.linear_solver import pywraplp  # noqa: PLC0415 - takes a second to import

        untyped: Any = pywraplp
        self._program: Any = untyped.Solver.CreateSolver("SCIP")
        self._infinity: float = self._program.infinity()
        self._options = len(options.layers)
        sizes = np.bincount(groups.of[groups.of >= 0], minlength=len(groups.layers))
        self._variables: list[Any] = [self._program.BoolVar("") for _ in options.layers]
        self._variables += [self._program.IntVar(0, size, "") for size in sizes.tolist()]
        self._unit = unit
        self._gain = options.gain / unit
        needs = together(options, groups)
        for limit in (*path_limits(pair, needs), *sum_limits(pair, needs)):
            self._row(-self._infinity, limit.most / PER_THOUSAND, limit.needs / PER_THOUSAND)
        for group, whole in enumerate(groups.whole.tolist()):
            preloaded = np.append(-1.0 * (groups.of == group), np.zeros(len(sizes)))
            preloaded[self._options + group] = 1.0
            self._row(0.0 if whole else -self._infinity, 0.0, preloaded)

    def _row(self, least: float, most: float, coefficients: NDArray[np.float64]) -> None:
        row = self._program.Constraint(least, most)
        for place in np.flatnonzero(coefficients).tolist():
            row.SetCoefficient(self._variables[place], float(coefficients[place]))

    def take(self, options: Sequence[int], count: int) -> None:
        """So many of these options, no more and no less."""
        self._count(options, count, count)

    def take_at_most_one(self, options: Sequence[int]) -> None:
        """One of these options or none."""
        self._count(options, 0.0, 1.0)

    def _count(self, options: Sequence[int], least: float, most: float) -> None:
        counted = np.zeros(len(self._variables))
        counted[list(options)] = 1.0
        self._row(least, most, counted)

    def solve(self, least: float, effort: Effort) -> Answer:
        """A plan of at least this gain, or that there is none."""
        self._row(round(least / self._unit - MARGIN, DIGITS), self._infinity, self._gain)
        objective = self._program.Objective()
        for variable, gain in zip(self._variables, self._gain.tolist(), strict=False):
            objective.SetCoefficient(variable, gain)
        objective.SetMaximization()
        nodes = max(1, round(effort.deterministic_time / SECONDS_PER_NODE))
        parameters = f"{PARAMETERS}limits/totalnodes = {nodes}\n"
        self._program.SetSolverSpecificParametersAsString(parameters)
        self._program.SetTimeLimit(round(1000 * effort.wall_limit_s))
        with interrupted_when(effort.stopped, self._program.InterruptSolve):
            status = self._program.Solve()
        found = status in {self._program.OPTIMAL, self._program.FEASIBLE}
        empty = status == self._program.INFEASIBLE
        ended_early = self._program.wall_time() >= 1000 * effort.wall_limit_s
        ended_early = ended_early or (effort.stopped is not None and effort.stopped())
        return Answer(
            taken=self._values(self._variables[: self._options]) if found else None,
            preloaded=self._values(self._variables[self._options :]) if found else None,
            most_gain=-math.inf if empty else None,
            truncated=ended_early and not empty,
            deterministic_time=SECONDS_PER_ITERATION * self._program.iterations(),
        )

    def _values(self, variables: list[Any]) -> NDArray[np.int64]:
        return np.rint([variable.solution_value() for variable in variables]).astype(np.int64)
