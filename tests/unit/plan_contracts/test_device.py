"""Durations of single steps: reads, layers, decoding."""

from __future__ import annotations

import json
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from builders import BITS, GEOMETRY, device, device_json
from plan_contracts import Compute, ContractError, DeviceProfile, Geometry, Storage

if TYPE_CHECKING:
    from collections.abc import Mapping

times_us = st.integers(0, 10_000)
tables = st.dictionaries(st.integers(1, 200), times_us, min_size=1, max_size=6)


def compute(layer_us: Mapping[int, int]) -> Compute:
    return device(device_json(layer_us=layer_us, decode_us={2: 7, 32: 0})).compute[0]


def read_table(table: Mapping[int, int]) -> Storage:
    return Storage(read_us_by_bytes=dict(table))


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(ContractError) as caught:
        DeviceProfile.from_json(json.dumps(document))
    return str(caught.value)


def with_storage(storage: Mapping[str, object]) -> dict[str, Any]:
    return device_json(layer_us={1: 60}, decode_us={2: 0}, storage=storage)


@pytest.mark.parametrize(
    ("size_bytes", "expected_us"), [(0, 5), (1, 5 + 1), (300, 5 + 100), (301, 5 + 101)]
)
def test_a_read_takes_overhead_and_the_transfer_rounded_up(
    size_bytes: int, expected_us: int
) -> None:
    storage = Storage(bandwidth_bytes_per_s=3_000_000, request_overhead_us=5)
    assert storage.read_us(size_bytes) == expected_us


@given(st.integers(0, 2**50), st.integers(1, 2**50), times_us)
def test_a_read_is_exact_however_large(size: int, bandwidth: int, overhead_us: int) -> None:
    storage = Storage(bandwidth_bytes_per_s=bandwidth, request_overhead_us=overhead_us)
    assert storage.read_us(size) == overhead_us + ceil(Fraction(size * 10**6, bandwidth))


def test_a_measured_size_takes_its_measured_time() -> None:
    assert read_table({4096: 100, 65536: 700}).read_us(65536) == 700


def test_between_measured_sizes_the_time_is_linear_and_rounded_up() -> None:
    assert read_table({10: 100, 20: 105}).read_us(13) == 102


def test_below_the_smallest_measured_size_its_time_holds() -> None:
    assert read_table({4096: 100, 65536: 700}).read_us(1) == 100


def test_above_the_largest_measured_size_its_rate_holds() -> None:
    assert read_table({10: 100, 20: 150}).read_us(41) == ceil(41 * 150 / 20)


@given(tables, st.integers(1, 400), st.integers(1, 400))
def test_a_rising_read_table_never_makes_a_larger_read_quicker(
    table: dict[int, int], one: int, other: int
) -> None:
    rising = dict(zip(sorted(table), sorted(table.values()), strict=True))
    small, large = sorted((one, other))
    assume(large <= max(rising))
    assert read_table(rising).read_us(small) <= read_table(rising).read_us(large)


@pytest.mark.parametrize(
    ("storage", "rule"),
    [
        ({}, "needs either bandwidth_bytes_per_s"),
        (
            {"bandwidth_bytes_per_s": 1, "read_us_by_bytes": {"1": 1}},
            "needs either bandwidth_bytes_per_s",
        ),
        ({"read_us_by_bytes": {}}, "at least one entry"),
        (
            {"read_us_by_bytes": {"1": 1}, "request_overhead_us": 3},
            "request_overhead_us must be 0 beside it",
        ),
        ({"bandwidth_bytes_per_s": 0}, "greater than or equal to 1, got 0"),
        ({"bandwidth_bytes_per_s": 1, "queue_depth": 0}, "greater than or equal to 1, got 0"),
        ({"bandwidth_bytes_per_s": 1, "jitter": {"autocorrelation": 1}}, "less than 1, got 1"),
    ],
)
def test_storage_has_one_model_of_time(storage: dict[str, object], rule: str) -> None:
    assert rule in refusal(with_storage(storage))


def test_a_measured_width_takes_its_measured_time() -> None:
    assert compute({3: 35_000, 12: 95_000}).layer_compute_us(12) == 95_000


@pytest.mark.parametrize(("width", "expected_us"), [(4, 41_667), (6, 55_000), (11, 88_334)])
def test_widths_between_are_linear_and_rounded_up(width: int, expected_us: int) -> None:
    assert compute({3: 35_000, 12: 95_000}).layer_compute_us(width) == expected_us


@given(tables, st.integers(1, 200))
def test_interpolation_is_the_ceiling_of_the_exact_line(table: dict[int, int], width: int) -> None:
    entry = compute(table)
    assume(entry.covers_width(width))
    left = max(key for key in table if key <= width)
    right = min(key for key in table if key >= width)
    share = Fraction(width - left, right - left) if right > left else Fraction(0)
    exact = table[left] + share * (table[right] - table[left])
    assert entry.layer_compute_us(width) == ceil(exact)


@pytest.mark.parametrize("width", [2, 13])
def test_widths_outside_are_never_extrapolated(width: int) -> None:
    entry = compute({3: 35_000, 12: 95_000})
    assert not entry.covers_width(width)
    with pytest.raises(ContractError, match=rf"within the measured 3\.\.12 .* got {width}"):
        entry.layer_compute_us(width)


def test_decoding_takes_its_time_by_bitwidth() -> None:
    assert (compute({1: 1}).decode_us(2), compute({1: 1}).decode_us(32)) == (7, 0)


def test_a_bitwidth_without_decode_time_is_refused_by_name() -> None:
    with pytest.raises(ContractError, match=r"one of \[2, 32\] of shard_decode_us, got 6"):
        compute({1: 1}).decode_us(6)


@pytest.mark.parametrize("table", ["layer_us", "shard_decode_us"])
def test_duration_tables_have_an_entry(table: str) -> None:
    document = device_json(layer_us={1: 60}, decode_us={2: 0})
    document["compute"][0][table] = {}
    assert f"compute.0.{table}: " in refusal(document)


@pytest.mark.parametrize("bits", ["0", "33"])
def test_bitwidths_are_1_to_32(bits: str) -> None:
    document = device_json(layer_us={1: 60}, decode_us={2: 0})
    document["compute"][0]["shard_decode_us"] = {bits: 5}
    assert f"got {bits}" in refusal(document)


def test_two_entries_for_the_same_work_are_refused() -> None:
    document = device_json(layer_us={1: 60}, decode_us={2: 0})
    document["compute"] *= 2
    assert "more than one entry for (cpu, hidden 4, heads 2, ffn 8" in refusal(document)


def test_the_matching_entry_is_found() -> None:
    profile = device(device_json(layer_us={1: 60}, decode_us={2: 0}))
    assert profile.compute_for("cpu", Geometry(**GEOMETRY), 8) is profile.compute[0]


@pytest.mark.parametrize(
    ("target", "geometry", "length"),
    [
        ("gpu", GEOMETRY, 8),
        ("cpu", {**GEOMETRY, "ffn": 9}, 8),
        ("cpu", GEOMETRY, 9),
    ],
)
def test_no_entry_is_taken_for_another(target: str, geometry: dict[str, int], length: int) -> None:
    profile = device(device_json(layer_us={1: 60}, decode_us=dict.fromkeys(BITS, 0)))
    with pytest.raises(ContractError) as caught:
        profile.compute_for(target, Geometry(**geometry), length)
    assert "it has: (cpu, hidden 4, heads 2, ffn 8, sequence_length 8)" in str(caught.value)
