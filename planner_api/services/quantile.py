"""Plans that keep to their latency target in at least a share q of runs under the device's jitter.

The optimiser knows no jitter and the simulator makes no plans, so they take turns (PLANNING,
"Deadline at a quantile"). The optimiser plans for a slower device, every transfer times
e^(.45 z sigma) and every layer's compute times e^(.2 z sigma_compute); the simulator judges the
plan on the true one; the margin z is bisected, and single shards are raised in the end. All
judgements use the same samples. The plan of the best score that kept to q is judged again on
samples that no plan was chosen by.

What is proven: a plan must keep to the target on the undisturbed device too, so every bound of
the request without its quantile is a bound of the request with it. For q > 1/2, and requests one
at a time, that asks for nothing more: let the undisturbed critical path take W > T. In a run that
keeps to T its steps w_i X_i, of median 1 in X_i, take at most T together, so by Cauchy
sum w_i / X_i >= W^2 / T > T. As ln X is symmetric, that is as likely as missing T. So at most
half of all runs keep to T.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from planner_api.optimizer.assemble import to_plan
from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.policies import BASELINES
from planner_api.optimizer.problem import Problem
from planner_api.optimizer.questions.upgrades import raises, shortages
from planner_api.optimizer.solution import Candidate, Solution, preference
from simulator.run import monte_carlo

if TYPE_CHECKING:
    from numpy.typing import NDArray


READ_SHARE = 0.45
COMPUTE_SHARE = 0.2
BISECTIONS = 9
POLISHINGS = 3
RAISES_TRIED = 12
TO_SPARE = 0.005
"""A plan is polished while it keeps to its target in this share of runs more than asked for."""
SEARCH_RUNS = 2_000
VERIFY_RUNS = 10_000
LEAST_USUAL_MARGIN = 0.5
LARGEST_EXPONENT = 30.0
LONGEST_US = 2**40
"""Twelve days: sums of such times over every shard of a model stay integers."""
SEARCH_SEED = 1
FRESH_SEED = 2
"""Added to the request's seed, with which the response's simulation runs."""


def _never() -> bool:
    return False


Planner: TypeAlias = Callable[[Problem], Solution]
"""Makes the best plan of a problem, jitter aside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A plan made with one margin, as it does on the true device.

    `share`: of the search's runs that keep to the target. `quantile_us`: the latency that the
    share q of them keeps to.
    """

    margin: float
    planned: Solution
    candidate: Candidate
    share: float
    quantile_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantileSearch:
    """What was found, and every plan that was judged on the way, the one without margin first.

    `solution` has the bounds of the request without its quantile; its candidate is None if no
    plan kept to q. `share`: of fresh runs in which that candidate keeps to the target.
    """

    solution: Solution
    trials: tuple[Trial, ...] = ()
    share: float | None = None


def solve_at_quantile(
    problem: Problem,
    planner: Planner,
    *,
    cancelled: Callable[[], bool] = _never,
    on_kept: Callable[[Solution], None] | None = None,
) -> QuantileSearch:
    """The best plan found that keeps to the target's `latency_quantile`; ValueError if null.

    For the policy `optimal` the baselines are tried too, and single shards of the plan are raised
    where it has runs to spare. `on_kept` is told of plans that kept to q in the search's runs, as
    they are found; once `cancelled`, nothing more is tried.
    """
    quantile = _wanted(problem)
    undisturbed = planner(problem)
    if undisturbed.candidate is None:
        return QuantileSearch(solution=undisturbed)
    trials: list[Trial] = []
    for trial in _bisect(problem, planner, _judge(problem, undisturbed, 0.0)):
        trials.append(trial)
        if on_kept is not None and trial.share >= quantile:
            on_kept(replace(undisturbed, candidate=trial.candidate))
        if cancelled():
            break
    kept = [trial for trial in trials if trial.share >= quantile]
    if cancelled():
        return QuantileSearch(solution=replace(undisturbed, candidate=None, truncated=True))
    if problem.inputs.options.policy == "optimal":
        kept += _baselines(problem, undisturbed)
    best = _verified(problem, kept)
    if best is not None and problem.inputs.options.policy == "optimal":
        best = _polished(problem, best, trials)
    truncated = any(trial.planned.truncated for trial in trials)
    solution = replace(
        undisturbed,
        candidate=best and best.trial.candidate,
        shadow_prices=best and best.trial.planned.shadow_prices,
        truncated=truncated,
    )
    return QuantileSearch(solution=solution, trials=tuple(trials), share=best and best.share)


def quick_at_quantile(problem: Problem) -> Candidate | None:
    """A policy's plan that kept to q in the search's runs, at once; None if none was at hand.

    Of any policy if the best plan is asked for, else of that policy alone.
    """
    asked = problem.inputs.options.policy
    policies = BASELINES.values() if asked == "optimal" else [BASELINES[asked]]
    usual = max(LEAST_USUAL_MARGIN, NormalDist().inv_cdf(_wanted(problem)))
    for margin in (usual, 2 * usual):
        slower = with_margin(problem, margin)
        made = [policy(slower) for policy in policies]
        fitting = [plan for plan in made if plan is not None and plan.evaluation.feasible]
        for planned in sorted(fitting, key=preference)[:1]:
            evaluation = evaluate(problem, planned.choice)
            candidate = Candidate(choice=planned.choice, evaluation=evaluation)
            if _share(problem, latencies_us(problem, candidate, fresh=False)) >= _wanted(problem):
                return candidate
    return None


class _Verified(NamedTuple):
    """A plan that keeps to q on fresh samples too, and the share of them in which it does."""

    trial: Trial
    share: float


def _verified(problem: Problem, kept: Iterable[Trial]) -> _Verified | None:
    """The best plan that also keeps to q on fresh samples."""
    for trial in sorted(kept, key=lambda trial: preference(trial.candidate)):
        share = _share(problem, latencies_us(problem, trial.candidate, fresh=True))
        if share >= _wanted(problem):
            return _Verified(trial, share)
    return None


def keeps_to_quantile(problem: Problem, candidate: Candidate) -> bool:
    """Whether a feasible plan keeps to the target in the share of runs that was asked for."""
    share = _share(problem, latencies_us(problem, candidate, fresh=True))
    return candidate.evaluation.feasible and share >= _wanted(problem)


def kept_to_us(problem: Problem, trial: Trial) -> int:
    """The least latency that a plan keeps to at q, in the search's runs and in fresh ones."""
    fresh = latencies_us(problem, trial.candidate, fresh=True)
    return max(trial.quantile_us, _quantile_us(problem, fresh))


