"""The certified optimiser: the best plan over all pairs, and a proof of how good it is.

An anytime search: baselines at once, then pair after pair in the order of what they could still
hold, until no pair can hold a plan that is better by more than the gap asked for (PLANNING,
"Search over (n, m)"). Effort is counted, never timed, so equal inputs give equal plans; clock and
cancellation are asked for from outside and only cut the search short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from planner_api.optimizer.bounding.bounds import upper_bounds
from planner_api.optimizer.bounding.columns import refine
from planner_api.optimizer.bounding.ledger import Ledger
from planner_api.optimizer.bounding.multipliers import for_depth
from planner_api.optimizer.bounding.relaxation import pair_model
from planner_api.optimizer.bounding.screening import reading_only, reading_prices, screen
from planner_api.optimizer.bounding.shadow_prices import shadow_prices
from planner_api.optimizer.bounding.tables import tables_of
from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.improving.exchange import exchanged
from planner_api.optimizer.improving.repair import filled, rounded
from planner_api.optimizer.improving.settling import settled
from planner_api.optimizer.policies import BASELINES
from planner_api.optimizer.programs.closer import best_of_core, core_of, cut_core, mixed
from planner_api.optimizer.programs.cp_sat import Effort
from planner_api.optimizer.programs.program import Wanted
from planner_api.optimizer.solution import Candidate, Solution, preference

if TYPE_CHECKING:
    from collections.abc import Callable

    from plan_contracts import ShadowPrices
    from planner_api.optimizer.bounding.columns import Refined
    from planner_api.optimizer.bounding.multipliers import Multipliers
    from planner_api.optimizer.bounding.relaxation import PairModel, Selection
    from planner_api.optimizer.problem import Pair, Problem
    from planner_api.optimizer.programs.closer import Closed
    from planner_api.optimizer.programs.cp_sat import Search

SMALLEST_GAP = 5e-10
"""A gap of 0 asks for proof up to rounding: 1e-9 of the range (CONTRACTS, PlanResponse)."""
ALMOST = 1 - 1e-6
"""Part of the gap that is aimed at, so that rounding never decides the status."""
SOLVER_EFFORT_PER_MS = 0.0002
"""Deterministic seconds of CP-SAT for each millisecond of the time limit: some seconds of it."""

MOST_GROUPS = 50
"""SCIP is slow where preload is a number for (nearly) every shard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Closing:
    """One round over the open pairs: a mix of known choices, or a core of so many states.

    effort: deterministic seconds for each pair at most. by: how a core is searched. beyond: only
    plans better than the best known by more than the gap are asked for; most often few states
    could be part of one, and there is none. above, below: for pairs whose bound lies so many
    gaps beyond the gap.
    """

    states: int | None
    effort: float
    by: Search | Literal["cuts"] = "by_relaxation"
    beyond: bool = False
    above: float = 0.0
    below: float = math.inf


