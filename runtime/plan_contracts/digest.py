"""Digests: SHA-256 over RFC 8785 canonical JSON."""

from __future__ import annotations

import hashlib
import json
import math
from decimal import Decimal
from json.encoder import encode_basestring
from typing import cast

from plan_contracts.units import LARGEST_INTEGER

LARGEST_PLAIN_EXPONENT = 21
SMALLEST_PLAIN_EXPONENT = -6


def sha256_of(content: bytes) -> str:
    """`sha256:` followed by the hex digest of the bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def canonical_json(value: object) -> bytes:
    """Canonical JSON of plain Python values (RFC 8785, JSON Canonicalization Scheme).

    Takes dicts with string keys, lists, tuples, strings, booleans, None, integers that every
    JSON reader keeps exact, and finite floats. Raises ValueError on other integers, NaN and
    infinities, TypeError on anything else.
    """
    return _canonical(value).encode("utf-8")


def _canonical(value: object) -> str:
    match value:
        case str():
            return encode_basestring(value)
        case None | bool():
            return json.dumps(value)
        case int():
            return _integer(value)
        case float():
            return _number(value)
        case dict():
            return _object(cast("dict[str, object]", value))
        case list() | tuple():
            items = cast("list[object]", value)
            return "[" + ",".join(map(_canonical, items)) + "]"
        case _:
            message = f"canonical JSON has no form for {type(value).__name__}"
            raise TypeError(message)


def _object(value: dict[str, object]) -> str:
    for key in value:
        if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance] -- unchecked input
            message = f"canonical JSON's keys must be strings, got {key!r}"
            raise TypeError(message)
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    members = [f"{encode_basestring(key)}:{_canonical(value[key])}" for key in keys]
    return "{" + ",".join(members) + "}"


def _integer(value: int) -> str:
    if abs(value) > LARGEST_INTEGER:
        message = f"integers of canonical JSON must lie within +-{LARGEST_INTEGER}, got {value}"
        raise ValueError(message)
    return str(value)


def _number(value: float) -> str:
    """The shortest decimal that reads back as `value`, as ECMAScript prints it (3.2.2.3)."""
    if not math.isfinite(value):
        message = f"canonical JSON has no form for {value}"
        raise ValueError(message)
    if value == 0:
        return "0"
    text = repr(value)
    if "e" not in text:  # most numbers: the same digits, but Python always writes a fraction
        return text.removesuffix(".0")
    sign = "-" if value < 0 else ""
    parts = Decimal(repr(abs(value))).normalize().as_tuple()
    digits = "".join(map(str, parts.digits))
    point = len(digits) + int(parts.exponent)
    return sign + _place_point(digits, point)


def _place_point(digits: str, point: int) -> str:
    if len(digits) <= point <= LARGEST_PLAIN_EXPONENT:
        return digits + "0" * (point - len(digits))
    if 0 < point <= LARGEST_PLAIN_EXPONENT:
        return f"{digits[:point]}.{digits[point:]}"
    if SMALLEST_PLAIN_EXPONENT < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    exponent = point - 1
    return f"{mantissa}e{'+' if exponent > 0 else '-'}{abs(exponent)}"
