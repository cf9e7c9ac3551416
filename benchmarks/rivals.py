"""Other ways to the same plans: how much longer they take, or how much worse they end.

- `single CP-SAT`: one model over all pairs, to the same gap (the optimiser's test oracle);
- `SCIP by pair`: one integer program a pair, pairs in the order of their table bounds, each asked
  for a plan that beats the best so far by more than the gap, until no pair has one;
- the baseline policies, which prove nothing: what their plans lose against the optimum.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.instances import MEASURED, Kind, Size
from benchmarks.optimizer import SPREAD, TENTH, gap_of, generate_problem, solved
from benchmarks.plot import OWN
from planner_api.optimizer.bounding.relaxation import pair_model
from planner_api.optimizer.bounding.table_bound import score_range, table_bounds
from planner_api.optimizer.bounding.tables import tables_of
from planner_api.optimizer.policies import BASELINES
from planner_api.optimizer.programs.exact import solve_exact
from planner_api.optimizer.warm_up import load_solvers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.relaxation import PairModel
    from planner_api.optimizer.policies import BaselinePolicy
    from planner_api.optimizer.problem import Problem

SIZE = Size(layers=12, slices=12)
KINDS = (MEASURED, Kind(size=SIZE), Kind(size=SIZE, spread=SPREAD))
CASES, QUICK_CASES = 7, 2
LIMIT_S = 10.0
LEAST_RATIO = 10.0
SINGLE_MODEL = "single CP-SAT"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rival:
    """One way to plan the same problems; percent of the range.

    ms: median to a proven gap of 0.1 %, more where the limit of ten seconds came first and left
    the case unproven. losses: against the certified plan; a policy without a plan loses all.
    times_ms: of each case, None where it stayed unproven.
    """

    series: str
    way: str
    cases: int
    ms: float | None
    unproven: int | None
    times_slower: float | None
    mean_loss: float
    worst_loss: float
    times_ms: tuple[float | None, ...]
    falls_short: str = ""

    def shortfalls(self) -> list[str]:
        """What the comparison should show and does not."""
        return [self.falls_short] if self.falls_short else []


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The score of a plan, -inf if there is none; whether its gap is proven."""

    score: float
    proven: bool


def measure(*, quick: bool = False) -> tuple[Rival, ...]:
    """All ways, on the same problems."""
    load_solvers()
    for solver in SOLVERS.values():
        solver(generate_problem(Kind(size=Size(layers=2, slices=2)), 0))
    cases = QUICK_CASES if quick else CASES
    return tuple(row for kind in KINDS for row in _rows(kind, cases))


def _rows(kind: Kind, cases: int) -> Iterator[Rival]:
    problems = [generate_problem(kind, seed) for seed in range(cases)]
    own = _timed(problems, SOLVERS[OWN])
    for way, solver in SOLVERS.items():
        timed = own if way == OWN else _timed(problems, solver)
        yield _row(str(kind), problems, own, Way(name=way, timed=timed, proves=True))
    for name in BASELINES:
        timed = _timed(problems, _policy(name))
        yield _row(str(kind), problems, own, Way(name=name, timed=timed, proves=False))


Timed = list[tuple[float, Found]]


def _timed(problems: list[Problem], solver: Callable[[Problem], Found]) -> Timed:
    timed: Timed = []
    for problem in problems:
        start = time.perf_counter()
        found = solver(problem)
        timed.append((1000 * (time.perf_counter() - start), found))
    return timed


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """What one way made of the problems; `proves`: how far from the optimum it may be."""

    name: str
    timed: Timed
    proves: bool


def _row(series: str, problems: list[Problem], own: Timed, way: Way) -> Rival:
    spans = [score_range(problem, table_bounds(problem)) for problem in problems]
    losses = [
        100 * min(1.0, max(0.0, best.score - found.score) / span)
        for (_, best), (_, found), span in zip(own, way.timed, spans, strict=True)
    ]
    ms = float(np.median([ms for ms, _ in way.timed]))
    ratio = ms / float(np.median([ms for ms, _ in own]))
    short = way.name == SINGLE_MODEL and ratio < LEAST_RATIO and series != str(MEASURED)
    rule = f"{series}: {way.name} must take {LEAST_RATIO:g} times as long, got {ratio:.3g}"
    return Rival(
        series=series,
        way=way.name,
        cases=len(problems),
        ms=ms if way.proves else None,
        unproven=sum(not f.proven for _, f in way.timed) if way.proves else None,
        times_slower=ratio if way.proves else None,
        mean_loss=float(np.mean(losses)),
        worst_loss=float(np.max(losses)),
        times_ms=tuple(ms if found.proven else None for ms, found in way.timed),
        falls_short=rule if short else "",
    )


def _own(problem: Problem) -> Found:
    solution = solved(problem)
    best = solution.candidate
    score = -np.inf if best is None else best.evaluation.objective
    return Found(score=score, proven=gap_of(problem, solution) <= TENTH)


