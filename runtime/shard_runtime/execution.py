"""One execution of a model: its steps, timed one after the other, and the memory it holds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shard_runtime.engine import LayerBiases, LayerWeights
from shard_runtime.memory import MemoryAccount
from shard_runtime.timeline import Step, Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plan_contracts import PlannedLayer, PlannedShard, Span
    from shard_runtime.engine import Engine
    from shard_runtime.reader import Reader
    from shard_runtime.store import ShardStore
    from shard_runtime.timeline import Clock
    from shard_runtime.tokens import Tokens
    from shard_runtime.weights import FloatArray, LayerBuffer, Matrices


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What to run on: an opened store, an engine for its model, a reader, a clock."""

    store: ShardStore
    engine: Engine
    reader: Reader
    clock: Clock = time.perf_counter_ns


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What an execution gave. `working_bytes` of the peak are neither weights nor shards."""

    output: FloatArray
    latency_us: int
    peak_memory_bytes: int
    working_bytes: int
    spans: tuple[Span, ...]


class Execution:
    """Steps of one run and the memory held meanwhile, from `begin` to `finish`.

    Steps of the compute thread follow each other without a gap: each lasts from the end of the
    one before, so that their times add up to the latency. `fetch` may run on another thread.
    `weight_bytes`: what decoded weights and preloaded shards take from the start.
    """

    def __init__(self, machine: Machine, layers: Sequence[PlannedLayer], weight_bytes: int) -> None:
        self._machine = machine
        self._layers = layers
        self._memory = MemoryAccount(machine.store.manifest.resident_bytes + weight_bytes)
        self._timeline = Timeline(machine.clock)
        self._at = 0

    def begin(self) -> None:
        """Start the clock."""
        self._at = self._timeline.begin()

    def fetch(self, layer: int, shard: PlannedShard) -> memoryview:
        """Read a shard and check its digest."""
        self._memory.take(shard.bytes)
        start = self._timeline.now()
        store = self._machine.store
        stored = store.range_of(layer, shard.slice, shard.bits)
        encoded = store.read_range(stored, self._machine.reader)
        self._timeline.record(Step("read", layer, (shard.slice,), shard.bytes), start)
        return encoded

    def loaded(self) -> None:
        """Say that the compute thread has been reading until now."""
        self._at = self._timeline.now()

    def stalled(self, layer: int) -> None:
        """Say that the compute thread has waited for the layer's shards until now."""
        self._did(Step("stall", layer, (), 0))

    def embed(self, tokens: Tokens) -> FloatArray:
        """Embeddings: a compute step of layer 0 without slices."""
        hidden = self._machine.engine.embed(tokens.ids, tokens.mask)
        self._did(Step("compute", 0, (), 0))
        return hidden

    def decode(self, layer: int, shard: PlannedShard, encoded: memoryview, out: Matrices) -> None:
        """Decode a shard; a streamed one's encoded bytes count as given back."""
        self._machine.engine.decode(encoded, shard.bits, out)
        if not shard.preload:
            self._memory.give(shard.bytes)
        self._did(Step("decode", layer, (shard.slice,), shard.bytes))

    def compute(
        self, layer: PlannedLayer, hidden: FloatArray, tokens: Tokens, weights: LayerWeights
    ) -> FloatArray:
        """Compute a layer from its decoded weights."""
        hidden = self._machine.engine.layer(hidden, tokens.mask, weights)
        slices = tuple(shard.slice for shard in layer.shards)
        self._did(Step("compute", layer.layer, slices, 0))
        return hidden

    def finish(self, hidden: FloatArray, tokens: Tokens) -> Run:
        """Compute the head, a compute step without slices, and stop the clock."""
        output = self._machine.engine.head(hidden, tokens.mask)
        self._did(Step("compute", len(self._layers) - 1, (), 0))
        working = self._working_bytes(hidden)
        return Run(
            output=output,
            latency_us=self._timeline.microseconds(self._at),
            peak_memory_bytes=self._memory.peak + working,
            working_bytes=working,
            spans=self._timeline.spans(),
        )

    def _working_bytes(self, hidden: FloatArray) -> int:
        """Working arrays, a layer's input and output, and the biases cut to the slices."""
        shards = sum(len(layer.shards) for layer in self._layers)
        biases = shards * self._machine.store.shape.bias_bytes
        return (
            self._machine.engine.nbytes + self._machine.reader.nbytes + 2 * hidden.nbytes + biases
        )

    def _did(self, step: Step) -> None:
        self._at = self._timeline.record(step, self._at)


def prepare_weights(machine: Machine, layer: PlannedLayer, buffer: LayerBuffer) -> LayerWeights:
    """The weights of a layer whose shards are, or will be, decoded into the buffer."""
    store = machine.store
    slices = [shard.slice for shard in layer.shards]
    biases = LayerBiases.of(store.resident, layer.layer, slices, store.shape)
    return LayerWeights(matrices=buffer.matrices, biases=biases)


def touch_memory(machine: Machine, weights: LayerWeights, sequence_length: int) -> None:
    """Compute one layer on nothing, so that no run pays for memory used for the first time."""
    shape = (1, sequence_length)
    ids, mask = np.zeros(shape, dtype=np.int64), np.ones(shape, dtype=np.bool_)
    engine = machine.engine
    engine.head(engine.layer(engine.embed(ids, mask), mask, weights), mask)
