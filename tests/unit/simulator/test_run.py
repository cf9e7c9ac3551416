"""Simulated runs against answers worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from builders import BITS, device_json, e1_json, e2_json, importance_json, model_json
from plan_contracts import ContractError, DeviceProfile
from plans import Made, made
from simulator import monte_carlo, simulate, summarise

E1 = ([[3, 4], [6, 4]],)
E2 = ([[6, 3], [6, 4]], {(0, 0)})


def with_jitter(document: dict[str, object], *, bandwidth: float, compute: float) -> None:
    device = json.loads(json.dumps(document["device"]))
    device["storage"]["jitter"] = {"bandwidth_sigma": bandwidth, "autocorrelation": 0.5}
    device["compute"][0]["jitter_sigma"] = compute
    document["device"] = device


def test_reference_case_e1_takes_270() -> None:
    assert simulate(*made(e1_json(), *E1)).latency_us == 270


def test_reference_case_e2_takes_253() -> None:
    assert simulate(*made(e2_json(), *E2)).latency_us == 253


def test_each_layer_of_e2_ends_as_planned() -> None:
    report = simulate(*made(e2_json(), *E2))
    assert [layer.end_us for layer in report.layers] == [143, 253]


def test_no_overlap_without_read_ahead() -> None:
    report = simulate(*made(e1_json(read_ahead_layers=0), *E1))
    assert report.latency_us == 70 + 100 + 100 + 100


def test_double_buffering_reads_one_layer_ahead() -> None:
    document = e1_json(read_ahead_layers=1)
    assert simulate(*made(document, *E1)).latency_us == 270


def test_figure_6_takes_two_seconds_without_stall() -> None:
    report = simulate(*figure_6(layer_1_us=(300_000, 300_000, 400_000)))
    assert (report.latency_us, report.stall_us) == (2_000_000, 0)


def test_figure_6_stalls_by_what_the_second_layer_reads_too_much() -> None:
    report = simulate(*figure_6(layer_1_us=(300_000, 300_000, 500_000)))
    assert (report.latency_us, report.stall_us) == (2_100_000, 100_000)


def figure_6(layer_1_us: tuple[int, int, int]) -> Made:
    """STI, Fig. 6: two layers of three shards, 1 s of compute each, layer 0 preloaded."""
    sizes = [[200_000] * 3, list(layer_1_us)]
    flat = [[0.0] * 3] * 2
    document = {
        "schema_version": 1,
        "device": device_json(layer_us={3: 1_000_000}, decode_us={2: 0}),
        "model": model_json({2: sizes}),
        "importance": importance_json(flat, {2: flat}),
        "target": {"latency_us": 2_000_000, "preload_bytes": 600_000, "sequence_length": 8},
    }
    return made(document, [[2] * 3] * 2, {(0, 0), (0, 1), (0, 2)})


def test_the_fixed_part_comes_after_the_last_layer() -> None:
    document = e1_json()
    document["device"]["compute"][0]["fixed_us"] = 7
    report = simulate(*made(document, *E1))
    assert (report.layers[-1].end_us, report.latency_us) == (270, 277)


def test_a_plan_all_preloaded_shows_no_stall() -> None:
    everything = {(layer, index) for layer in range(2) for index in range(2)}
    report = simulate(*made(e1_json(), *E1, everything))
    assert (report.latency_us, report.stall_us, report.io_busy_us) == (200, 0, 0)


def test_stalls_name_the_shards_waited_for() -> None:
    report = simulate(*made(e1_json(), *E1))
    assert [(s.layer, s.slice, s.start_us, s.end_us) for s in report.stalls] == [
        (0, 0, 0, 30),
        (0, 1, 30, 70),
    ]


def test_overheads_of_queued_requests_overlap() -> None:
    document = e2_json()
    document["device"]["storage"]["queue_depth"] = 2
    report = simulate(*made(document, *E2))
    assert [read.end_us for read in report.reads] == [35, 95, 135]


def test_overlapping_requests_keep_the_flash_busy_once() -> None:
    document = e2_json()
    document["device"]["storage"]["queue_depth"] = 2
    assert simulate(*made(document, *E2)).io_busy_us == 135


def test_peak_memory_is_what_the_planner_predicts_when_all_is_read_at_once() -> None:
    document = e2_json()
    document["model"] |= {"resident_bytes": 1000, "decoded_shard_bytes": 64}
    document["device"]["compute"][0]["activation_bytes"] = 500
    example = made(document, *E2)
    assert simulate(*example).peak_memory_bytes == 1000 + 500 + 2 * 64 + 60 + 130
    assert example.plan.predicted.peak_memory_bytes == 1000 + 500 + 2 * 64 + 60 + 130


def test_memory_ends_with_what_is_held_throughout() -> None:
    report = simulate(*made(e2_json(), *E2))
    assert report.memory[-1].bytes == 60


def test_another_device_is_refused_with_both_digests() -> None:
    plan, device, model = made(e1_json(), *E1)
    other = device.model_copy(update={"name": "another"})
    with pytest.raises(ContractError, match=f"{device.digest} the plan names, got {other.digest}"):
        simulate(plan, other, model)


def test_another_model_is_refused() -> None:
    plan, device, model = made(e1_json(), *E1)
    other = model.model_copy(update={"resident_bytes": 9, "digest": None}).sealed()
    with pytest.raises(ContractError, match=r"model 'tiny-model' must have the digest"):
        simulate(plan, device, other)


def test_a_plan_with_sizes_of_its_own_is_refused() -> None:
    plan, device, model = made(e1_json(), *E1)
    reads = (plan.reads[0].model_copy(update={"bytes": 31}), *plan.reads[1:])
    with pytest.raises(ContractError, match="30 bytes, the plan has 31"):
        simulate(plan.model_copy(update={"reads": reads}), device, model)


@pytest.mark.parametrize("change", [{"layer": 2}, {"slice": 2}, {"bits": 7}])
def test_a_plan_of_shards_the_model_lacks_is_refused(change: dict[str, int]) -> None:
    plan, device, model = made(e1_json(), *E1)
    reads = (plan.reads[0].model_copy(update=change), *plan.reads[1:])
    with pytest.raises(ContractError, match="must be one of 2 layers x 2 slices at"):
        simulate(plan.model_copy(update={"reads": reads}), device, model)


def test_without_jitter_every_quantile_is_the_latency() -> None:
    summary = summarise(*made(e1_json(), *E1), seed=0)
    assert summary.quantiles_us == {"0.5": 270, "0.95": 270, "0.99": 270}
    assert (summary.hit_probability, summary.runs) == (1.0, 1000)


def test_without_jitter_sampling_gives_the_latency_every_time() -> None:
    assert monte_carlo(*made(e1_json(), *E1), runs=5, seed=3).tolist() == [270] * 5


def test_a_plan_that_misses_its_target_never_hits_it() -> None:
    summary = summarise(*made(e1_json(latency_us=269), *E1), seed=0)
    assert summary.hit_probability == 0.0


def test_quantiles_rise_under_jitter() -> None:
    document = e1_json()
    with_jitter(document, bandwidth=0.3, compute=0.1)
    quantiles = list(summarise(*made(document, *E1), seed=0).quantiles_us.values())
    assert quantiles[0] < quantiles[1] < quantiles[2]


def test_hit_probability_is_the_share_of_runs_within_the_target() -> None:
    document = e1_json()
    with_jitter(document, bandwidth=0.3, compute=0.1)
    example = made(document, *E1)
    latencies = monte_carlo(*example, runs=400, seed=5)
    summary = summarise(*example, runs=400, seed=5)
    assert summary.hit_probability == pytest.approx(np.mean(latencies <= 270))


def test_a_quantile_is_kept_to_by_at_least_its_share_of_runs() -> None:
    document = e1_json()
    with_jitter(document, bandwidth=0.3, compute=0.1)
    example = made(document, *E1)
    latencies = monte_carlo(*example, runs=999, seed=5)
    limit = summarise(*example, runs=999, seed=5).quantiles_us["0.95"]
    assert np.mean(latencies <= limit) >= 0.95 > np.mean(latencies < limit)


def test_of_ten_runs_only_the_slowest_keeps_to_the_95th_percentile() -> None:
    document = e1_json()
    with_jitter(document, bandwidth=0.3, compute=0.1)
    example = made(document, *E1)
    latencies = monte_carlo(*example, runs=10, seed=5)
    assert summarise(*example, runs=10, seed=5).quantiles_us["0.95"] == latencies.max()


def test_equal_seeds_give_equal_latencies_and_others_do_not() -> None:
    document = e1_json()
    with_jitter(document, bandwidth=0.3, compute=0.1)
    example = made(document, *E1)
    first, again, other = (monte_carlo(*example, runs=50, seed=seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_a_measured_table_of_reads_drives_the_simulation() -> None:
    document = e1_json()
    document["device"]["storage"] = {"read_us_by_bytes": {"20": 10, "60": 50}}
    device = DeviceProfile.from_json(json.dumps(document["device"]))
    example = made(document, *E1)
    assert [device.storage.read_us(size) for size in (30, 40, 60)] == [20, 30, 50]
    assert [read.end_us for read in simulate(*example).reads] == [20, 50, 100, 130]


def test_every_bitwidth_decodes_on_the_compute_thread() -> None:
    document = e1_json()
    document["device"]["compute"][0]["shard_decode_us"] = {str(b): b for b in BITS}
    report = simulate(*made(document, *E1))
    assert [layer.decoded_us - layer.start_us for layer in report.layers] == [3 + 4, 6 + 4]