def _single_model(problem: Problem) -> Found:
    solution = solve_exact(
        problem, max_relative_gap=TENTH, deterministic_time=1000.0, wall_limit_s=LIMIT_S
    )
    best = solution.candidate
    score = -np.inf if best is None else best.evaluation.objective
    return Found(score=score, proven=gap_of(problem, solution) <= TENTH)


def _by_pair(problem: Problem) -> Found:
    tables, bounds = tables_of(problem), table_bounds(problem)
    step = TENTH * score_range(problem, bounds)
    expires = time.perf_counter() + LIMIT_S
    best = -np.inf
    for pair in sorted(problem.pairs, key=lambda pair: -bounds[pair.depth - 1, pair.width - 1]):
        while bounds[pair.depth - 1, pair.width - 1] > best + step:
            left_s = expires - time.perf_counter()
            least = max(problem.pair_base(pair), best + step)
            program = _PairProgram(pair_model(problem, tables, pair))
            better = program.better(least, left_s) if left_s > 0 else None
            if better is None:
                return Found(score=best, proven=False)
            if better == -np.inf:
                break
            best = better
    return Found(score=best, proven=True)


class _PairProgram:
    """The exact model of a pair for SCIP: a boolean for every state of every shard."""

    def __init__(self, model: PairModel) -> None:
        from ortools.linear_solver import pywraplp  # noqa: PLC0415 - takes a second to import

        untyped: Any = pywraplp
        self._untyped = untyped
        self._model = model
        self._program: Any = untyped.Solver.CreateSolver("SCIP")
        self._shape = model.tables.gain.shape
        usable = np.isfinite(model.tables.gain)
        self._taken: Any = np.full(self._shape, None, dtype=object)
        for place in np.argwhere(usable).tolist():
            self._taken[tuple(place)] = self._program.BoolVar("")
        self._fill_layers()
        self._hold_paths()
        if model.tables.preloads:
            sizes = model.tables.sizes.copy()
            sizes[: model.tables.streamed] = 0.0
            self._at_most(sizes, model.problem.preload_bytes)

    def _fill_layers(self) -> None:
        _, depth, slices = self._shape
        for layer in range(depth):
            of_layer = np.zeros(self._shape)
            of_layer[:, layer] = 1.0
            self._at_most(of_layer, self._model.pair.width)
            self._at_most(-of_layer, -self._model.pair.width)
            for index in range(slices):
                of_slice = np.zeros(self._shape)
                of_slice[:, layer, index] = 1.0
                self._at_most(of_slice, 1.0)

    def _hold_paths(self) -> None:
        tables, depth = self._model.tables, self._model.depth
        layers = np.arange(depth)[:, None]
        decode = np.broadcast_to(tables.decode_us[:, None, None], self._shape)
        for layer in range(depth):
            needs = np.where(layers <= layer, tables.read_us, 0.0)
            needs = needs + np.where(layers >= layer, decode, 0.0)
            left = self._model.problem.latency_us - (depth - layer) * self._model.step_us
            self._at_most(needs, left)

    def _at_most(self, needs: NDArray[np.float64], limit: float) -> None:
        scale = max(1.0, abs(limit))
        row = self._program.Constraint(-self._program.infinity(), limit / scale)
        for place in np.argwhere(needs != 0).tolist():
            if self._taken[tuple(place)] is not None:
                row.SetCoefficient(self._taken[tuple(place)], needs[tuple(place)] / scale)

    def better(self, least: float, limit_s: float) -> float | None:
        """The score of a plan that reaches `least`; -inf if there is none, None out of time."""
        model, program = self._model, self._program
        base = model.problem.pair_base(model.pair)
        gain = np.where(np.isfinite(model.tables.gain), model.tables.gain, 0.0)
        self._at_most(-gain, -(least - base) / model.unit)
        for place in np.argwhere(gain > 0).tolist():
            program.Objective().SetCoefficient(self._taken[tuple(place)], gain[tuple(place)])
        program.Objective().SetMaximization()
        program.SetTimeLimit(int(1000 * limit_s))
        parameters = self._untyped.MPSolverParameters()
        parameters.SetDoubleParam(parameters.RELATIVE_MIP_GAP, TENTH)
        status = program.Solve(parameters)
        if status == program.INFEASIBLE:
            return -np.inf
        if status not in {program.OPTIMAL, program.FEASIBLE}:
            return None
        return base + model.unit * program.Objective().Value()


def _policy(name: BaselinePolicy) -> Callable[[Problem], Found]:
    def planned(problem: Problem) -> Found:
        candidate = BASELINES[name](problem)
        if candidate is None or not candidate.evaluation.feasible:
            return Found(score=-np.inf, proven=False)
        return Found(score=candidate.evaluation.objective, proven=False)

    return planned


SOLVERS = {OWN: _own, SINGLE_MODEL: _single_model, "SCIP by pair": _by_pair}
