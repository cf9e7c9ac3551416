"""Baselines as executions: hand-computed, and the numbers that motivate the STI paper."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import device, device_json, model, model_json, uniform_bytes
from device_profiles import catalog
from plan_contracts import ContractError, ModelManifest
from simulator.executions import WholeModel, in_memory, layerwise, load_then_run
from workloads import loaded_first, random_workload, seeded

if TYPE_CHECKING:
    from simulator.report import SimulationReport

BERT_BASE = {"hidden": 768, "heads": 12, "ffn": 3072}
WEIGHTS_OF_A_SHARD = 589_824
TINY = WholeModel(
    device=device(device_json(layer_us={2: 100}, decode_us={2: 5, 32: 0})),
    model=model(
        model_json(
            {2: [[30, 40], [60, 40]], 32: [[100, 100], [100, 100]]},
            resident_bytes=1000,
            decoded_shard_bytes=64,
        )
    ),
    bits=2,
    sequence_length=8,
)


def bert_at_full_precision(layers: int) -> WholeModel:
    sizes = {32: [[4 * WEIGHTS_OF_A_SHARD] * 12 for _ in range(layers)]}
    manifest = model(model_json(sizes, geometry=BERT_BASE))
    return WholeModel(device=catalog.load("odroid-n2plus"), model=manifest, bits=32)


def share_stalled(report: SimulationReport) -> float:
    return report.stall_us / report.latency_us


def test_sti_a_layerwise_pipeline_stalls_72_percent_of_each_layer() -> None:
    report = layerwise(bert_at_full_precision(12))
    below, last = report.layers[-2:]
    stalled = sum(s.end_us - s.start_us for s in report.stalls if s.layer == last.layer)
    assert stalled / (last.end_us - below.end_us) == pytest.approx(0.720, abs=0.0005)


def test_sti_a_layerwise_pipeline_stalls_72_6_percent_of_twelve_layers() -> None:
    assert share_stalled(layerwise(bert_at_full_precision(12))) == pytest.approx(0.726, abs=0.0005)


def test_sti_one_layer_takes_339_ms_to_read() -> None:
    report = layerwise(bert_at_full_precision(1))
    assert report.io_busy_us == pytest.approx(339_310, abs=20)


def test_sti_loading_distilbert_takes_about_two_seconds_for_170_megabytes() -> None:
    report = load_then_run(bert_at_full_precision(6))
    assert sum(read.bytes for read in report.reads) == pytest.approx(170e6, rel=0.001)
    assert report.io_busy_us == pytest.approx(2_100_000, rel=0.04)


def test_load_then_run_reads_everything_first() -> None:
    report = load_then_run(TINY)
    assert [layer.start_us for layer in report.layers] == [170, 280]
    assert report.latency_us == 170 + 2 * (100 + 2 * 5)


def test_load_then_run_stalls_for_every_shard() -> None:
    stalls = load_then_run(TINY).stalls
    assert [(s.layer, s.read_layer, s.slice) for s in stalls] == [
        (0, 0, 0),
        (0, 0, 1),
        (0, 1, 0),
        (0, 1, 1),
    ]


def test_load_then_run_holds_everything_at_once() -> None:
    assert load_then_run(TINY).peak_memory_bytes == 1000 + 2 * 64 + 170


def test_a_layerwise_pipeline_reads_while_it_computes() -> None:
    assert layerwise(TINY).latency_us == 70 + 110 + 110


def test_a_layerwise_pipeline_holds_two_layers() -> None:
    sizes = uniform_bytes(4, 2, (20, 30, 40, 50, 60, 320))
    deep = WholeModel(device=TINY.device, model=model(model_json(sizes)), bits=2, sequence_length=8)
    assert layerwise(deep).peak_memory_bytes == 2 * 2 * 20


def test_a_model_in_memory_never_stalls_and_holds_all_of_it() -> None:
    report = in_memory(TINY)
    assert (report.latency_us, report.stall_us) == (220, 0)
    assert report.peak_memory_bytes == 1000 + 2 * 64 + 170


def test_a_bitwidth_the_model_lacks_is_refused() -> None:
    whole = WholeModel(device=TINY.device, model=TINY.model, bits=4, sequence_length=8)
    with pytest.raises(ContractError, match=r"bits must be one of \[2, 32\], got 4"):
        layerwise(whole)


def test_a_geometry_the_device_lacks_is_refused() -> None:
    other: ModelManifest = model(model_json({2: [[1, 1]]}, geometry=BERT_BASE))
    with pytest.raises(ContractError, match="no compute entry"):
        in_memory(WholeModel(device=TINY.device, model=other, bits=2, sequence_length=8))


def test_a_layer_limit_on_loading_first_could_never_end_and_is_refused() -> None:
    work = loaded_first(random_workload(seeded(3)))
    with pytest.raises(ValueError, match="must be None where layer 0 waits for reads of layer"):
        replace(work, read_ahead_layers=1)
