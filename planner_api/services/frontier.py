"""The best score over a grid of latency targets and preload buffers, of one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plan_contracts import Part
from plan_contracts.units import Bytes, Microseconds, Positive
from planner_api.errors import InvalidRequestError
from planner_api.optimizer.problem import build_problem
from planner_api.optimizer.questions.frontier import settle
from planner_api.optimizer.questions.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from planner_api.optimizer.problem import PlanInputs, Problem
    from planner_api.optimizer.questions.grid import FrontierPoint

MAX_RELATIVE_GAP = 0.005
MOST_POINTS = 5_000


class ScorePoint(Part):
    """The best score within these limits lies between the bounds; the best plan known has a pair.

    Nulls: without a known plan `lower_bound`, `depth` and `width`; `upper_bound` where it is
    proven that there is no plan; `relative_gap` while it is open whether there is one.
    """

    latency_us: Microseconds
    preload_bytes: Bytes
    lower_bound: float | None
    upper_bound: float | None
    relative_gap: float | None
    depth: Positive | None
    width: Positive | None


class Frontier(Part):
    """All points, by latency, then by preload; gaps are relative to `range`, scores in `unit`."""

    unit: str
    range: float
    points: tuple[ScorePoint, ...]


def frontier(
    inputs: PlanInputs,
    latencies_us: Sequence[int],
    preloads_bytes: Sequence[int],
    *,
    on_point: Callable[[ScorePoint], None],
    stopped: Callable[[], bool],
) -> Frontier:
    """Every point to half a percent of the score range; the target's own limits are left aside.

    `on_point` is told of each point as it is settled, coarse ones first. Both bounds of the
    result rise with latency and with preload. InvalidRequestError for limits that do not rise, or
    are too many; ContractError if the request breaks a rule.
    """
    check_limits(inputs, latencies_us, preloads_bytes)
    problem = build_problem(inputs)
    grid = Grid(problem, latencies_us, preloads_bytes)
    for point in settle(grid, max_relative_gap=MAX_RELATIVE_GAP, stopped=stopped):
        on_point(_told(point))
    return frontier_of(problem, grid)


def frontier_of(problem: Problem, grid: Grid) -> Frontier:
    """Every point of the problem's grid as it is known now."""
    points = tuple(map(_told, grid.points()))
    return Frontier(unit=problem.inputs.importance.unit, range=grid.range, points=points)


def check_limits(inputs: PlanInputs, latencies: Sequence[int], preloads: Sequence[int]) -> None:
    """InvalidRequestError unless these are limits of a frontier of this request."""
    if inputs.target.latency_quantile is not None:
        message = (
            "target.latency_quantile must be null for a frontier, "
            f"got {inputs.target.latency_quantile}"
        )
        raise InvalidRequestError(message)
    if not 1 <= len(latencies) * len(preloads) <= MOST_POINTS:
        message = (
            f"a frontier must have 1..{MOST_POINTS} points, got {len(latencies)} x {len(preloads)}"
        )
        raise InvalidRequestError(message)
    for name, least, values in (("latencies", 1, latencies), ("preloads", 0, preloads)):
        if list(values) != sorted({value for value in values if value >= least}):
            message = f"{name} must rise strictly from {least} or more, got {list(values)}"
            raise InvalidRequestError(message)


def _told(point: FrontierPoint) -> ScorePoint:
    pair = point.candidate and point.candidate.choice.pair
    return ScorePoint(
        latency_us=point.latency_us,
        preload_bytes=point.preload_bytes,
        lower_bound=point.lower_bound,
        upper_bound=point.upper_bound,
        relative_gap=point.relative_gap,
        depth=pair and pair.depth,
        width=pair and pair.width,
    )
