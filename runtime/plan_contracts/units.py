"""Units of the documents: integers, microseconds (`_us`) and bytes (`_bytes`)."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo

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
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$")]
"""The name of a file in a store's folder: no path, so that no document leads out of it."""

Sha256 = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


def _plain_key(value: object, info: ValidationInfo) -> object:
    if info.mode != "json" or not isinstance(value, str):
        return value
    if re.fullmatch(r"0|[1-9][0-9]{0,15}", value) is None:
        message = f"keys must be plain decimal integers, got {value!r}"
        raise ValueError(message)
    return int(value)


PlainKey = BeforeValidator(_plain_key)
"""One spelling for each integer key of a JSON object: "2" and "02" would hide one another."""

PositiveKey = Annotated[Positive, PlainKey]
PositiveBytesKey = Annotated[PositiveBytes, PlainKey]
BitwidthKey = Annotated[Bitwidth, PlainKey]


def ceil_div(numerator: int, denominator: int) -> int:
    """The quotient of two integers rounded up; `denominator` is positive."""
    return -(-numerator // denominator)
