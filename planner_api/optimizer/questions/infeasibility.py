"""Why a request has no plan: the least latency, preload and memory that would do, exactly.

Scores play no part, so most of the problem falls away. A plan cut to fewer layers or slices needs
no more of anything, if its layers compute no slower: only the smallest pairs are kept. A bitwidth
that needs more of everything than another is dropped, and slices that then look alike are counted
together. CP-SAT minimises what is left, to the proof unless the counted effort ends first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from plan_contracts import Infeasibility
from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.problem import LARGEST_SUM
from planner_api.optimizer.programs.cp_sat import Effort, run
from planner_api.optimizer.programs.formulation import alike_slices, formulate
from planner_api.optimizer.solution import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from ortools.sat.python.cp_model import LinearExprT

    from plan_contracts.response import Limit
    from planner_api.optimizer.choice import Choice, Evaluation
    from planner_api.optimizer.problem import Pair, Problem
    from planner_api.optimizer.programs.formulation import Formulation

Quantity = Literal["latency", "preload", "memory"]
_QUANTITIES: tuple[Quantity, ...] = ("latency", "preload", "memory")

EFFORT = Effort(deterministic_time=10.0, wall_limit_s=60.0)
"""For each of the at most five models that explain one request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """The least of a quantity that would do: microseconds with fixed_us, or bytes.

    None if no amount would do. Not proven: the amount would do, but a smaller one might too (or,
    with None, might do after all).
    """

    amount: int | None
    proven: bool


def explain(problem: Problem, effort: Effort = EFFORT) -> Infeasibility:
    """The least of each limit that would do with the others as given, and which limit binds.

    `binding` is the limit whose sole removal leaves some plan, the first of compute (layers,
    decode and fixed_us take no time), io (reads take no time), preload and memory (any number of
    bytes). If none does alone, it is the one of largest relative excess (see `_excesses`). All
    numbers are of the best that any plan can do, whatever the policy asked for.
    """
    needs: dict[Quantity, Need] = {
        quantity: least_need(problem, quantity, effort) for quantity in _QUANTITIES
    }
    binding = _binding(problem, needs, effort)
    return Infeasibility(
        least_latency_us=needs["latency"].amount,
        least_preload_bytes=needs["preload"].amount,
        least_memory_bytes=needs["memory"].amount,
        binding=binding,
        message=_message(problem, needs, binding),
    )


def least_need(problem: Problem, quantity: Quantity, effort: Effort = EFFORT) -> Need:
    """The least of a quantity with which a plan exists, its own limit left out."""
    choice, proven = _cheapest(problem, quantity, effort)
    if choice is None:
        return Need(amount=None, proven=proven)
    return Need(amount=_amount(evaluate(problem, choice), quantity), proven=proven)


def quickest(problem: Problem, effort: Effort = EFFORT) -> Candidate | None:
    """The plan of least latency, the target left out; None if none keeps the other limits."""
    choice, _ = _cheapest(problem, "latency", effort)
    return choice and Candidate(choice=choice, evaluation=evaluate(problem, choice))


def _cheapest(problem: Problem, quantity: Quantity, effort: Effort) -> tuple[Choice | None, bool]:
    """The plan that needs least of a quantity, its own limit left out, and whether it is proven."""
    freed = without_dominated(_without_limit(problem, quantity))
    if freed.latency_us < 0:
        return None, True
    formulation = formulate(freed, freed.pairs, alike_slices(freed))
    formulation.model.minimize(_objective(formulation, quantity))
    outcome = run(formulation.model, effort)
    proven = outcome.status in {"optimal", "infeasible"}
    return (None if outcome.value is None else formulation.choice(outcome.value)), proven


def _without_limit(problem: Problem, quantity: Quantity) -> Problem:
    match quantity:
        case "latency":
            return replace(problem, latency_us=LARGEST_SUM)
        case "preload":
            return replace(problem, preload_bytes=LARGEST_SUM)
        case "memory":
            return replace(problem, memory_bytes=LARGEST_SUM)


def _objective(formulation: Formulation, quantity: Quantity) -> LinearExprT:
    match quantity:
        case "latency":
            return formulation.finish_us
        case "preload":
            return formulation.preloaded_bytes()
        case "memory":
            return formulation.peak_bytes


def _amount(evaluation: Evaluation, quantity: Quantity) -> int:
    match quantity:
        case "latency":
            return evaluation.latency_us
        case "preload":
            return evaluation.preload_bytes
        case "memory":
            return evaluation.peak_memory_bytes


