"""The inverse question: the least latency, bytes read or preload at which a score is reached.

What certified bounds decide is decided by them: bisection over the limit, from above by plans
that reach the score, from below by bounds that stay under it. What is left between the two is
closed by exact CP-SAT models with the score as a constraint and the quantity as their objective.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from planner_api.optimizer.bounding.table_bound import ROUNDING, score_range, table_bounds
from planner_api.optimizer.problem import Problem
from planner_api.optimizer.programs.cp_sat import Effort, run
from planner_api.optimizer.programs.exact import checked
from planner_api.optimizer.programs.formulation import formulate, longest_us, single_slices
from planner_api.optimizer.programs.integer_scores import IntegerScores, pairs_by_scale
from planner_api.optimizer.solution import Solution

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import LinearExpr

    from planner_api.optimizer.problem import Pair
    from planner_api.optimizer.programs.formulation import Formulation
    from planner_api.optimizer.solution import Candidate

Quantity = Literal["latency", "bytes", "preload"]

Planner: TypeAlias = Callable[[Problem], Solution]
"""Gives a plan and proven bounds; how near they are to each other is its own affair."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Least:
    """The least amount of a quantity: us of latency (fixed_us included), or bytes.

    No plan that reaches the score needs less than `lower_bound`; None: no plan reaches it at all.
    `candidate` needs exactly `amount`; both None if no plan was found. Proven least if the two
    are equal.
    """

    quantity: Quantity
    amount: int | None
    lower_bound: int | None
    candidate: Candidate | None


def least(
    problem: Problem, quantity: Quantity, score: float, planner: Planner, effort: Effort
) -> Least:
    """The least of a quantity that reaches a score, the other limits as given.

    The problem's own limit on latency or preload is left aside when that is the quantity.
    `effort` is spent at most once for each scale of the problem's pairs.
    """
    question = _Question.of(problem, quantity, score)
    search = _Search(question=question, planner=planner)
    if not search.try_limit(question.most):
        return question.answer(None, None)
    if quantity != "bytes":
        search.bisect()
    if search.known is None or question.amount(search.known) > search.low:
        search.close(effort)
    return question.answer(search.low, search.known)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Question:
    """`free` is the problem without its limit on the quantity; score: to reach, less rounding.

    Latencies are without fixed_us, up to the answer.
    """

    free: Problem
    quantity: Quantity
    score: float

    @classmethod
    def of(cls, problem: Problem, quantity: Quantity, score: float) -> _Question:
        rounding = ROUNDING * score_range(problem, table_bounds(problem))
        free = problem
        if quantity == "latency":
            free = replace(problem, latency_us=longest_us(problem))
        if quantity == "preload":
            free = replace(problem, preload_bytes=int(problem.shard_bytes.max(axis=2).sum()))
        return cls(free=free, quantity=quantity, score=score - rounding)

    @property
    def most(self) -> int:
        """More of the quantity no plan needs; for bytes, which are no limit of a problem, 0."""
        match self.quantity:
            case "latency":
                return self.free.latency_us
            case "preload":
                return self.free.preload_bytes
            case "bytes":
                return 0

    def limited(self, amount: int) -> Problem:
        """The problem with at most this much latency or preload."""
        match self.quantity:
            case "latency":
                return replace(self.free, latency_us=amount)
            case "preload":
                return replace(self.free, preload_bytes=amount)
            case "bytes":
                return self.free

    def amount(self, candidate: Candidate) -> int:
        """How much of the quantity a plan needs."""
        evaluation = candidate.evaluation
        match self.quantity:
            case "latency":
                return evaluation.latency_us - self.free.fixed_us
            case "preload":
                return evaluation.preload_bytes
            case "bytes":
                return evaluation.read_bytes

    def expression(self, formulation: Formulation) -> LinearExpr:
        """The quantity in a model."""
        match self.quantity:
            case "latency":
                return formulation.finish_us + 0
            case "preload":
                return formulation.preloaded_bytes()
            case "bytes":
                return formulation.read_bytes()

    def answer(self, low: float | None, known: Candidate | None) -> Least:
        """With fixed_us again where the quantity is a latency."""
        fixed = self.free.fixed_us if self.quantity == "latency" else 0
        proven = low is not None and math.isfinite(low)
        return Least(
            quantity=self.quantity,
            amount=None if known is None else self.amount(known) + fixed,
            lower_bound=int(low or 0) + fixed if proven else None,
            candidate=known,
        )


@dataclass(kw_only=True, slots=True)
class _Search:
    """`known` reaches the score with the least amount so far; none does with less than `low`.

    `low` is inf once it is proven that no plan reaches the score.
    """

    question: _Question
    planner: Planner
    low: float = 0
    known: Candidate | None = None

    def try_limit(self, amount: int) -> bool:
        """Whether bounds leave open that the score is reached within a limit; keeps the plan."""
        solution = self.planner(self.question.limited(amount))
        if solution.candidate is not None:
            self._offer(solution.candidate)
        return solution.upper_bound >= self.question.score

    def _offer(self, candidate: Candidate) -> None:
        if candidate.evaluation.objective < self.question.score:
            return
        if self._spared(candidate) > 0:
            self.known = candidate

    def _spared(self, candidate: Candidate) -> float:
        known = math.inf if self.known is None else self.question.amount(self.known)
        return known - self.question.amount(candidate)

    def bisect(self) -> None:
        """The least limit that bounds do not rule out, then the least that a plan is found for.

        Between the two lie limits that neither decides.
        """
        low, high = 0, self._high
        while low < high:
            middle = (low + high) // 2
            if self.try_limit(middle):
                high = middle
            else:
                low = middle + 1
        self.low = low
        while low < self._high:
            middle = (low + self._high) // 2
            self.try_limit(middle)
            if self._high > middle:
                low = middle + 1

    @property
    def _high(self) -> int:
        question = self.question
        return question.most if self.known is None else question.amount(self.known)

    def close(self, effort: Effort) -> None:
        """Let CP-SAT decide what is left open, among the pairs that may still reach the score."""
        question = self.question
        problem = question.limited(self._high)
        bounds = np.full((problem.layers, problem.slices), -np.inf)
        for bound in self.planner(problem).bounds:
            bounds[bound.depth - 1, bound.width - 1] = bound.upper_bound
        proven = math.inf
        for group in pairs_by_scale(problem, bounds):
            pairs = [p for p in group if bounds[p.depth - 1, p.width - 1] >= question.score]
            if pairs:
                proven = min(proven, self._cheapest(problem, pairs, effort))
        if self.known is not None:
            proven = min(proven, question.amount(self.known))
        self.low = proven

    def _cheapest(self, problem: Problem, pairs: list[Pair], effort: Effort) -> float:
        """What plans of these pairs, of one scale, need at least; inf if more than the known."""
        formulation = formulate(problem, pairs, single_slices(problem))
        scores = IntegerScores.of(problem)
        model, amount = formulation.model, self.question.expression(formulation)
        needed = math.floor(scores.in_steps(self.question.score))
        model.add(scores.objective(formulation) >= needed)
        model.add(amount >= int(self.low))
        if self.known is not None:
            model.add(amount < self.question.amount(self.known))
        model.minimize(amount)
        outcome = run(model, effort)
        if outcome.status == "infeasible":
            return math.inf
        if outcome.value is not None:
            self._offer(checked(problem, formulation.choice(outcome.value)))
        return self.low if outcome.bound is None else max(self.low, math.ceil(outcome.bound))