def with_margin(problem: Problem, margin: float) -> Problem:
    """The same problem on a device that is slower by a margin z."""
    storage = problem.inputs.device.storage
    overhead = storage.request_overhead_us
    transfers = _slower(
        problem.read_us - overhead, READ_SHARE * margin * storage.jitter.bandwidth_sigma
    )
    layers = _slower(problem.layer_us, COMPUTE_SHARE * margin * problem.inputs.compute.jitter_sigma)
    return replace(
        problem,
        read_us=overhead + transfers,
        layer_us=np.where(problem.layer_us < 0, problem.layer_us, layers),
    )


def _slower(duration_us: NDArray[np.int64], exponent: float) -> NDArray[np.int64]:
    """Durations times e^exponent, rounded up; none beyond LONGEST_US for that."""
    slower = np.ceil(duration_us * math.exp(min(exponent, LARGEST_EXPONENT)))
    return np.minimum(slower, np.maximum(duration_us, LONGEST_US)).astype(np.int64)


def latencies_us(problem: Problem, candidate: Candidate, *, fresh: bool) -> NDArray[np.int64]:
    """(runs,) latencies of a plan on the true device; `fresh`: samples the search never saw."""
    inputs = problem.inputs
    found = Solution(
        candidate=candidate, bounds=(), upper_bound=math.inf, truncated=False, shadow_prices=None
    )
    plan = to_plan(problem, found)
    return monte_carlo(
        plan,
        inputs.device,
        inputs.model,
        runs=VERIFY_RUNS if fresh else SEARCH_RUNS,
        seed=inputs.options.seed + (FRESH_SEED if fresh else SEARCH_SEED),
    )


