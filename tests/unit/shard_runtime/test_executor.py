from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from shard_runtime.engine import LayerBiases, LayerWeights, load_engine
from shard_runtime.errors import InputError, PlanRefusedError, StoreError
from shard_runtime.execution import Machine
from shard_runtime.executor import (
    DeviceChangeWarning,
    PlanRunner,
    load_then_run,
    run_plan,
    uniform_layers,
)
from shard_runtime.reader import PlainReader
from shard_runtime.store import ShardStore
from shard_runtime.tokens import pad_tokens
from shard_runtime.weights import LayerBuffer
from store_plans import Chosen, make_plan, peak_bytes, some_device
from stores import Sizes, write_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from plan_contracts import Plan, RunTrace, Span
    from shard_runtime.weights import FloatArray

SIZES = Sizes(layers=4)
TOKENS = pad_tokens([3, 1, 4, 1, 5], 8)
MIXED = [
    [Chosen(0, 2), Chosen(1, 32)],
    [Chosen(1, 3), Chosen(2, 4)],
    [Chosen(0, 6), Chosen(2, 5)],
    [Chosen(0, 2), Chosen(1, 2)],
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ShardStore:
    return ShardStore.open(write_store(tmp_path_factory.mktemp("store"), sizes=SIZES).folder)


def preloading(layers: Sequence[Sequence[Chosen]], *places: tuple[int, int]) -> list[list[Chosen]]:
    """The same shards with those at (layer, slice) preloaded; no places: all."""
    return [
        [s._replace(preload=not places or (layer, s.slice) in places) for s in shards]
        for layer, shards in enumerate(layers)
    ]


def machine(store: ShardStore) -> Machine:
    return Machine(store=store, engine=load_engine("numpy", store), reader=PlainReader())


def execute(plan: Plan, store: ShardStore) -> tuple[FloatArray, RunTrace]:
    reader = PlainReader()
    engine = load_engine("numpy", store)
    return run_plan(plan, store, engine, TOKENS, reader=reader, device=some_device())


def straight(store: ShardStore, layers: Sequence[Sequence[Chosen]]) -> FloatArray:
    """The same computation with nothing streamed."""
    engine = load_engine("numpy", store)
    hidden = engine.embed(TOKENS.ids, TOKENS.mask)
    for layer, shards in enumerate(layers):
        buffer = LayerBuffer(store.shape, len(shards))
        for position, s in enumerate(shards):
            encoded = store.read_encoded(layer, s.slice, s.bits)
            engine.decode(encoded, s.bits, buffer.shard(position))
        biases = LayerBiases.of(store.resident, layer, [s.slice for s in shards], store.shape)
        weights = LayerWeights(matrices=buffer.matrices, biases=biases)
        hidden = engine.layer(hidden, TOKENS.mask, weights)
    return engine.head(hidden, TOKENS.mask)


def spans(trace: RunTrace, kind: str) -> list[Span]:
    return [span for span in trace.spans if span.kind == kind]


@pytest.mark.parametrize("read_ahead", [None, 0, 1, 3])
@pytest.mark.parametrize(
    "layers", [MIXED, preloading(MIXED, (0, 0), (2, 2)), preloading(MIXED)], ids=str
)
def test_streaming_changes_no_bit_of_the_output(
    store: ShardStore, layers: list[list[Chosen]], read_ahead: int | None
) -> None:
    output, _ = execute(make_plan(store.manifest, layers, read_ahead=read_ahead), store)
    assert np.array_equal(output, straight(store, layers))


def test_a_second_run_of_a_runner_gives_the_same_bits(store: ShardStore) -> None:
    plan = make_plan(store.manifest, preloading(MIXED, (0, 0)), read_ahead=1)
    runner = PlanRunner(plan, machine(store), device=some_device())
    assert np.array_equal(runner.run(TOKENS).output, runner.run(TOKENS).output)


def test_a_plan_of_fewer_layers_stops_there(store: ShardStore) -> None:
    output, _ = execute(make_plan(store.manifest, MIXED[:2]), store)
    assert np.array_equal(output, straight(store, MIXED[:2]))


def test_every_streamed_shard_is_read_once_in_plan_order(store: ShardStore) -> None:
    plan = make_plan(store.manifest, preloading(MIXED, (1, 1)), read_ahead=1)
    _, trace = execute(plan, store)
    found = [(span.layer, span.slices, span.bytes) for span in spans(trace, "read")]
    assert found == [(read.layer, (read.slice,), read.bytes) for read in plan.reads]


def test_reads_follow_each_other_on_one_channel(store: ShardStore) -> None:
    _, trace = execute(make_plan(store.manifest, MIXED), store)
    reads = spans(trace, "read")
    assert all(a.end_us <= b.start_us for a, b in pairwise(reads))


@pytest.mark.parametrize("read_ahead", [0, 1, 2])
def test_no_read_starts_before_its_layer_s_turn(store: ShardStore, read_ahead: int) -> None:
    _, trace = execute(make_plan(store.manifest, MIXED, read_ahead=read_ahead), store)
    computed = {s.layer: s.end_us for s in spans(trace, "compute") if s.slices}
    for read in spans(trace, "read"):
        before = read.layer - 1 - read_ahead
        assert before < 0 or read.start_us >= computed[before]


def test_a_layer_is_decoded_after_its_reads_and_computed_after_decoding(store: ShardStore) -> None:
    _, trace = execute(make_plan(store.manifest, MIXED, read_ahead=1), store)
    for layer in range(4):
        reads = [s.end_us for s in spans(trace, "read") if s.layer == layer]
        decodes = [s for s in spans(trace, "decode") if s.layer == layer]
        (compute,) = [s for s in spans(trace, "compute") if s.layer == layer and s.slices]
        assert max(reads) <= decodes[0].start_us
        assert decodes[-1].end_us <= compute.start_us
        assert compute.slices == tuple(shard.slice for shard in MIXED[layer])


def test_the_compute_thread_s_spans_fill_the_latency(store: ShardStore) -> None:
    _, trace = execute(make_plan(store.manifest, MIXED, read_ahead=0), store)
    busy = [span for span in trace.spans if span.kind != "read"]
    assert all(a.end_us == b.start_us for a, b in pairwise(busy))
    assert busy[0].start_us == 0
    assert busy[-1].end_us == trace.latency_us


def test_a_plan_whose_shards_are_all_preloaded_neither_reads_nor_stalls(store: ShardStore) -> None:
    _, trace = execute(make_plan(store.manifest, preloading(MIXED), read_ahead=1), store)
    assert not spans(trace, "read")
    assert not spans(trace, "stall")


def test_the_trace_names_plan_and_device(store: ShardStore) -> None:
    plan = make_plan(store.manifest, MIXED)
    _, trace = execute(plan, store)
    assert (trace.plan_id, trace.device, trace.source) == (plan.id, "tiny-device", "measured")


@pytest.mark.parametrize("read_ahead", [None, 0, 1, 2])
@pytest.mark.parametrize("layers", [MIXED, preloading(MIXED, (0, 1), (3, 0))], ids=str)
def test_memory_stays_within_the_formula(
    store: ShardStore, layers: list[list[Chosen]], read_ahead: int | None
) -> None:
    plan = make_plan(store.manifest, layers, read_ahead=read_ahead)
    on = machine(store)
    run = PlanRunner(plan, on, device=some_device()).run(TOKENS)
    hidden_bytes = 2 * TOKENS.ids.size * store.shape.hidden * 4
    biases = 4 * 2 * (3 * store.shape.head_dim + store.shape.neurons) * 4
    activation_bytes = on.engine.nbytes + hidden_bytes + biases
    predicted = peak_bytes(store.manifest, layers, read_ahead) + activation_bytes
    assert run.peak_memory_bytes <= predicted


def test_without_read_ahead_memory_is_that_of_the_largest_layer(store: ShardStore) -> None:
    narrow = make_plan(store.manifest, MIXED, read_ahead=0)
    wide = make_plan(store.manifest, MIXED)
    first, second = (execute(plan, store)[1].peak_memory_bytes for plan in (narrow, wide))
    assert first < second


def test_a_plan_for_another_device_is_refused(store: ShardStore) -> None:
    plan = make_plan(store.manifest, MIXED)
    with pytest.raises(PlanRefusedError, match=r"of device 'tiny-device' .* this is sha256"):
        PlanRunner(plan, machine(store), device=some_device("another"))


def test_a_plan_is_refused_where_the_device_is_unknown(store: ShardStore) -> None:
    with pytest.raises(PlanRefusedError, match="no device profile is given"):
        PlanRunner(make_plan(store.manifest, MIXED), machine(store), device=None)


def test_an_accepted_change_of_device_warns(store: ShardStore) -> None:
    plan = make_plan(store.manifest, MIXED)
    with pytest.warns(DeviceChangeWarning, match="of device 'tiny-device'"):
        PlanRunner(plan, machine(store), device=some_device("other"), accept_device_change=True)


def test_a_plan_for_another_model_is_refused(store: ShardStore) -> None:
    plan = make_plan(store.manifest, MIXED, model_digest="sha256:" + "1" * 64)
    with pytest.raises(PlanRefusedError, match="is for model 'small-random' sha256:1111"):
        PlanRunner(plan, machine(store), device=some_device())


def test_a_width_the_model_lacks_is_refused(tmp_path: Path) -> None:
    written = write_store(tmp_path / "store")
    narrow = written.manifest.model_copy(update={"widths": (1, 2), "digest": None}).sealed()
    (written.folder / "manifest.json").write_text(narrow.to_json())
    plan = make_plan(narrow, [[Chosen(0, 2), Chosen(1, 2), Chosen(2, 2)]])
    with pytest.raises(PlanRefusedError, match=r"width one of \[1, 2\], got 1 and 3"):
        PlanRunner(plan, machine(ShardStore.open(written.folder)), device=some_device())


def test_slices_after_a_gap_are_refused_where_width_means_the_first_ones(tmp_path: Path) -> None:
    written = write_store(tmp_path / "store")
    fields = {"slice_selection": "prefix", "digest": None}
    prefix = written.manifest.model_copy(update=fields).sealed()
    (written.folder / "manifest.json").write_text(prefix.to_json())
    plan = make_plan(prefix, [[Chosen(0, 2), Chosen(2, 2)]])
    with pytest.raises(PlanRefusedError, match=r"means slices \[0, 1\], got \[0, 2\]"):
        PlanRunner(plan, machine(ShardStore.open(written.folder)), device=some_device())


def test_a_plan_for_another_compute_target_is_refused(store: ShardStore) -> None:
    plan = make_plan(store.manifest, MIXED)
    target = plan.target.model_copy(update={"compute_target": "gpu"})
    changed = plan.model_copy(update={"target": target, "id": None}).sealed()
    with pytest.raises(PlanRefusedError, match=r"is for 'gpu' .* computes on 'cpu'"):
        PlanRunner(changed, machine(store), device=some_device())


def test_a_plan_that_reads_elsewhere_is_refused(store: ShardStore) -> None:
    plan = make_plan(store.manifest, MIXED)
    moved = plan.reads[0].model_copy(update={"offset": 1})
    changed = plan.model_copy(update={"reads": (moved, *plan.reads[1:]), "id": None})
    with pytest.raises(PlanRefusedError, match="and the store has it at"):
        PlanRunner(changed, machine(store), device=some_device())


def test_an_input_of_another_length_is_refused(store: ShardStore) -> None:
    runner = PlanRunner(make_plan(store.manifest, MIXED), machine(store), device=some_device())
    with pytest.raises(InputError, match="is for 8 tokens, got 9"):
        runner.run(pad_tokens([1], 9))


def test_a_flipped_byte_stops_the_run_with_its_place(tmp_path: Path) -> None:
    store = ShardStore.open(write_store(tmp_path / "store", sizes=SIZES).folder)
    runner = PlanRunner(make_plan(store.manifest, MIXED), machine(store), device=some_device())
    path = store.folder / "shards-6.bin"
    content = bytearray(path.read_bytes())
    content[store.range_of(2, 0, 6).offset] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"shards-6.bin: bytes .* must have digest"):
        runner.run(TOKENS)


