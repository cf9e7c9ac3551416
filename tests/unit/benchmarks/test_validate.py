"""A validation's arithmetic, on plans that nobody ran."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.machine_load import Usage
from benchmarks.validate import Validation
from benchmarks.validation_cases import CASES, plans_of
from benchmarks.validation_report import BEGIN, END, described_machine, with_results
from benchmarks.validation_runs import (
    Compared,
    ComparedLayer,
    ComparedPlan,
    compare,
    compared,
    median_profile,
    name_of,
)
from builders import device, device_json, e2_json
from device_profiles import catalog
from plan_contracts import DeviceProfile, Geometry, ModelManifest
from plans import made
from shard_runtime.execution import Run
from simulator import simulate, to_trace

EXACT = Compared(simulated_us=100_000, measured_us=100_000, spread_us=500)
PLAN = ComparedPlan(bandwidth_mb_s=25, name="6x12 2b", latency=EXACT, work=EXACT, layers=())
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
    return replace(PLAN, latency=replace(EXACT, measured_us=round(100_000 * (1 + error))))


def validated(*plans: ComparedPlan, others_cores: float | None = 0.0) -> Validation:
    return Validation(plans=plans, rounds=9, others_cores=others_cores)


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


def test_the_spread_is_relative_to_the_median() -> None:
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
    assert found.work.error == 0


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
    assert ("busy" in described_machine(others_cores, 9)) == busy


def test_every_number_of_a_profile_is_a_median_of_its_own() -> None:
    def measured(bandwidth: int, layer_us: int) -> DeviceProfile:
        return device(
            device_json(layer_us={1: layer_us}, decode_us={2: layer_us // 10}, bandwidth=bandwidth)
        )

    middle = median_profile([measured(10, 300), measured(30, 100), measured(20, 200)])
    assert middle.storage.bandwidth_bytes_per_s == 20
    assert middle.compute[0].layer_us == {1: 200}
    assert middle.compute[0].shard_decode_us == {2: 20}


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
    assert "| 6x12 2b | 100.0 | 100.0 | +0.0% | 0.5% | +0.0% | 0 of 0 |" in written


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
