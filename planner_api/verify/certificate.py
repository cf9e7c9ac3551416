"""A certificate against the documents: every bound of it, recomputed from its multipliers."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner_api.verify.bounds import (
    holds_no_plan,
    lagrangian_bound,
    summed_worth,
    table_bounds,
    wrong_multipliers,
)
from planner_api.verify.exhaustion import best_score
from planner_api.verify.findings import (
    FLOAT_ROUNDING,
    ROUNDING,
    Finding,
    differing,
    same_score,
    straying,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plan_contracts import Certificate, PairBound
    from planner_api.verify.documents import Numbers
    from planner_api.verify.findings import Messages

WORDS = "solver's bounds"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Claim:
    """A certificate and the request it is about; `table`: the table bound of every pair."""

    numbers: Numbers
    certificate: Certificate
    table: dict[tuple[int, int], float]
    span: float


def claim_of(numbers: Numbers, certificate: Certificate) -> Claim:
    """The certificate beside the bounds and the range of scores that the table gives."""
    table = table_bounds(numbers)
    least = min(float(numbers.base[n - 1, m - 1]) for n, m in table)
    return Claim(
        numbers=numbers,
        certificate=certificate,
        table=table,
        span=max(table.values()) - least,
    )


def check_seal(claim: Claim) -> Messages:
    """The digest of the certificate's own numbers."""
    certificate = claim.certificate
    yield from differing("digest", certificate.digest, certificate.computed_digest())


def check_pairs(claim: Claim) -> Messages:
    """One bound for every allowed pair, and no other."""
    counts = Counter((bound.depth, bound.width) for bound in claim.certificate.bounds)
    for pair in sorted(claim.table.keys() - counts.keys()):
        yield f"depth {pair[0]}, width {pair[1]} must have a bound, has none"
    for pair, count in sorted(counts.items()):
        if pair not in claim.table:
            yield f"depth {pair[0]}, width {pair[1]} must have no bound, is no allowed pair"
        elif count > 1:
            yield f"depth {pair[0]}, width {pair[1]} must have one bound, got {count}"


def check_bounds(claim: Claim) -> Messages:
    """Every bound of the kinds `table` and `lagrangian`, recomputed."""
    for bound in claim.certificate.bounds:
        if (bound.depth, bound.width) in claim.table:
            for message in _check_bound(claim, bound):
                yield f"depth {bound.depth}, width {bound.width}: {message}"


def _check_bound(claim: Claim, bound: PairBound) -> Messages:
    table = claim.table[bound.depth, bound.width]
    wrong = list(wrong_multipliers(claim.numbers, _priced(bound)))
    yield from wrong
    if bound.kind == "table":
        yield from straying("upper_bound", bound.upper_bound, table, claim.span)
        if bound.path or bound.buffer or bound.memory or bound.preload or bound.decode:
            yield "a bound of kind table must have no multipliers"
    elif bound.kind == "solver":
        if bound.upper_bound > table and not same_score(bound.upper_bound, table, claim.span):
            yield f"a solver's bound must be at most the table's {table!r}, got {bound.upper_bound}"
    elif not wrong:
        due = lagrangian_bound(claim.numbers, bound)
        yield from straying("upper_bound", bound.upper_bound, due, claim.span)


def _priced(bound: PairBound) -> PairBound:
    """The bound with prices of zero where it has none and needs none."""
    if bound.path or bound.kind == "lagrangian":
        return bound
    return bound.model_copy(update={"path": (0.0,) * bound.depth})


def words(claim: Claim) -> Iterator[Finding]:
    """Bounds that nothing but a solver's word stands for, below what the table gives.

    At their prices few plans are left that could score more; these are gone through one by one.
    A word below the certificate's objective claims no more than that the pair is no better.
    """
    for stated in claim.certificate.bounds:
        table = claim.table.get((stated.depth, stated.width), -math.inf)
        if stated.kind == "solver" and stated.upper_bound < table:
            bound = _priced(stated)
            if not any(wrong_multipliers(claim.numbers, bound)):
                above = max(bound.upper_bound, claim.certificate.objective)
                yield from _refuted(claim, bound, above)


def _refuted(claim: Claim, bound: PairBound, above: float) -> Iterator[Finding]:
    best = best_score(claim.numbers, bound, above=above)
    where = f"depth {bound.depth}, width {bound.width}"
    if best is not None:
        if not same_score(best, above, claim.span):
            message = f"{where}: a plan scores {best!r}, more than {above!r}"
            yield Finding(check=WORDS, message=message)
        return
    gap = claim.numbers.documents.options.max_relative_gap
    asked = claim.certificate.objective + gap * claim.span
    is_enough = asked > above and best_score(claim.numbers, bound, above=asked) == asked
    proven = min(
        claim.table[bound.depth, bound.width],
        asked if is_enough else lagrangian_bound(claim.numbers, bound),
    )
    yield Finding(
        check=WORDS,
        message=(
            f"{where}: {above!r} is the word of a solver, and there are too many plans to go "
            f"through; proven is {proven!r}" + (", the gap asked for" if is_enough else "")
        ),
        severity="open" if is_enough else "unproven",
    )


def check_summary(claim: Claim) -> Messages:
    """Range, the largest bound of all pairs that may hold a plan, and the gap."""
    stated = claim.certificate
    yield from straying("range", stated.range, claim.span, claim.span)
    bounds = [bound.upper_bound for bound in stated.bounds if _may_hold_plans(claim, bound)]
    due = max([stated.objective, *bounds])
    yield from differing("upper_bound", stated.upper_bound, due)
    gap = (stated.upper_bound - stated.objective) / stated.range if stated.range > 0 else 0.0
    yield from differing("relative_gap", stated.relative_gap, gap if gap > ROUNDING else 0.0)


def _may_hold_plans(claim: Claim, bound: PairBound) -> bool:
    """False for pairs too slow or too narrow, and where a bound lies below the pair's base."""
    if (bound.depth, bound.width) not in claim.table:
        return False
    if holds_no_plan(claim.numbers, bound.depth, bound.width):
        return False
    base = float(claim.numbers.base[bound.depth - 1, bound.width - 1])
    priced = _priced(bound)
    if any(wrong_multipliers(claim.numbers, priced)):
        return True
    summed = abs(base) + summed_worth(claim.numbers, priced)
    return bound.upper_bound >= base - ROUNDING * claim.span - FLOAT_ROUNDING * summed


CHECKS: dict[str, Callable[[Claim], Messages]] = {
    "certificate's digest": check_seal,
    "pairs": check_pairs,
    "bounds": check_bounds,
    "range and gap": check_summary,
}
