"""What a policy or solver answers: a choice, proven bounds, and whether it was cut short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plan_contracts import PairBound, ShadowPrices
    from planner_api.optimizer.choice import Choice, Evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A choice and its exact evaluation."""

    choice: Choice
    evaluation: Evaluation


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
