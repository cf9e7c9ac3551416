"""Units of the documents: integers, microseconds (`_us`) and bytes (`_bytes`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

MICROSECONDS_PER_SECOND = 1_000_000
LARGEST_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 7493, section 2.2)."""

Count = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
"""A non-negative integer without a unit."""

Positive = Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]
"""A positive integer without a unit."""

Microseconds = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
Bytes = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
PositiveBytes = Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]
Sigma = Annotated[float, Field(ge=0)]
Bitwidth = Annotated[int, Field(ge=1, le=32)]
Sha256 = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


def ceil_div(numerator: int, denominator: int) -> int:
    """The quotient of two integers rounded up; `denominator` is positive."""
    return -(-numerator // denominator)