def test_a_bad_token_ends_the_run_and_its_thread(store: ShardStore) -> None:
    runner = PlanRunner(make_plan(store.manifest, MIXED), machine(store), device=some_device())
    with pytest.raises(InputError, match="got 99"):
        runner.run(pad_tokens([99], 8))
    runner.run(TOKENS)


@pytest.mark.parametrize("bits", [3, 32])
def test_loading_first_gives_the_same_bits(store: ShardStore, bits: int) -> None:
    run = load_then_run(uniform_layers(store.manifest, bits), machine(store), TOKENS)
    layers = [[Chosen(s, bits) for s in range(3)] for _ in range(4)]
    assert np.array_equal(run.output, straight(store, layers))


def test_loading_first_at_full_precision_holds_all_weights(store: ShardStore) -> None:
    run = load_then_run(uniform_layers(store.manifest, 32), machine(store), TOKENS)
    manifest = store.manifest
    weights = 4 * 3 * manifest.decoded_shard_bytes + manifest.shard_bytes[32][0][0]
    assert run.peak_memory_bytes == manifest.resident_bytes + weights + run.working_bytes


def test_loading_first_quantised_holds_all_codes_and_one_layer(store: ShardStore) -> None:
    run = load_then_run(uniform_layers(store.manifest, 4), machine(store), TOKENS)
    manifest = store.manifest
    codes = sum(sum(row) for row in manifest.shard_bytes[4])
    weights = 3 * manifest.decoded_shard_bytes + codes
    assert run.peak_memory_bytes == manifest.resident_bytes + weights + run.working_bytes


def test_loading_first_computes_nothing_before_the_last_read(store: ShardStore) -> None:
    run = load_then_run(uniform_layers(store.manifest, 4), machine(store), TOKENS)
    last_read = max(span.end_us for span in run.spans if span.kind == "read")
    assert all(span.start_us >= last_read for span in run.spans if span.kind == "compute")


def test_uniform_layers_can_be_fewer_and_narrower(store: ShardStore) -> None:
    layers = uniform_layers(store.manifest, 2, depth=2, width=1)
    assert [[s.slice for s in layer.shards] for layer in layers] == [[0], [0]]
