"""The optimum by plain CP-SAT models over all pairs: slow, and an oracle for the fast solver.

One model holds all pairs of the same scale, so without `full` in the importance table it is a
single one. Pairs of different scales do not share a model: a gain that depends on the pair needs
an integer variable under enforcement, and one model after the other, each with the best plan
so far as its floor, was many times faster.

Which of several optima is found is the solver's choice, the same each time: one worker, a fixed
seed, effort counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import PairBound
from planner_api.optimizer.bounding.table_bound import computable, score_range, table_bounds
from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.policies import BASELINES
from planner_api.optimizer.programs.cp_sat import Effort, run
from planner_api.optimizer.programs.formulation import formulate, single_slices
from planner_api.optimizer.programs.integer_scores import IntegerScores, highest, pairs_by_scale
from planner_api.optimizer.solution import Candidate, Solution, preference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.choice import Choice
    from planner_api.optimizer.problem import Pair, Problem
    from planner_api.optimizer.programs.cp_sat import Outcome


def solve_exact(
    problem: Problem,
    *,
    max_relative_gap: float = 0.0,
    deterministic_time: float = 60.0,
    wall_limit_s: float = 60.0,
    seed: int = 0,
) -> Solution:
    """The best plan within the gap (CONTRACTS, `relative_gap`), or the best within the limits.

    Starts from the best baseline, so it is never worse. Bounds have kind `solver`: the smaller
    of what a model proved of the pair and its table bound.
    """
    search = _Search.start(problem, max_relative_gap)
    for pairs in pairs_by_scale(problem, search.proven):
        if search.is_settled(pairs):
            break
        effort = Effort(deterministic_time=deterministic_time, wall_limit_s=wall_limit_s, seed=seed)
        outcome = search.improve(pairs, effort)
        if outcome.status in {"feasible", "unknown"}:
            return search.solution(truncated=outcome.truncated)
        deterministic_time -= outcome.deterministic_time
        wall_limit_s -= outcome.wall_s
    return search.solution(truncated=False)


def checked(problem: Problem, choice: Choice) -> Candidate:
    """The solver's plan, evaluated; RuntimeError if it breaks a limit that the model holds."""
    evaluation = evaluate(problem, choice)
    if not evaluation.feasible:
        message = f"a plan of the solver must be feasible, got {evaluation}"
        raise RuntimeError(message)
    return Candidate(choice=choice, evaluation=evaluation)


@dataclass(kw_only=True, slots=True)
class _Search:
    """The best plan so far and what is proven of each pair.

    table, proven: (N, M), by depth-1 and width-1; proven is -inf for pairs without any plan.
    gap: in scores.
    """

    problem: Problem
    table: NDArray[np.float64]
    proven: NDArray[np.float64]
    scale: IntegerScores
    gap: float
    incumbent: Candidate | None

    @classmethod
    def start(cls, problem: Problem, max_relative_gap: float) -> _Search:
        """From the table bounds and the best feasible baseline."""
        table = table_bounds(problem)
        return cls(
            problem=problem,
            table=table,
            proven=np.where(computable(problem), table, -np.inf),
            scale=IntegerScores.of(problem),
            gap=max_relative_gap * score_range(problem, table),
            incumbent=_best_baseline(problem),
        )

    def is_settled(self, pairs: list[Pair]) -> bool:
        """Whether no plan of these pairs is better than the incumbent by more than the gap."""
        if self.incumbent is None:
            return False
        return highest(self.proven, pairs) <= self.incumbent.evaluation.objective + self.gap

    def improve(self, pairs: list[Pair], effort: Effort) -> Outcome:
        """Look among these pairs for a plan above the incumbent; keep it and the bound."""
        formulation = formulate(self.problem, pairs, single_slices(self.problem))
        objective = self.scale.objective(formulation)
        formulation.model.maximize(objective)
        if self.incumbent is not None:
            least = math.floor(self.scale.in_steps(self.incumbent.evaluation.objective)) + 1
            formulation.model.add(objective >= least)
        outcome = run(formulation.model, effort, absolute_gap=self.gap * self.scale.steps)
        if outcome.value is not None:
            found = checked(self.problem, formulation.choice(outcome.value))
            self.incumbent = min((c for c in (found, self.incumbent) if c), key=preference)
        self._learn(pairs, outcome)
        return outcome

    def _learn(self, pairs: list[Pair], outcome: Outcome) -> None:
        ceiling = math.inf
        if outcome.bound is not None:
            ceiling = self.scale.score(outcome.bound)
        elif outcome.status == "infeasible":
            ceiling = self.incumbent.evaluation.objective if self.incumbent else -math.inf
        for pair in pairs:
            place = pair.depth - 1, pair.width - 1
            self.proven[place] = min(self.proven[place], ceiling)

    def solution(self, *, truncated: bool) -> Solution:
        """What is known now."""
        return Solution(
            candidate=self.incumbent,
            bounds=tuple(self._pair_bound(pair) for pair in self.problem.pairs),
            upper_bound=float(self.proven.max()),
            truncated=truncated,
            shadow_prices=None,
        )

    def _pair_bound(self, pair: Pair) -> PairBound:
        """Documents have no infinities: a pair without any plan keeps its table bound."""
        place = pair.depth - 1, pair.width - 1
        proven = self.proven[place] if np.isfinite(self.proven[place]) else self.table[place]
        return PairBound(
            depth=pair.depth, width=pair.width, upper_bound=float(proven), kind="solver"
        )


def _best_baseline(problem: Problem) -> Candidate | None:
    candidates = [policy(problem) for policy in BASELINES.values()]
    feasible = [c for c in candidates if c is not None and c.evaluation.feasible]
    return min(feasible, key=preference, default=None)
