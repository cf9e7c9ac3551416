"""Canonical JSON and digests (RFC 8785; CONTRACTS, Digests)."""

from __future__ import annotations

import hashlib
import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from plan_contracts import canonical_json, sha256_of

LARGEST_EXACT = 2**53 - 1

texts = st.text(st.characters(exclude_categories=["Cs"]))  # no lone surrogates
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_EXACT, LARGEST_EXACT)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(json_values)
def test_equals_an_independent_implementation(value: object) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)  # pyright: ignore[reportArgumentType] -- its own recursive alias


@given(json_values)
def test_reads_back_as_the_same_value(value: object) -> None:
    # The integer text of a large float names the float nearest to it, not itself.
    assert json.loads(canonical_json(value), parse_int=float) == value


@pytest.mark.parametrize(
    ("number", "text"),
    [
        # RFC 8785, appendix B
        (5e-324, b"5e-324"),
        (-0.0, b"0"),
        (1.7976931348623157e308, b"1.7976931348623157e+308"),
        (9007199254740992.0, b"9007199254740992"),
        (295147905179352830000.0, b"295147905179352830000"),
        (9.999999999999997e22, b"9.999999999999997e+22"),
        (1e23, b"1e+23"),
        (1e21, b"1e+21"),
        (999999999999999900000.0, b"999999999999999900000"),
        (333333333.3333332, b"333333333.3333332"),
        (-0.0000033333333333333333, b"-0.0000033333333333333333"),
        (1e-7, b"1e-7"),
        (0.000001, b"0.000001"),
        (1424953923781206.2, b"1424953923781206.2"),
    ],
)
def test_numbers_are_printed_as_ecmascript_prints_them(number: float, text: bytes) -> None:
    assert canonical_json(number) == text


def test_keys_are_ordered_by_utf_16_code_units() -> None:
    # RFC 8785, 3.2.3: the emoji's surrogates sort before U+FB33.
    names = ["€", "\r", "\ufb33", "1", "😀", "\u0080", "ö"]
    text = canonical_json(dict.fromkeys(names, 0)).decode()
    assert list(json.loads(text)) == ["\r", "1", "\u0080", "ö", "€", "😀", "\ufb33"]


def test_a_tuple_is_an_array() -> None:
    assert canonical_json((1, (2,))) == b"[1,[2]]"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_have_no_form(number: float) -> None:
    with pytest.raises(ValueError, match=f"no form for {number}"):
        canonical_json({"score": number})


@pytest.mark.parametrize("number", [2**53, -(2**53)])
def test_integers_that_readers_round_have_no_form(number: int) -> None:
    with pytest.raises(ValueError, match=str(number)):
        canonical_json(number)


def test_other_types_have_no_form() -> None:
    with pytest.raises(TypeError, match="no form for set"):
        canonical_json({1, 2})


def test_keys_must_be_strings() -> None:
    with pytest.raises(TypeError, match="keys must be strings, got 2"):
        canonical_json({2: "two"})


def test_a_digest_is_prefixed_lower_case_hex() -> None:
    assert sha256_of(b"shard") == "sha256:" + hashlib.sha256(b"shard").hexdigest()
