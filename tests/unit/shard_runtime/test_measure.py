from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING

import pytest

from plan_contracts import Span
from shard_runtime.engine import load_engine
from shard_runtime.errors import InputError
from shard_runtime.execution import Machine, Run
from shard_runtime.executor import PlanRunner
from shard_runtime.measure import (
    Configuration,
    MeasureOptions,
    Observation,
    choose_configurations,
    fit_storage,
    measure,
    relative_spread,
    summarise_run,
    to_profile,
    trimmed_mean,
    uncertainty,
)
from shard_runtime.reader import PlainReader
from shard_runtime.store import ShardStore
from shard_runtime.tokens import pad_tokens
from store_plans import Chosen, make_plan, peak_bytes
from stores import Sizes, write_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plan_contracts import DeviceProfile

OPTIONS = MeasureOptions(
    sequence_lengths=(8,),
    name="bench",
    description="",
    source="a test",
    date=dt.date(2026, 11, 21),
    rounds=3,
)


def observation(bits: int = 2, width: int = 2, length: int = 8, **values: float) -> Observation:
    defaults = {"read_bytes": 100.0, "read_us": 10.0, "decode_us": 3.0, "layer_us": 7.0}
    return Observation(
        configuration=Configuration(bits, width, length),
        working_bytes=1000,
        **{**defaults, "fixed_us": 2.0, **values},
    )


def read_times(sizes: dict[int, int], cost: Callable[[int], float]) -> list[Observation]:
    return [observation(b, read_bytes=size, read_us=cost(size)) for b, size in sizes.items()]


SIZES_BY_BITS = {2: 40_000, 3: 60_000, 4: 80_000, 5: 100_000, 6: 120_000, 32: 600_000}


def test_bandwidth_and_overhead_are_recovered() -> None:
    observed = read_times(SIZES_BY_BITS, lambda size: 30 + size / 50)
    bandwidth, overhead_us = fit_storage(observed)
    assert bandwidth == pytest.approx(50_000_000)
    assert overhead_us == pytest.approx(30)


def test_one_wild_round_does_not_move_the_fit() -> None:
    good = read_times(SIZES_BY_BITS, lambda size: 30 + size / 50)
    wild = read_times(SIZES_BY_BITS, lambda size: 9000 + size)
    assert fit_storage([*good, *wild, *good]) == pytest.approx((50_000_000, 30))


def test_an_overhead_below_nothing_becomes_nothing() -> None:
    bandwidth, overhead_us = fit_storage(read_times({2: 100, 4: 300}, lambda size: size * 2 - 20))
    assert overhead_us == 0
    assert bandwidth == pytest.approx(1e6 / ((1.8 + 580 / 300) / 2))


def test_a_single_size_gives_a_bandwidth_alone() -> None:
    assert fit_storage(read_times({4: 500}, lambda size: size / 5)) == pytest.approx((5_000_000, 0))


def test_spread_is_the_interquartile_range_over_the_median() -> None:
    assert relative_spread([8, 9, 10, 11, 12]) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("values", "middle"),
    [
        ([5], 5),
        ([1, 2], 1.5),
        ([9, 1, 2], 2),
        ([1, 90, 3, 5], 4),
        ([0, 2, 3, 3, 7, 8, 99], 23 / 5),
        (list(range(40)), 19.5),
    ],
)
def test_outliers_are_left_out_of_the_trimmed_mean(values: list[float], middle: float) -> None:
    assert trimmed_mean(values) == pytest.approx(middle)


@pytest.mark.parametrize("values", [[5.0], [0.0, 0.0, 0.0]])
def test_there_is_no_spread_of_one_value_or_of_nothing(values: list[float]) -> None:
    assert relative_spread(values) == 0


