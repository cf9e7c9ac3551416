"""How fast the certified optimiser is, and how close its proofs come.

One process; documents, planning problem and one solve to warm up (imports among them) come before
the clock starts. A case is certified if its gap is at most 0.1 % of the range of scores within
half a second.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.instances import MEASURED, Kind, Size, generate
from planner_api.optimizer.bounding.table_bound import relative_gap, score_range, table_bounds
from planner_api.optimizer.problem import build_problem
from planner_api.optimizer.search import solve
from planner_api.optimizer.warm_up import load_solvers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner_api.optimizer.problem import Pair, Problem
    from planner_api.optimizer.search import Progress
    from planner_api.optimizer.solution import Solution

TENTH, ONE = 0.001, 0.01
"""Gaps: a tenth of a percent, one percent."""
CERTIFIED_MS = 500
SPREAD = 0.2
COMPETING_UP_TO = 400
"""Pairs: on larger problems, finding all that come near the optimum takes minutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Problems of one kind, and what they must show; None: nothing in particular."""

    kind: Kind
    cases: int
    p95_ms: float | None = None
    median_ms: float | None = None
    certified: float | None = None
    worst_gap: float | None = None


def _series(layers: int, slices: int, cases: int, **limits: float) -> tuple[Series, ...]:
    """With equal bytes, and with bytes that differ from shard to shard."""
    size = Size(layers=layers, slices=slices)
    kinds = (Kind(size=size), Kind(size=size, spread=SPREAD))
    return tuple(Series(kind=kind, cases=cases, **limits) for kind in kinds)


FULL = (
    Series(kind=MEASURED, cases=60),
    *_series(6, 12, 60),
    *_series(12, 12, 120, p95_ms=50, certified=0.99),
    *_series(24, 16, 60),
    *_series(32, 32, 60, p95_ms=300, certified=0.93, worst_gap=0.004),
    *_series(80, 64, 12, median_ms=3000),
)
QUICK = (Series(kind=MEASURED, cases=5), *_series(12, 12, 10), *_series(32, 32, 3))


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One problem solved; times in milliseconds, None if a gap was not reached."""

    total_ms: float
    one_percent_ms: float | None
    tenth_ms: float | None
    gap: float
    by_prices: bool
    competing: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """A series.

    to_1, to_0_1: median milliseconds to gaps of so many percent. In percent of the cases:
    certified, by_prices (without a solver's word), compete (another pair comes within 1 % of the
    range of the optimum). worst_gap: in percent of the range. times_ms: to 0.1 % in each case,
    None where it was not reached.
    """

    series: str
    cases: int
    median_ms: float
    p95_ms: float
    max_ms: float
    to_1: float
    to_0_1: float
    certified: float
    worst_gap: float
    by_prices: float
    compete: float | None
    times_ms: tuple[float | None, ...]

    def shortfalls(self) -> list[str]:
        """What the series should show and does not."""
        series = next(s for s in FULL if str(s.kind) == self.series)
        return list(_shortfalls(series, self))


def measure(*, quick: bool = False) -> tuple[Result, ...]:
    """Every series; a few cases of the smaller ones if it must be quick."""
    load_solvers()
    solved(generate_problem(Kind(size=Size(layers=12, slices=12), spread=SPREAD), 0))
    return tuple(_result(series) for series in (QUICK if quick else FULL))


def generate_problem(kind: Kind, seed: int) -> Problem:
    """One planning problem."""
    return build_problem(generate(kind, seed))


def _result(series: Series) -> Result:
    cases = [_case(generate_problem(series.kind, seed)) for seed in range(series.cases)]
    total = np.array([case.total_ms for case in cases])
    gaps = np.array([case.gap for case in cases])
    competing = [case.competing for case in cases if case.competing is not None]
    return Result(
        series=str(series.kind),
        cases=series.cases,
        median_ms=float(np.median(total)),
        p95_ms=float(np.quantile(total, 0.95)),
        max_ms=float(total.max()),
        to_1=_median([case.one_percent_ms for case in cases]),
        to_0_1=_median([case.tenth_ms for case in cases]),
        certified=100 * float(np.mean((gaps <= TENTH) & (total <= CERTIFIED_MS))),
        worst_gap=100 * float(gaps.max()),
        by_prices=100 * float(np.mean([case.by_prices for case in cases])),
        compete=100 * float(np.mean(competing)) if competing else None,
        times_ms=tuple(case.tenth_ms for case in cases),
    )


def _median(times: list[float | None]) -> float:
    return float(np.median([np.inf if ms is None else ms for ms in times]))


def _shortfalls(series: Series, result: Result) -> Iterator[str]:
    limits = (
        ("p95", series.p95_ms, result.p95_ms, "ms"),
        ("median", series.median_ms, result.median_ms, "ms"),
        ("worst gap", series.worst_gap and 100 * series.worst_gap, result.worst_gap, "%"),
    )
    for name, most, found, unit in limits:
        if most is not None and found > most:
            yield f"{result.series}: {name} must be at most {most:g} {unit}, got {found:.3g}"
    least = series.certified and 100 * series.certified
    if least is not None and result.certified < least:
        yield (
            f"{result.series}: certified must be at least {least:g} %, got {result.certified:.3g}"
        )


def _case(problem: Problem) -> Case:
    span = score_range(problem, table_bounds(problem))
    reached: list[tuple[float, float]] = []
    start = time.perf_counter()

    def note(progress: Progress) -> None:
        if progress.lower_bound is not None:
            gap = relative_gap(progress.lower_bound, progress.upper_bound, span)
            reached.append((gap, 1000 * (time.perf_counter() - start)))

    solution = solved(problem, note)
    total_ms = 1000 * (time.perf_counter() - start)
    return Case(
        total_ms=total_ms,
        one_percent_ms=_first(reached, ONE),
        tenth_ms=_first(reached, TENTH),
        gap=gap_of(problem, solution),
        by_prices=all(bound.kind != "solver" for bound in solution.bounds),
        competing=_pairs_compete(problem, solution, span),
    )


def _first(reached: list[tuple[float, float]], gap: float) -> float | None:
    return next((ms for found, ms in reached if found <= gap), None)


def solved(problem: Problem, note: Callable[[Progress], None] | None = None) -> Solution:
    """The certified search, never cut short."""
    return solve(problem, cancelled=_never, clock_expired=_never, on_progress=note)


def _never() -> bool:
    return False


def gap_of(problem: Problem, solution: Solution) -> float:
    """The relative gap of a solution; infinite without a plan."""
    if solution.candidate is None:
        return np.inf
    span = score_range(problem, table_bounds(problem))
    return relative_gap(solution.candidate.evaluation.objective, solution.upper_bound, span)


def _pairs_compete(problem: Problem, solution: Solution, span: float) -> bool | None:
    """Whether the best plan of another pair comes within 1 % of the range of the optimum."""
    if solution.candidate is None or len(problem.pairs) > COMPETING_UP_TO:
        return None
    least = solution.candidate.evaluation.objective - ONE * span
    best_pair = solution.candidate.choice.pair
    others = sorted(
        (bound for bound in solution.bounds if (bound.depth, bound.width) != best_pair),
        key=lambda bound: -bound.upper_bound,
    )
    near = [
        pair
        for bound in others
        if bound.upper_bound >= least
        for pair in problem.pairs
        if pair == (bound.depth, bound.width)
    ]
    return any(_best_of(problem, pair) >= least for pair in near)


def _best_of(problem: Problem, pair: Pair) -> float:
    found = solved(replace(problem, pairs=(pair,))).candidate
    return -np.inf if found is None else found.evaluation.objective
