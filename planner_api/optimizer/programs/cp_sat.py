"""CP-SAT with counted effort: the only place that starts that solver.

OR-Tools takes a second to import, so it is imported when first used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from planner_api.optimizer.interruption import interrupted_when

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ortools.sat.python.cp_model import CpModel, IntVar, LinearExpr

Status = Literal["optimal", "feasible", "infeasible", "unknown"]
Search = Literal["plain", "by_relaxation", "by_pseudo_costs"]
"""The latter two are for knapsack-like models: the linear relaxation proves most of what is proven
there, with cuts, and presolve costs more than it saves."""
CUT_ROUNDS = {"by_relaxation": 5, "by_pseudo_costs": 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How long to search: deterministic time decides; wall limit and `stopped` only guard.

    `stopped` is asked from another thread while the solver runs; None: never.
    """

    deterministic_time: float
    wall_limit_s: float
    seed: int = 0
    stopped: Callable[[], bool] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What CP-SAT found.

    `value` reads a variable of the best plan, None if there is no plan. `bound` is proven of
    the objective, None if nothing was proven: on UNKNOWN the solver's own is meaningless.
    `truncated`: the wall limit ended the search, not the counted effort.
    """

    status: Status
    value: Callable[[IntVar], int] | None
    bound: float | None
    truncated: bool
    deterministic_time: float
    wall_s: float


def new_model() -> CpModel:
    """An empty model."""
    from ortools.sat.python import cp_model  # noqa: PLC0415 - takes a second to import

    return cp_model.CpModel()


def weighted(variables: Sequence[IntVar], coefficients: Sequence[int]) -> LinearExpr:
    """The linear expression, terms of coefficient 0 left out."""
    from ortools.sat.python import cp_model  # noqa: PLC0415 - takes a second to import

    terms = [(v, c) for v, c in zip(variables, coefficients, strict=True) if c]
    return cp_model.LinearExpr.weighted_sum(  # pyright: ignore[reportUnknownMemberType] - untyped
        [variable for variable, _ in terms], [coefficient for _, coefficient in terms]
    )


def run(
    model: CpModel, effort: Effort, *, absolute_gap: float = 0.0, search: Search = "plain"
) -> Outcome:
    """Solve with one worker and a fixed seed; stop early within the gap of the objective."""
    from ortools.sat.python import cp_model  # noqa: PLC0415 - takes a second to import

    solver = cp_model.CpSolver()
    # Its handler would replace the program's, and leave none behind when the solve ends.
    solver.parameters.catch_sigint_signal = False
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = effort.seed % 2**31
    solver.parameters.max_deterministic_time = max(0.0, effort.deterministic_time)
    solver.parameters.max_time_in_seconds = max(0.0, effort.wall_limit_s)
    solver.parameters.absolute_gap_limit = absolute_gap
    solver.parameters.relative_gap_limit = 0.0
    # With coefficients near 2^31, "linear inclusion: sparsify superset" cuts off optima (9.15).
    solver.parameters.presolve_inclusion_work_limit = 0
    if search != "plain":
        solver.parameters.linearization_level = 2
        solver.parameters.cp_model_presolve = False
        solver.parameters.max_cut_rounds_at_level_zero = CUT_ROUNDS[search]
    if search == "by_pseudo_costs":
        solver.parameters.search_branching = cp_model.PSEUDO_COST_SEARCH
    with interrupted_when(effort.stopped, solver.stop_search):
        code = solver.solve(model)
    found = code in {cp_model.OPTIMAL, cp_model.FEASIBLE}
    statuses: dict[cp_model.CpSolverStatus, Status] = {
        cp_model.OPTIMAL: "optimal",
        cp_model.FEASIBLE: "feasible",
        cp_model.INFEASIBLE: "infeasible",
        cp_model.UNKNOWN: "unknown",
    }
    status = statuses[code]
    unfinished = status in {"feasible", "unknown"}
    return Outcome(
        status=status,
        value=solver.value if found else None,
        bound=solver.best_objective_bound if found and model.has_objective() else None,
        truncated=unfinished and solver.deterministic_time < effort.deterministic_time,
        deterministic_time=solver.deterministic_time,
        wall_s=solver.wall_time,
    )