def test_a_run_is_summarised_by_the_layers_after_the_first() -> None:
    def span(kind: str, layer: int, start: int, end: int, *slices: int) -> Span:
        fields = {"kind": kind, "layer": layer, "slices": slices, "bytes": 50}
        return Span.model_validate({**fields, "start_us": start, "end_us": end})

    run = Run(
        output=None,  # pyright: ignore[reportArgumentType] - not looked at
        latency_us=100,
        peak_memory_bytes=9,
        working_bytes=5,
        spans=(
            span("compute", 0, 0, 2),
            span("read", 1, 0, 30, 0),
            span("decode", 0, 2, 6, 0),
            span("compute", 0, 6, 26, 0),
            span("stall", 1, 26, 62),
            span("read", 1, 32, 62, 1),
            span("decode", 1, 62, 99, 0),
            span("compute", 1, 99, 190, 0),
            span("compute", 1, 190, 193),
        ),
    )
    found = summarise_run(Configuration(2, 1, 8), run)
    assert (found.decode_us, found.layer_us) == (37, 91)
    assert (found.read_us, found.read_bytes) == (31, 50)


def test_what_the_first_layer_takes_longer_is_fixed() -> None:
    def steps(layer: int, start: int, decode_us: int, compute_us: int) -> list[Span]:
        middle, end = start + decode_us, start + decode_us + compute_us
        return [
            Span(kind="decode", layer=layer, slices=(0,), start_us=start, end_us=middle, bytes=1),
            Span(kind="compute", layer=layer, slices=(0,), start_us=middle, end_us=end, bytes=0),
        ]

    read = Span(kind="read", layer=3, slices=(0,), start_us=0, end_us=9, bytes=50)
    spans = [read, *steps(0, 0, 9, 35), *steps(1, 44, 4, 20), *steps(2, 68, 6, 22)]
    run = Run(
        output=None,  # pyright: ignore[reportArgumentType] - not looked at
        latency_us=100,
        peak_memory_bytes=9,
        working_bytes=5,
        spans=(*spans, *steps(3, 100, 8, 27)),
    )
    found = summarise_run(Configuration(2, 1, 8), run)
    assert (found.decode_us, found.layer_us) == (6, 23)
    assert found.fixed_us == (9 + 35) - (6 + 23)


def test_rounds_that_agree_leave_nothing_uncertain() -> None:
    rounds = [[observation(2, 2), observation(6, 2, layer_us=50)]] * 3
    assert uncertainty(rounds) == 0


def test_uncertainty_is_that_of_the_worst_configuration_and_falls_with_the_rounds() -> None:
    def rounds(count: int) -> list[list[Observation]]:
        times = [90, 100, 110] * count
        return [[observation(2, 2), observation(6, 2, layer_us=us, decode_us=0)] for us in times]

    assert uncertainty(rounds(1)) == pytest.approx(0.1 * 1.03 / 1.349 / math.sqrt(3))
    assert uncertainty(rounds(4)) == pytest.approx(0.2 * 1.03 / 1.349 / math.sqrt(12))


def test_one_round_says_nothing_about_its_certainty() -> None:
    assert uncertainty([[observation()]]) == math.inf


def test_every_bitwidth_width_and_length_is_measured(tmp_path: Path) -> None:
    manifest = write_store(tmp_path).manifest
    chosen = choose_configurations(manifest, (8, 16))
    assert {c.bits for c in chosen} == {2, 3, 4, 5, 6, 32}
    assert {c.width for c in chosen} == {1, 2, 3}
    assert {c.sequence_length for c in chosen} == {8, 16}


def test_many_widths_are_thinned_out_to_the_first_the_last_and_some_between(
    tmp_path: Path,
) -> None:
    manifest = write_store(tmp_path, sizes=Sizes(hidden=64, heads=32, ffn=32, layers=1)).manifest
    widths = sorted({c.width for c in choose_configurations(manifest, (8,))})
    assert len(widths) <= 12
    assert (widths[0], widths[-1]) == (1, 32)


def test_numbers_are_trimmed_means_rounded_up_with_their_spread(tmp_path: Path) -> None:
    manifest = write_store(tmp_path).manifest
    rounds = [
        [observation(2, 3, layer_us=us, decode_us=us / 10, read_us=50)] for us in (99.5, 100.5, 200)
    ]
    profile = to_profile(manifest, rounds, OPTIONS)
    entry = profile.compute[0]
    assert (entry.layer_us, entry.shard_decode_us) == ({3: 101}, {2: 11})
    assert profile.storage.bandwidth_bytes_per_s == 2_000_000
    assert profile.provenance.samples == 3
    assert profile.provenance.spread is not None
    assert profile.provenance.spread["compute.8.layer_us.3"] == pytest.approx(0.65, abs=1e-3)
    assert profile.provenance.spread["storage.bandwidth_bytes_per_s"] == 0


