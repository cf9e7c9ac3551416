"""What a policy or solver answers: a choice, proven bounds, and whether it was cut short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plan_contracts import PairBound, ShadowPrices
    from planner_api.optimizer.choice import Choice, Evaluation
    from planner_api.optimizer.problem import Pair


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A choice and its exact evaluation."""

    choice: Choice
    evaluation: Evaluation


Preference = tuple[float, int, int, "Pair", list[list[int]], list[list[bool]]]


def preference(candidate: Candidate) -> Preference:
    """Sorts the better plan first, to the last tie (PLANNING, "Pitfalls").

    Higher objective, then less latency, fewer bytes read and preloaded, the smaller pair, bits
    and preload in lexicographic order.
    """
    choice, evaluation = candidate.choice, candidate.evaluation
    return (
        -evaluation.objective,
        evaluation.latency_us,
        evaluation.read_bytes + evaluation.preload_bytes,
        choice.pair,
        choice.bits.tolist(),
        choice.preload.tolist(),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Solution:
    """The best feasible candidate found, and one upper bound for every allowed pair.

    `candidate` is None when nothing feasible was found. `upper_bound` is the largest bound of
    all pairs that can still hold a plan (-inf when none can); `truncated` says that the clock,
    not the counted effort, ended the search.
    """

    candidate: Candidate | None
    bounds: tuple[PairBound, ...]
    upper_bound: float
    truncated: bool
    shadow_prices: ShadowPrices | None