def _wanted(problem: Problem) -> float:
    quantile = problem.inputs.target.latency_quantile
    if quantile is None:
        message = "target.latency_quantile must be a share of runs to plan for, got null"
        raise ValueError(message)
    return quantile


def _quantile_us(problem: Problem, latencies: NDArray[np.int64]) -> int:
    """The least latency that the share q of these runs keeps to."""
    return int(np.quantile(latencies, _wanted(problem), method="inverted_cdf"))


def _share(problem: Problem, latencies: NDArray[np.int64]) -> float:
    return float(np.mean(latencies <= problem.inputs.target.latency_us))


def _judge(problem: Problem, planned: Solution, margin: float) -> Trial | None:
    """The plan of a solution on the true device; None if it has no plan."""
    if planned.candidate is None:
        return None
    choice = planned.candidate.choice
    candidate = Candidate(choice=choice, evaluation=evaluate(problem, choice))
    return _judged(problem, planned, candidate, margin)


def _judged(problem: Problem, planned: Solution, candidate: Candidate, margin: float) -> Trial:
    latencies = latencies_us(problem, candidate, fresh=False)
    return Trial(
        margin=margin,
        planned=planned,
        candidate=candidate,
        share=_share(problem, latencies),
        quantile_us=_quantile_us(problem, latencies),
    )


def _baselines(problem: Problem, undisturbed: Solution) -> Iterator[Trial]:
    """The other policies' plans, so that ours is never worse than one that keeps to q."""
    for policy in BASELINES.values():
        candidate = policy(problem)
        if candidate is not None and candidate.evaluation.feasible:
            trial = _judge(problem, replace(undisturbed, candidate=candidate), 0.0)
            if trial is not None:
                yield trial


def _bisect(problem: Problem, planner: Planner, first: Trial | None) -> Iterator[Trial]:
    """The plan without margin, and unless that keeps to q, those of the bisected margins."""
    if first is None:
        return
    yield first
    quantile = _wanted(problem)
    if first.share >= quantile:
        return
    low, high = 0.0, _largest_margin(quantile)
    for _ in range(BISECTIONS):
        margin = (low + high) / 2
        trial = _judge(problem, planner(with_margin(problem, margin)), margin)
        if trial is not None:
            yield trial
        if trial is not None and trial.share < quantile:
            low = margin
        else:
            high = margin


def _polished(problem: Problem, best: _Verified, trials: list[Trial]) -> _Verified:
    """The plan with single shards raised, one after another; adds to the trials."""
    for _ in range(POLISHINGS):
        if best.share < _wanted(problem) + TO_SPARE:
            break
        raised = list(itertools.islice(_raised(problem, best.trial), RAISES_TRIED))
        trials += raised
        better = _verified(problem, (t for t in raised if t.share >= _wanted(problem)))
        if better is None:
            break
        best = better
    return best


def _raised(problem: Problem, trial: Trial) -> Iterator[Trial]:
    """The plan with one shard raised, most gain for what it is too late by at the margin first."""
    slower, choice = with_margin(problem, trial.margin), trial.candidate.choice
    changes = raises(slower, choice)
    needs = shortages(slower, choice, changes)
    rate = changes.score_gain / np.maximum(1, needs.latency_us)
    for k in np.argsort(-rate, kind="stable").tolist():
        bits, preload = choice.bits.copy(), choice.preload.copy()
        place = changes.layer[k], changes.slice[k]
        bits[place], preload[place] = changes.bits[k], changes.preload[k]
        other = replace(choice, bits=bits, preload=preload)
        candidate = Candidate(choice=other, evaluation=evaluate(problem, other))
        if candidate.evaluation.feasible:
            yield _judged(problem, trial.planned, candidate, trial.margin)


def _largest_margin(quantile: float) -> float:
    """Twice the margin of reads that are all slow together, and more."""
    return 2 * (1 + max(0.0, NormalDist().inv_cdf(quantile))) / READ_SHARE
