"""A validation's arithmetic, on plans that nobody ran."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.machine_load import Usage
from benchmarks.validate import Validation
from benchmarks.validation_cases import CASES, plans_of
from benchmarks.validation_compare import (
    Compared,
    ComparedLayer,
    ComparedPlan,
    Parts,
    compare,
    compared,
    name_of,
)
from benchmarks.validation_report import BEGIN, END, described_machine, reasons, with_results
from benchmarks.validation_runs import Effort, Round, quietest, rounds_until_quiet
from builders import e2_json
from device_profiles import catalog
from plan_contracts import Geometry, ModelManifest
from plans import made
from shard_runtime.execution import Run
from simulator import simulate, to_trace

EXACT = Compared(simulated_us=100_000, measured_us=100_000, spread_us=500)
NOTHING = Compared(simulated_us=0, measured_us=0, spread_us=0)
PARTS = Parts(waits=NOTHING, decoding=NOTHING, layers=EXACT, fixed=NOTHING)
PLAN = ComparedPlan(
    bandwidth_mb_s=25,
    name="6x12 2b",
    read_ahead_layers=None,
    latency=EXACT,
    parts=PARTS,
    layers=(),
)
E2 = made(e2_json(), [[6, 3], [6, 4]], {(0, 0)})


def with_stalls(*stalls: tuple[int, int], spread_us: int = 0) -> ComparedPlan:
    layers = [
        ComparedLayer(
            end=EXACT,
            stall=Compared(simulated_us=simulated, measured_us=measured, spread_us=spread_us),
        )
        for simulated, measured in stalls
    ]
    return replace(PLAN, layers=tuple(layers))


def with_error(error: float) -> ComparedPlan:
    wrong = replace(EXACT, measured_us=round(100_000 * (1 + error)))
    return replace(PLAN, latency=wrong, parts=replace(PARTS, layers=wrong))


def validated(*plans: ComparedPlan, others_cores: float | None = 0.0) -> Validation:
    return Validation(plans=plans, rounds=9, repeated=2, others_cores=others_cores)


def run_as_simulated(slower_us: int) -> Run:
    """A run that went as simulated, all of it later by so much."""
    report = simulate(*E2)
    spans = tuple(
        span.model_copy(
            update={"start_us": span.start_us + slower_us, "end_us": span.end_us + slower_us}
        )
        for span in to_trace(report, E2.plan).spans
    )
    latency_us = report.latency_us + slower_us
    return Run(
        output=None,  # pyright: ignore[reportArgumentType] - nobody looks at it
        latency_us=latency_us,
        peak_memory_bytes=0,
        working_bytes=0,
        spans=spans,
    )


def test_errors_are_measured_minus_simulated() -> None:
    assert Compared(simulated_us=200, measured_us=210, spread_us=21).error == pytest.approx(0.05)


def test_the_spread_is_relative_to_the_measured_time() -> None:
    assert Compared(simulated_us=200, measured_us=210, spread_us=21).spread == pytest.approx(0.1)


def test_one_slow_run_of_many_changes_nothing() -> None:
    steady = [100, 101, 102, 103, 104, 105, 106, 107]
    assert compared(100, [*steady, 108]) == compared(100, [*steady, 9000])


def test_runs_are_compared_with_their_own_simulation() -> None:
    runs = [run_as_simulated(slower) for slower in (0, 10, 20)]
    found = compare(25, E2.plan, E2.device, E2.model, runs)
    assert (found.latency.simulated_us, found.latency.measured_us) == (253, 263)
    assert [layer.end.measured_us for layer in found.layers] == [153, 263]
    assert [layer.stall.simulated_us for layer in found.layers] == [35, 2]
    parts = found.parts
    assert (parts.waits.simulated_us, parts.waits.measured_us) == (37, 37)
    assert (parts.decoding.late_us, parts.layers.late_us, parts.fixed.late_us) == (0, 0, 0)


def test_a_plan_is_named_by_what_is_in_it() -> None:
    assert name_of(E2.plan) == "2x2 3-6b"


def test_layers_stall_in_the_order_that_was_simulated() -> None:
    assert with_stalls((50_000, 45_000), (9_000, 20_000), (0, 1)).stall_order() == (3, 3)


def test_a_wrong_order_is_counted() -> None:
    assert with_stalls((50_000, 10_000), (9_000, 20_000), (0, 1)).stall_order() == (2, 3)


def test_stalls_that_hardly_differ_have_no_order() -> None:
    assert with_stalls((50_000, 10_000), (49_000, 20_000)).stall_order() == (0, 0)


def test_stalls_within_the_spread_of_the_runs_have_no_order() -> None:
    assert with_stalls((50_000, 10_000), (9_000, 20_000), spread_us=45_000).stall_order() == (0, 0)


def test_good_figures_fall_short_of_nothing() -> None:
    assert list(validated(PLAN, with_error(0.05), PLAN).shortfalls()) == []


def test_errors_that_are_too_large_are_named() -> None:
    assert list(validated(with_error(0.04), with_error(-0.09)).shortfalls()) == [
        "median absolute error must be at most 3%, got 6.5%",
        "worst absolute error must be at most 8%, got 9.0%",
    ]


def test_a_wrong_order_of_stalls_names_the_plan() -> None:
    wrong = with_stalls((50_000, 10_000), (9_000, 20_000))
    assert list(validated(wrong).shortfalls()) == [
        "stalls of 1 pairs of layers must be in order, got 0: 6x12 2b at 25 MB/s"
    ]


@pytest.mark.parametrize(("others_cores", "busy"), [(0.1, False), (1.79, True), (None, False)])
def test_a_busy_machine_is_said_to_be_one(others_cores: float | None, *, busy: bool) -> None:
    described = described_machine(validated(PLAN, others_cores=others_cores))
    assert ("busy" in described) == busy
    assert "trimmed means of 9 rounds a bandwidth, 2 repeated" in described


def test_an_error_within_the_spread_needs_no_reason() -> None:
    assert reasons(validated(PLAN, with_error(0.004))) == []


def test_larger_errors_are_explained_the_worst_first() -> None:
    first, second = reasons(validated(with_error(0.04), with_error(-0.06)))
    assert first == (
        "6x12 2b at 25 MB/s, -6.0% where runs spread 0.5%: waits +0.0, decoding +0.0, "
        "layers -6.0, fixed +0.0 ms; nothing waits, and computing was faster than profiled"
    )
    assert "computing was slower" in second


@pytest.mark.parametrize(
    ("read_ahead", "last_us", "why"),
    [
        (0, 9, "every layer is waited for"),
        (1, 9, "reads decide: only the last"),
        (None, 0, "reads decide the first layers"),
    ],
)
def test_the_reason_is_what_decides_the_latency(
    read_ahead: int | None, last_us: int, why: str
) -> None:
    waited = with_stalls((9, 9), (last_us, last_us))
    plan = replace(
        waited,
        read_ahead_layers=read_ahead,
        latency=with_error(0.04).latency,
        parts=replace(PARTS, waits=EXACT),
    )
    assert why in reasons(validated(plan))[0]


def rounds_of(*loads: float | None) -> list[Round]:
    return [Round(observed=[], runs=[], seconds=10.0, others_cores=load) for load in loads]


def rounds_run(effort: Effort, *loads: float | None) -> int:
    coming = iter(rounds_of(*loads))
    return len(rounds_until_quiet(lambda: next(coming), effort))


def test_quiet_rounds_are_not_repeated() -> None:
    assert rounds_run(Effort(rounds=3, patience_s=99), 0.1, 0.0, 0.2, 0.0) == 3


def test_disturbed_rounds_are_repeated_until_enough_were_quiet() -> None:
    assert rounds_run(Effort(rounds=2, patience_s=99), 0.1, 1.0, 1.0, 0.1, 0.1) == 4


def test_rounds_are_not_repeated_beyond_the_patience() -> None:
    assert rounds_run(Effort(rounds=2, patience_s=15), *[1.0] * 9) == 4


def test_without_counters_no_round_counts_as_disturbed() -> None:
    assert rounds_run(Effort(rounds=2, patience_s=99), None, None, None) == 2


def test_the_rounds_that_others_disturbed_least_are_kept() -> None:
    kept = quietest(rounds_of(0.5, 0.0, 1.0, 0.2), 2)
    assert [r.others_cores for r in kept] == [0.0, 0.2]


def test_work_of_others_is_all_work_but_our_own() -> None:
    before = Usage(total_s=100.0, own_s=5.0, clock_s=1000.0)
    after = Usage(total_s=118.0, own_s=11.0, clock_s=1010.0)
    assert after.others_since(before) == pytest.approx(1.2)


def test_figures_replace_those_between_the_marks() -> None:
    document = f"# Words\n\n{BEGIN}old\n{END}\nMore words.\n"
    written = with_results(document, validated(PLAN))
    assert written.startswith("# Words\n")
    assert written.endswith("More words.\n")
    assert "old" not in written
    row = "| 6x12 2b | 100.0 | 100.0 | +0.0% | 0.5% | +0.0, +0.0, +0.0, +0.0 | 0 of 0 |"
    assert row in written


def test_writing_the_same_figures_again_changes_nothing() -> None:
    once = with_results("# Words\n", validated(PLAN))
    assert with_results(once, validated(PLAN)) == once


def test_every_case_becomes_a_plan() -> None:
    geometry = Geometry(hidden=384, heads=12, ffn=1536)
    sizes = {b: ((18_432 * b,) * 12,) * 6 for b in (2, 3, 4, 5, 6, 32)}
    model = ModelManifest(
        model="like-the-example",
        layers=6,
        slices=12,
        geometry=geometry,
        bitwidths=tuple(sizes),
        shard_bytes=sizes,
        resident_bytes=0,
        decoded_shard_bytes=589_824,
        slice_selection="any",
        depths=(1, 2, 3, 4, 5, 6),
        widths=tuple(range(3, 13)),
    ).sealed()
    plans = plans_of(catalog.load("odroid-n2plus"), model)
    assert len(plans) == len(CASES) >= 12
    assert len({(plan.depth, plan.width) for plan in plans}) >= 6
    assert {plan.target.read_ahead_layers for plan in plans} == {None, 0, 1, 2}
    assert sum(bool(plan.preload_reads) for plan in plans) >= 4
