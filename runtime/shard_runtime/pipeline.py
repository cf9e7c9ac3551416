"""The pipeline of one model on one device: layers stream in while earlier ones compute."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shard_runtime.execution import Execution, prepare_weights, touch_memory
from shard_runtime.stream import ShardStream
from shard_runtime.timeline import NANOSECONDS_PER_MICROSECOND
from shard_runtime.weights import LayerBuffer

if TYPE_CHECKING:
    from plan_contracts import PlannedLayer
    from shard_runtime.execution import Machine, Run
    from shard_runtime.reader import Reader
    from shard_runtime.tokens import Tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """What to run: shards of every layer, how far reads may run ahead, tokens an input."""

    layers: tuple[PlannedLayer, ...]
    read_ahead_layers: int | None
    sequence_length: int


class Pipeline:
    """A schedule made ready on a machine: preloaded shards, buffer and biases in memory.

    Ready to `run` any number of times, one after the other. Embeddings are computed while the
    first reads are under way; a layer is decoded once all its shards are there, then computed;
    the head follows the last layer. `preload_reader` reads what is preloaded, unless the machine's
    reader does.
    """

    def __init__(
        self, schedule: Schedule, machine: Machine, preload_reader: Reader | None = None
    ) -> None:
        self._schedule = schedule
        self._machine = machine
        self._buffer = LayerBuffer(machine.store.shape, len(schedule.layers[0].shards))
        self._weights = [prepare_weights(machine, layer, self._buffer) for layer in schedule.layers]
        touch_memory(machine, self._weights[0], schedule.sequence_length)
        start = machine.clock()
        self._preload = self._read_preload(preload_reader or machine.reader)
        self.preload_us = (machine.clock() - start) // NANOSECONDS_PER_MICROSECOND

    @property
    def preload_bytes(self) -> int:
        """Encoded bytes that are held throughout."""
        return sum(encoded.nbytes for layer in self._preload for encoded in layer.values())

    def run(self, tokens: Tokens) -> Run:
        """One execution; StoreError if a read fails, InputError if the tokens do not fit."""
        weight_bytes = self._buffer.nbytes + self.preload_bytes
        execution = Execution(self._machine, self._schedule.layers, weight_bytes)
        stream = ShardStream(
            [[s for s in layer.shards if not s.preload] for layer in self._schedule.layers],
            self._schedule.read_ahead_layers,
            execution.fetch,
            self._machine.reader.idle,
        )
        with stream:
            execution.begin()
            stream.begin()
            hidden = execution.embed(tokens)
            for layer, weights in zip(self._schedule.layers, self._weights, strict=True):
                if not stream.has(layer.layer):
                    stream.wait(layer.layer)
                    execution.stalled(layer.layer)
                self._decode(layer, stream, execution)
                hidden = execution.compute(layer, hidden, tokens, weights)
                stream.layer_computed(layer.layer)
            return execution.finish(hidden, tokens)

    def _decode(self, layer: PlannedLayer, stream: ShardStream, execution: Execution) -> None:
        """Decode a layer into the buffer; streamed shards are used up."""
        arrived, kept = stream.arrived(layer.layer), self._preload[layer.layer]
        for position, shard in enumerate(layer.shards):
            encoded = kept[shard.slice] if shard.preload else arrived.pop(shard.slice)
            execution.decode(layer.layer, shard, encoded, self._buffer.shard(position))

    def _read_preload(self, reader: Reader) -> list[dict[int, memoryview]]:
        reader.idle()
        untimed = Execution(replace(self._machine, reader=reader), self._schedule.layers, 0)
        return [
            {
                shard.slice: untimed.fetch(layer.layer, shard)
                for shard in layer.shards
                if shard.preload
            }
            for layer in self._schedule.layers
        ]