def without_dominated(problem: Problem) -> Problem:
    """The problem with only the pairs and states that the cheapest plans are made of."""
    return replace(problem, pairs=_smallest_pairs(problem), states=_cheapest_states(problem))


def _smallest_pairs(problem: Problem) -> tuple[Pair, ...]:
    """Pairs of which no other has fewer layers and slices and computes a layer as fast."""
    shallowest = {pair.width: pair for pair in sorted(problem.pairs, reverse=True)}
    kept: list[Pair] = []
    for pair in sorted(shallowest.values(), key=lambda pair: pair.width):
        step_us = problem.layer_us[pair.width]
        if not any(
            other.depth <= pair.depth and problem.layer_us[other.width] <= step_us for other in kept
        ):
            kept.append(pair)
    return tuple(kept)


def _cheapest_states(problem: Problem) -> NDArray[np.bool_]:
    """(N, M, B, 2): states without those that need as much of everything as another one.

    Of equals, the lower bitwidth stays.
    """
    costs = (
        problem.read_us,
        problem.shard_bytes,
        np.broadcast_to(problem.decode_us, problem.read_us.shape),
    )
    as_cheap = np.logical_and.reduce([c[:, :, :, None] <= c[:, :, None, :] for c in costs])
    index = np.arange(len(problem.bits))
    equal = as_cheap & as_cheap.swapaxes(2, 3)
    better = as_cheap & (~equal | (index[:, None] < index[None, :]))
    dominated = (better[..., None] & problem.states[:, :, :, None, :]).any(axis=2)
    return problem.states & ~dominated


def _binding(problem: Problem, needs: dict[Quantity, Need], effort: Effort) -> Limit:
    if _has_plan(_without_compute(problem), effort):
        return "compute"
    if _has_plan(_without_io(problem), effort):
        return "io"
    if needs["preload"].amount is not None:
        return "preload"
    if needs["memory"].amount is not None:
        return "memory"
    excesses = dict(_excesses(problem, effort))
    return max(excesses, key=lambda limit: excesses[limit])


def _has_plan(problem: Problem, effort: Effort) -> bool:
    reduced = without_dominated(problem)
    if reduced.latency_us < 0:
        return False
    formulation = formulate(reduced, reduced.pairs, alike_slices(reduced))
    return run(formulation.model, effort).value is not None


def _without_compute(problem: Problem) -> Problem:
    """Layers, decode and fixed_us take no time."""
    return replace(
        problem,
        layer_us=np.minimum(problem.layer_us, 0),
        decode_us=np.zeros_like(problem.decode_us),
        latency_us=problem.latency_us + problem.fixed_us,
        fixed_us=0,
    )


def _without_io(problem: Problem) -> Problem:
    """Reads take no time."""
    return replace(problem, read_us=np.zeros_like(problem.read_us))


def _excesses(problem: Problem, effort: Effort) -> Iterator[tuple[Limit, float]]:
    """By how much each limit is missed by itself, relative to it; all other limits left out.

    compute: the least latency if reads take no time. io: the least latency if compute takes no
    time, with the preload buffer as given. preload, memory: the least bytes.
    """
    target_us = problem.latency_us + problem.fixed_us
    roomy = _without_limit(problem, "memory")
    free = replace(roomy, latency_us=LARGEST_SUM, preload_bytes=LARGEST_SUM)
    limits: tuple[tuple[Limit, Problem, Quantity, int], ...] = (
        ("compute", _without_io(free), "latency", target_us),
        ("io", _without_compute(roomy), "latency", target_us),
        ("preload", free, "preload", problem.preload_bytes),
        ("memory", free, "memory", problem.memory_bytes),
    )
    for limit, alone, quantity, given in limits:
        amount = least_need(alone, quantity, effort).amount
        yield limit, float("-inf") if amount is None else (amount - given) / max(given, 1)


def _message(problem: Problem, needs: dict[Quantity, Need], binding: Limit) -> str:
    given_us = problem.latency_us + problem.fixed_us
    wishes = (
        _wish(needs["latency"], "us of latency"),
        _wish(needs["preload"], "bytes of preload"),
        _wish(needs["memory"], "bytes of memory"),
    )
    return (
        f"no plan keeps to {given_us} us of latency, {problem.preload_bytes} bytes of preload and "
        f"{problem.memory_bytes} bytes of memory, for want of {binding}; with the other limits as "
        f"given, {', '.join(wishes)}"
    )


def _wish(need: Need, unit: str) -> str:
    if need.amount is None:
        return f"no number of {unit} would do" if need.proven else f"no number of {unit} was found"
    return f"{need.amount} {unit} would do" + ("" if need.proven else " (perhaps fewer)")