def test_what_decoding_a_narrow_layer_takes_beyond_its_shards_counts_to_the_layer(
    tmp_path: Path,
) -> None:
    wide, narrow = (
        observation(2, width, layer_us=100 * width, decode_us=us, read_us=50)
        for width, us in ((3, 10), (1, 16))
    )
    entry = to_profile(write_store(tmp_path).manifest, [[wide, narrow]], OPTIONS).compute[0]
    assert entry.shard_decode_us == {2: 10}
    assert entry.layer_us == {1: 106, 3: 300}


def test_a_layer_takes_no_less_than_its_fastest_run_however_unsteady_decoding_is(
    tmp_path: Path,
) -> None:
    wide = observation(2, 3, layer_us=100, decode_us=500, read_us=50)
    narrow = [observation(2, 1, layer_us=us, decode_us=us / 10, read_us=50) for us in (40, 60, 90)]
    rounds = [[wide, one] for one in narrow]
    profile = to_profile(write_store(tmp_path).manifest, rounds, OPTIONS)
    assert profile.compute[0].layer_us == {1: 40, 3: 100}
    assert profile.provenance.spread is not None
    assert min(profile.provenance.spread.values()) == 0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ShardStore:
    sizes = Sizes(layers=6)
    return ShardStore.open(write_store(tmp_path_factory.mktemp("store"), sizes=sizes).folder)


def machine(store: ShardStore) -> Machine:
    return Machine(store=store, engine=load_engine("numpy", store), reader=PlainReader())


@pytest.fixture(scope="module")
def measured(store: ShardStore) -> tuple[DeviceProfile, list[str]]:
    """The profile of this machine, and what was said meanwhile."""
    lines: list[str] = []
    return measure(machine(store), OPTIONS, lines.append), lines


def test_a_measured_profile_covers_what_the_store_offers(
    store: ShardStore, measured: tuple[DeviceProfile, list[str]]
) -> None:
    profile, lines = measured
    entry = profile.compute_for("cpu", store.manifest.geometry, 8)
    assert sorted(entry.layer_us) == [1, 2, 3]
    assert sorted(entry.shard_decode_us) == [2, 3, 4, 5, 6, 32]
    assert profile.provenance.kind == "measured"
    assert lines[:2] == ["round 0 (warm-up)", "round 1 of 3"]


@pytest.mark.parametrize("bits", [2, 3, 6, 32])
def test_no_run_holds_more_than_the_measured_activations_allow(
    store: ShardStore, measured: tuple[DeviceProfile, list[str]], bits: int
) -> None:
    profile, _ = measured
    layers = [[Chosen(s, bits) for s in range(3)] for _ in range(6)]
    plan = make_plan(store.manifest, layers, read_ahead=1, profile=profile)
    run = PlanRunner(plan, machine(store), device=profile).run(pad_tokens([1], 8))
    activation_bytes = profile.compute[0].activation_bytes
    assert run.peak_memory_bytes <= peak_bytes(store.manifest, layers, 1) + activation_bytes


@pytest.mark.parametrize(
    ("lengths", "rounds", "message"),
    [
        ((), 1, "sequence lengths must be at least 1"),
        ((0,), 1, r"must be at least 1, got \[0\]"),
        ((8, 8), 1, "must differ"),
        ((8,), 0, "rounds must be at least 1, got 0"),
    ],
)
def test_options_that_measure_nothing_are_refused(
    store: ShardStore, lengths: tuple[int, ...], rounds: int, message: str
) -> None:
    options = MeasureOptions(
        sequence_lengths=lengths,
        name="bench",
        description="",
        source="a test",
        date=dt.date(2026, 11, 21),
        rounds=rounds,
    )
    with pytest.raises(InputError, match=message):
        measure(machine(store), options)
