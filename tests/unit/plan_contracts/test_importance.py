"""ImportanceTable: shapes, rising gains, reference slices, and the model it is bound to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import importance, importance_json, model, model_json
from plan_contracts import ContractError, ImportanceTable

BASE = [[1.0, 2.0], [3.0, 4.0]]
GAIN = {2: [[0.0, 0.0], [0.0, 0.0]], 32: [[1.0, 3.0], [5.0, 5.0]]}
OTHER_DIGEST = "sha256:" + "0" * 64


def table_json(**fields: object) -> dict[str, Any]:
    return importance_json(BASE, GAIN, **fields)


def manifest_json(**fields: object) -> dict[str, Any]:
    return model_json({2: [[20, 20]] * 2, 32: [[320, 320]] * 2}) | fields


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(ContractError) as caught:
        ImportanceTable.from_json(json.dumps(document))
    return str(caught.value)


def test_scores_may_be_negative() -> None:
    assert importance(importance_json([[-5.0, -1.0]] * 2, GAIN)).base[0][0] == -5.0


@pytest.mark.parametrize("gain", [-0.5, float("nan"), float("inf"), True, "1"])
def test_gains_are_finite_and_not_negative(gain: object) -> None:
    document = table_json()
    document["gain"]["32"][0][1] = gain
    message = refusal(document)
    assert "gain.32.0.1: " in message
    assert f"got {gain!r}" in message


def test_gains_never_fall_as_bits_rise() -> None:
    document = table_json()
    document["gain"]["2"][1][0] = 5.5
    assert "gain.32.1.0 must be at least the 5.5 of 2 bit, got 5.0" in refusal(document)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"base": [[1, 2], [3]]}, "base.1 must have 2 entries, one a slice, got 1"),
        ({"base": [[1, 2]]}, "gain.2 must have 1 rows, one a layer, got 2"),
        ({"base": []}, "gain.2 must have 0 rows"),
        ({"full": [[1, 2]]}, "full must have 2 rows, one a layer, got 1"),
        ({"stderr": {"2": [[0, 0]]}}, "stderr.2 must have 2 rows, one a layer, got 1"),
        ({"gain": {}}, "gain: "),
        ({"base": None}, "base: "),
        ({"provenance": {"kind": "guessed", "source": "", "date": "2026-11-21"}}, "got 'guessed'"),
    ],
)
def test_a_broken_rule_is_named(fields: dict[str, object], rule: str) -> None:
    assert rule in refusal({**table_json(), **fields})


def test_lowest_and_highest_bitwidths_are_the_tables_own() -> None:
    table = importance(table_json())
    assert (table.lowest_bits, table.highest_bits) == (2, 32)


def test_prefix_references_are_the_first_slices() -> None:
    assert importance(table_json()).reference_slices(0, 1, "prefix") == [0]


def test_any_references_are_those_of_greatest_gain() -> None:
    assert importance(table_json()).reference_slices(0, 1, "any") == [1]


def test_equal_gains_go_to_the_lower_slice() -> None:
    assert importance(table_json()).reference_slices(1, 1, "any") == [0]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.data())
def test_references_grow_by_one_slice_with_the_width(row: list[int], data: st.DataObject) -> None:
    width = data.draw(st.integers(1, len(row)))
    table = importance(importance_json([[0] * len(row)], {2: [row]}))
    wider = table.reference_slices(0, width, "any")
    assert wider == sorted(wider)
    assert len(wider) == width
    assert set(table.reference_slices(0, width - 1, "any")) < set(wider)


def test_binding_fills_in_the_digest_of_the_model() -> None:
    manifest = model(manifest_json())
    assert importance(table_json()).bound_to(manifest).model_digest == manifest.digest


def test_a_table_of_another_model_is_refused() -> None:
    manifest = model(manifest_json())
    with pytest.raises(ContractError) as caught:
        importance(table_json(model_digest=OTHER_DIGEST)).bound_to(manifest)
    assert str(manifest.digest) in str(caught.value)
    assert OTHER_DIGEST in str(caught.value)


def test_a_table_of_another_shape_is_refused() -> None:
    manifest = model(model_json({2: [[20, 20]], 32: [[320, 320]]}))
    with pytest.raises(ContractError, match=r"must be 1 layers x 2 slices .* got 2 x 2"):
        importance(table_json()).bound_to(manifest)


def test_a_table_without_a_bitwidth_of_the_model_is_refused() -> None:
    manifest = model(model_json({2: [[2, 2]] * 2, 3: [[3, 3]] * 2, 32: [[32, 32]] * 2}))
    with pytest.raises(ContractError, match=r"must have the model's bitwidths, lacks \[3\]"):
        importance(table_json()).bound_to(manifest)


def test_a_table_may_have_more_bitwidths_than_the_model() -> None:
    manifest = model(model_json({32: [[320, 320]] * 2}))
    assert importance(table_json()).bound_to(manifest).model_digest == manifest.digest


def test_under_prefix_the_lowest_bitwidth_has_no_gain() -> None:
    ranked = importance_json(BASE, {**GAIN, 2: [[0.0, 0.5], [0.0, 0.0]]})
    manifest = model(manifest_json(slice_selection="prefix"))
    with pytest.raises(ContractError, match=r"gain\.2 must be 0 everywhere under prefix"):
        importance(ranked).bound_to(manifest)


def test_under_any_the_lowest_bitwidth_may_rank_slices() -> None:
    ranked = importance_json(BASE, {**GAIN, 2: [[0.0, 0.5], [0.0, 0.0]]})
    manifest = model(manifest_json(slice_selection="any"))
    assert importance(ranked).bound_to(manifest).model_digest == manifest.digest
