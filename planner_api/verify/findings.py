"""What a check finds: a number that is not what the documents make it, or a claim left open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

ROUNDING = 1e-9
"""Scores may differ by this part of the range: sums of floats differ by their order."""
FLOAT_ROUNDING = 1e-12
"""And by this part of themselves, where the range is tiny beside them."""

Severity = Literal["refused", "unproven", "open"]
RANK: tuple[Severity, ...] = ("refused", "unproven", "open")
"""The worst first; `open` alone lets a response pass."""
Messages: TypeAlias = Iterator[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What keeps a response, or a single claim of it, from being verified.

    `refused`: it contradicts the documents or itself. `unproven`: nothing contradicts it, but
    the gap that was asked for cannot be recomputed from what it says. `open`: a claim beyond
    what was asked for, which cannot be recomputed shortly.
    """

    check: str
    message: str
    severity: Severity = "refused"


def differing(name: str, stated: object, due: object) -> Messages:
    """A message if two values differ at all."""
    if stated != due:
        yield f"{name} must be {due}, got {stated}"


def straying(name: str, stated: float, due: float, span: float) -> Messages:
    """A message if two scores differ by more than rounding; `span` is the range of scores."""
    if not same_score(stated, due, span):
        yield f"{name} must be {due!r}, got {stated!r}"


def same_score(one: float, other: float, span: float) -> bool:
    """Whether two scores are equal up to rounding."""
    return abs(one - other) <= ROUNDING * span + FLOAT_ROUNDING * max(abs(one), abs(other))
