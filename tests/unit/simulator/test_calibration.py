"""Profiles recovered from runs on devices whose true numbers are known."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import GEOMETRY, device, device_json, e2_json
from plan_contracts import ContractError, DeviceProfile, Geometry, RunTrace, Span
from plans import Made, made
from simulator import to_trace
from simulator.calibration import Calibration, MeasuredRun, calibrate, hit_probability, moved_to
from simulator.jitter import sample
from simulator.recursion import recur
from simulator.report import make_report
from simulator.workload import Timeline, compute_entry, durations_of, workload_of

if TYPE_CHECKING:
    from collections.abc import Mapping

TODAY = dt.date(2026, 11, 21)
BITS = [[3, 3], [6, 6]]
"""Reads of 30, 30, 60 and 60 bytes; a decode of each bitwidth in a layer of its own."""

LAYERS = {1: 60, 2: 100}
DECODE = {2: 4, 3: 4, 4: 4, 5: 4, 6: 4, 32: 0}
SHAPE = Geometry.model_validate(GEOMETRY)


def planned(**device_fields: object) -> Made:
    """A plan for the device that the profile describes."""
    document = e2_json()
    return made(document | {"device": document["device"] | device_fields}, BITS)


def true_device(
    *,
    layer_us: Mapping[int, int] = LAYERS,
    decode_us: Mapping[int, int] = DECODE,
    overhead_us: int = 5,
    bandwidth: int = 1_000_000,
    jitter: Mapping[str, float] | None = None,
) -> DeviceProfile:
    """The device as it really is."""
    document = device_json(
        layer_us=layer_us, decode_us=decode_us, overhead_us=overhead_us, bandwidth=bandwidth
    )
    document["storage"]["jitter"] = dict(jitter or {})
    return device(document)


def runs_on(
    true: DeviceProfile, example: Made, *, count: int = 5, seed: int = 0
) -> list[MeasuredRun]:
    """What runs on the true device would report, under its jitter."""
    plan, model = moved_to(example.plan, true), example.model
    work = workload_of(plan, true, model)
    samples = sample(
        durations_of(plan, true, model),
        storage=true.storage.jitter,
        compute_sigma=compute_entry(plan, true, model).jitter_sigma,
        runs=count,
        seed=seed,
    )
    found: list[MeasuredRun] = []
    for number in range(count):
        durations = samples.of_run(number)
        timeline = recur(work, durations)
        assert isinstance(timeline, Timeline)
        trace = to_trace(make_report(work, durations, timeline), example.plan)
        found.append(measured(f"run {number}", example, trace))
    return found


def measured(name: str, example: Made, trace: RunTrace, **changes: object) -> MeasuredRun:
    update = {"source": "measured", **changes}
    return MeasuredRun(
        name=name, plan=example.plan, geometry=SHAPE, trace=trace.model_copy(update=update)
    )


def calibrated(true: DeviceProfile, example: Made | None = None, **options: int) -> Calibration:
    example = example or planned()
    return calibrate(example.device, runs_on(true, example, **options), date=TODAY)


def stretched(run: MeasuredRun, kind: str, factor: int) -> MeasuredRun:
    """The run with all its spans of a kind longer."""
    spans = tuple(
        span.model_copy(update={"end_us": span.start_us + factor * (span.end_us - span.start_us)})
        if span.kind == kind
        else span
        for span in run.trace.spans
    )
    return replace(run, trace=run.trace.model_copy(update={"spans": spans}))


def test_runs_as_the_profile_says_change_no_number() -> None:
    found = calibrated(true_device())
    assert (found.numbers, found.outliers) == ((), ())


def test_bandwidth_and_overhead_are_told_apart() -> None:
    storage = calibrated(true_device(bandwidth=500_000, overhead_us=8)).profile.storage
    assert (storage.bandwidth_bytes_per_s, storage.request_overhead_us) == (500_000, 8)


def test_reads_of_one_size_leave_the_overhead_as_it_was() -> None:
    example = made(e2_json(), [[3, 3], [3, 3]])
    storage = calibrated(true_device(bandwidth=500_000), example).profile.storage
    assert (storage.bandwidth_bytes_per_s, storage.request_overhead_us) == (500_000, 5)


def test_a_measured_width_is_what_was_measured_and_the_others_follow() -> None:
    (entry,) = calibrated(true_device(layer_us={1: 70, 2: 130})).profile.compute
    assert entry.layer_us == {1: 78, 2: 130}


def test_a_measured_bitwidth_is_what_was_measured_and_the_others_follow() -> None:
    decode = {**DECODE, 3: 6, 6: 6}
    (entry,) = calibrated(true_device(decode_us=decode)).profile.compute
    assert entry.shard_decode_us == {2: 6, 3: 6, 4: 6, 5: 6, 6: 6, 32: 0}


def test_embeddings_and_head_are_the_fixed_part() -> None:
    example = planned()
    whole = [
        Span(kind="compute", layer=layer, slices=(), start_us=0, end_us=us, bytes=0)
        for layer, us in ((0, 30), (1, 12))
    ]
    runs = [
        measured(run.name, example, run.trace, spans=(*run.trace.spans, *whole))
        for run in runs_on(true_device(), example)
    ]
    assert calibrate(example.device, runs, date=TODAY).profile.compute[0].fixed_us == 42


def test_every_changed_number_is_listed_with_its_place() -> None:
    found = calibrated(true_device(layer_us={1: 60, 2: 130}))
    assert [(n.field, n.before, n.after) for n in found.numbers] == [
        ("compute[0].layer_us.1", 60, 78),
        ("compute[0].layer_us.2", 100, 130),
    ]


@pytest.mark.parametrize(
    ("kind", "part"), [("read", "reads"), ("decode", "decode"), ("compute", "layers")]
)
def test_a_wild_run_is_named_and_moves_nothing(kind: str, part: str) -> None:
    example = planned()
    *good, last = runs_on(true_device(), example)
    found = calibrate(example.device, [*good, stretched(last, kind, 9)], date=TODAY)
    assert [(o.run, o.part, o.factor) for o in found.outliers] == [("run 4", part, 9.0)]
    assert found.numbers == ()


def test_what_only_a_wild_run_had_follows_the_others() -> None:
    example, narrow = planned(), made(e2_json(), [[3, 0], [6, 0]])
    wild = replace(stretched(runs_on(true_device(), narrow)[0], "compute", 9), name="wild")
    found = calibrate(example.device, [*runs_on(true_device(), example), wild], date=TODAY)
    assert [outlier.run for outlier in found.outliers] == ["wild"]
    assert found.profile.compute[0].layer_us == {1: 60, 2: 100}


def test_noise_on_the_flash_is_seen_through() -> None:
    jitter = {"bandwidth_sigma": 0.25, "autocorrelation": 0.0}
    true = true_device(bandwidth=1_000, overhead_us=0, jitter=jitter)
    storage = calibrated(true, count=200).profile.storage
    assert storage.bandwidth_bytes_per_s == pytest.approx(1_000, rel=0.08)
    assert storage.jitter.bandwidth_sigma == pytest.approx(0.25, rel=0.15)
    assert storage.jitter.autocorrelation == pytest.approx(0.0, abs=0.1)


def test_reads_that_are_slow_together_are_seen_to_be() -> None:
    jitter = {"bandwidth_sigma": 0.25, "autocorrelation": 0.8}
    true = true_device(bandwidth=1_000, overhead_us=0, jitter=jitter)
    found = calibrated(true, count=400).profile.storage.jitter
    assert found.autocorrelation == pytest.approx(0.8, abs=0.12)


def test_few_reads_say_nothing_about_jitter() -> None:
    jitter = {"bandwidth_sigma": 0.25, "autocorrelation": 0.5}
    document = e2_json()["device"]["storage"] | {"jitter": jitter}
    found = calibrated(true_device(), planned(storage=document), count=5)
    assert found.profile.storage.jitter.bandwidth_sigma == 0.25


def test_a_measured_table_of_reads_is_scaled() -> None:
    example = planned(storage={"read_us_by_bytes": {"20": 25, "60": 65}})
    storage = calibrated(true_device(bandwidth=500_000, overhead_us=10), example).profile.storage
    assert storage.read_us_by_bytes == {20: 50, 60: 130}


def test_requests_that_overlap_say_how_fast_the_flash_is() -> None:
    example = planned(storage={"bandwidth_bytes_per_s": 1_000_000, "queue_depth": 2})
    storage = calibrated(true_device(bandwidth=500_000, overhead_us=0), example).profile.storage
    assert storage.bandwidth_bytes_per_s == 500_000


def test_an_entry_that_no_run_was_on_stays_as_it_is() -> None:
    document = e2_json()["device"]
    other = json.loads(json.dumps(document["compute"][0])) | {"sequence_length": 16}
    example = planned(compute=[document["compute"][0], other])
    found = calibrated(true_device(layer_us={1: 60, 2: 130}), example)
    assert found.profile.compute[1] == example.device.compute[1]


def test_the_new_numbers_say_where_they_come_from() -> None:
    found = calibrated(true_device(bandwidth=500_000))
    for provenance in (found.profile.storage.provenance, found.profile.compute[0].provenance):
        assert provenance is not None
        assert (provenance.kind, provenance.samples, provenance.date) == ("measured", 5, TODAY)
    assert found.profile.provenance == planned().device.provenance


def test_the_new_profile_is_another_document_of_the_same_name() -> None:
    found = calibrated(true_device(bandwidth=500_000)).profile
    assert found.name == "tiny-device"
    assert found.digest != planned().device.digest


def test_spans_that_make_no_sense_do_not_count() -> None:
    example = planned()
    times = {"start_us": 0, "end_us": 999, "bytes": 0}
    nonsense = (
        Span.model_validate({"kind": "decode", "layer": 0, "slices": (7,), **times}),
        Span.model_validate({"kind": "compute", "layer": 0, "slices": (0, 1, 2), **times}),
        Span.model_validate({"kind": "read", "layer": 0, "slices": (0,), **times}),
        Span.model_validate({"kind": "decode", "layer": 0, "slices": (), **times}),
    )
    runs = [
        measured(run.name, example, run.trace, spans=(*run.trace.spans, *nonsense))
        for run in runs_on(true_device(), example)
    ]
    assert calibrate(example.device, runs, date=TODAY).numbers == ()


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_runs_are_refused(count: int) -> None:
    with pytest.raises(ContractError, match=f"at least 3 measured runs, got {count}"):
        calibrated(true_device(), count=count)


def test_a_simulated_run_is_refused_by_its_name() -> None:
    example = planned()
    runs = runs_on(true_device(), example)
    runs[1] = measured("mine", example, runs[1].trace, source="simulated")
    with pytest.raises(ContractError, match="run mine must be measured to calibrate by"):
        calibrate(example.device, runs, date=TODAY)


def test_runs_on_another_geometry_are_refused() -> None:
    example = planned()
    other = device(device_json(layer_us={2: 100}, decode_us=DECODE))
    entry = other.compute[0].model_copy(update={"sequence_length": 99})
    with pytest.raises(ContractError, match="no compute entry"):
        calibrate(
            other.model_copy(update={"compute": (entry,)}),
            runs_on(true_device(), example),
            date=TODAY,
        )


def test_a_plan_that_kept_to_its_target_misses_it_on_a_slower_device() -> None:
    plan, here, model = made(e2_json(latency_us=308), BITS)
    slower = true_device(layer_us={1: 60, 2: 101})
    shares = [hit_probability(plan, where, model, runs=20, seed=0) for where in (here, slower)]
    assert shares == [1.0, 0.0]