CLOSINGS = (
    Closing(states=None, effort=0.006, above=1.0),
    Closing(states=3000, effort=0.025, beyond=True),
    Closing(states=700, effort=0.02, by="cuts", beyond=True, below=2.0),
    Closing(states=3000, effort=0.025, by="by_pseudo_costs", beyond=True),
    Closing(states=700, effort=0.12, by="cuts", beyond=True, below=2.0),
    Closing(states=3000, effort=0.03),
    Closing(states=1_000_000, effort=10.0, by="by_pseudo_costs"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A pair after column generation."""

    model: PairModel
    refined: Refined


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What is known so far: the optimum lies between the bounds; None without a plan."""

    lower_bound: float | None
    upper_bound: float
    candidate: Candidate | None


class _Search:
    def __init__(
        self,
        problem: Problem,
        stopped: Callable[[], bool],
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self.problem = problem
        self._stopped = stopped
        self.truncated = False
        self.on_progress = on_progress
        self.tables = tables_of(problem)
        self.ledger = Ledger(problem, self.tables)
        self.best: Candidate | None = None
        options = problem.inputs.options
        gap = max(SMALLEST_GAP, ALMOST * options.max_relative_gap)
        self.goal = gap * self.ledger.range
        self.opened: dict[Pair, Opened] = {}
        self.solver_effort = SOLVER_EFFORT_PER_MS * options.time_limit_ms

    def stopped(self) -> bool:
        """Whether to leave the work that waits; asked only when some does."""
        self.truncated = self.truncated or self._stopped()
        return self.truncated

    def offer(self, candidate: Candidate | None) -> None:
        """Keep a feasible candidate if it is preferred to the best so far."""
        if candidate is None or not candidate.evaluation.feasible:
            return
        if self.best is None or preference(candidate) < preference(self.best):
            self.best = candidate

    def offer_selection(self, model: PairModel, selection: Selection | None) -> None:
        if selection is not None:
            choice = model.choice(selection)
            self.offer(Candidate(choice=choice, evaluation=evaluate(self.problem, choice)))

    @property
    def target(self) -> float:
        """Pairs whose bound is at most this are done."""
        return -np.inf if self.best is None else self.best.evaluation.objective + self.goal

    @property
    def upper_bound(self) -> float:
        highest = float(self.ledger.ceilings.max())
        return highest if self.best is None else max(highest, self.best.evaluation.objective)

    def report(self) -> None:
        if self.on_progress is not None:
            lower = None if self.best is None else self.best.evaluation.objective
            self.on_progress(
                Progress(lower_bound=lower, upper_bound=self.upper_bound, candidate=self.best)
            )

    def run(self) -> None:
        for policy in BASELINES.values():
            self.offer(policy(self.problem))
        self.report()
        levels = self.screen()
        self.report()
        self.relax_pairs(levels)
        for closing in CLOSINGS:
            self.close_pairs(closing)
        if self.best is not None:
            self.best = settled(self.problem, self.best)

    def screen(self) -> dict[Pair, Multipliers]:
        """Bounds of all pairs from a few prices of reading, and which is best for each."""
        prices = reading_prices(self.tables)
        if not prices:
            return {}
        bounds = np.stack([screen(self.problem, self.tables, price) for price in prices])
        made: dict[tuple[int, int], Multipliers] = {}
        starts: dict[Pair, Multipliers] = {}
        best = bounds.argmin(axis=0)
        for pair in self.problem.pairs:
            level = int(best[pair.depth - 1, pair.width - 1])
            key = (pair.depth, level)
            if key not in made:
                made[key] = reading_only(self.problem, self.tables, pair.depth, prices[level])
            starts[pair] = made[key]
        for (depth, level), multipliers in made.items():
            self.ledger.prove(bounds[level, depth - 1], multipliers)
        return starts

    def relax_pairs(self, starts: dict[Pair, Multipliers]) -> None:
        done: set[Pair] = set()
        while True:
            waiting = [p for p in self.ledger.open_pairs(self.target) if p not in done]
            if not waiting or self.stopped():
                return
            pair = waiting[0]
            done.add(pair)
            refined = self.relax_pair(pair, starts.get(pair))
            self.sweep(refined.multipliers, {p.depth for p in waiting[1:]})
            self.report()

    def relax_pair(self, pair: Pair, start: Multipliers | None) -> Refined:
        model = pair_model(self.problem, self.tables, pair)
        base = self.problem.pair_base(pair)
        refined = refine(
            model,
            start or model.free(),
            enough=(self.target - base) / model.unit,
            tolerance=0.002 * self.goal / model.unit,
        )
        self.ledger.prove(
            upper_bounds(self.problem, self.tables, refined.multipliers), refined.multipliers
        )
        if self.ledger.ceiling(pair) > self.target:
            self.repair(model, refined)
        self.opened[pair] = Opened(model=model, refined=refined)
        return refined

    def repair(self, model: PairModel, refined: Refined) -> None:
        enough = self.enough(model)
        for selection in rounded(model, refined):
            better = exchanged(model, selection, refined.multipliers, enough=enough)
            self.offer_selection(model, better)
            if self.ledger.ceiling(model.pair) <= self.target:
                return

    def enough(self, model: PairModel) -> float:
        """The gain at which a plan of the pair settles it."""
        least = self.ledger.ceiling(model.pair) - self.goal
        return (least - self.problem.pair_base(model.pair)) / model.unit

    def close_pairs(self, closing: Closing) -> None:
        """Ask a solver for better plans of every pair that is still open."""
        for pair in self.ledger.open_pairs(self.target):
            if self.is_for(closing, self.ledger.ceiling(pair) - self.target):
                if self.solver_effort <= 0 or pair not in self.opened or self.stopped():
                    return
                self.close_pair(self.opened[pair], closing)
                self.report()

    def is_for(self, closing: Closing, beyond: float) -> bool:
        """Whether a closing is for pairs whose bound lies so far beyond the gap."""
        few_enough = math.isinf(closing.below) or beyond <= closing.below * self.goal
        return beyond > closing.above * self.goal and few_enough

    def close_pair(self, opened: Opened, closing: Closing) -> None:
        model = opened.model
        base = self.problem.pair_base(model.pair)
        least = -np.inf if self.best is None else self.best.evaluation.objective
        least = self.target if closing.beyond else least
        wanted = Wanted(
            least=max(0.0, (least - base) / model.unit),
            most=(self.ledger.ceiling(model.pair) - base) / model.unit,
            close_enough=self.goal / model.unit,
        )
        options = self.problem.inputs.options
        effort = Effort(
            deterministic_time=min(closing.effort, self.solver_effort),
            wall_limit_s=options.time_limit_ms / 1000,
            seed=options.seed,
            stopped=self._stopped,
        )
        closed = self.closed(opened, closing, wanted, effort)
        if closed is None:
            return
        self.solver_effort -= closed.answer.deterministic_time
        self.truncated = self.truncated or closed.answer.truncated
        if closed.selection is not None:
            self.polish(opened, closed.selection)
        if closed.answer.most_gain is not None:
            self.take_word(model, closed.answer.most_gain, least)

    def closed(
        self, opened: Opened, closing: Closing, wanted: Wanted, effort: Effort
    ) -> Closed | None:
        """What a solver makes of a pair; None if the closing is not for pairs like it."""
        model, refined = opened.model, opened.refined
        if closing.states is None:
            return mixed(model, refined.columns, wanted, effort)
        known = None if closing.beyond else self.known_of(model)
        core = core_of(model, refined, known, least=wanted.least, most_states=closing.states)
        if closing.by != "cuts":
            return best_of_core(model, core, wanted, effort, closing.by)
        if core.whole and len(core.groups.layers) <= MOST_GROUPS:
            return cut_core(model, core, wanted, effort)
        return None

    def known_of(self, model: PairModel) -> Selection | None:
        """The best plan if it is of this pair."""
        if self.best is None or self.best.choice.pair != model.pair:
            return None
        return model.selection(self.best.choice)

    def polish(self, opened: Opened, selection: Selection) -> None:
        """Offer a selection that fits, and what filling and exchanges make of it."""
        model, prices = opened.model, opened.refined.multipliers
        self.offer_selection(model, selection)
        if self.ledger.ceiling(model.pair) > self.target:
            better = filled(model, selection, prices)
            self.offer_selection(model, exchanged(model, better, prices, enough=self.enough(model)))

    def take_word(self, model: PairModel, most_gain: float, least: float) -> None:
        """What a solver proved of a pair's plans that score `least` or more."""
        base = self.problem.pair_base(model.pair)
        empty = most_gain == -np.inf and least <= base
        bound = max(base + model.unit * most_gain, least)
        self.ledger.take_word(model.pair, -np.inf if empty else bound)

    def shadow_prices(self) -> ShadowPrices | None:
        """At the plan's pair; None without a plan."""
        if self.best is None:
            return None
        pair = self.best.choice.pair
        if pair not in self.opened:
            self.relax_pair(pair, None)
        return shadow_prices(self.opened[pair].model, self.opened[pair].refined.multipliers)

    def sweep(self, multipliers: Multipliers, depths: set[int]) -> None:
        for depth in sorted(depths):
            moved = for_depth(self.problem, multipliers, depth)
            self.ledger.prove(upper_bounds(self.problem, self.tables, moved), moved)


def solve(
    problem: Problem,
    *,
    cancelled: Callable[[], bool],
    clock_expired: Callable[[], bool],
    on_progress: Callable[[Progress], None] | None = None,
) -> Solution:
    """The best plan within the gap that the request asks for, or the best found.

    `cancelled` and `clock_expired` are asked between steps, and from another thread while a
    solver runs; once one is true the answer is what is known by then, and `truncated`.
    """
    search = _Search(problem, lambda: cancelled() or clock_expired(), on_progress)
    search.run()
    prices = search.shadow_prices()
    bounds = search.ledger.certificate(max(search.target, search.upper_bound))
    objective = -np.inf if search.best is None else search.best.evaluation.objective
    return Solution(
        candidate=search.best,
        bounds=bounds,
        upper_bound=max(objective, search.ledger.largest(bounds)),
        truncated=search.truncated,
        shadow_prices=prices,
    )
