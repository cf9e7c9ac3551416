"""What a simulated run amounts to: reads, layers, stalls and memory over time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.workload import Durations, Timeline, Workload


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadTimes:
    """One read: issued, first in turn on the flash from `start_us`, arrived at `end_us`.

    A `cached` one came from the page cache and left the flash alone.
    """

    layer: int
    slice: int
    bytes: int
    issue_us: int
    start_us: int
    end_us: int
    cached: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodeTimes:
    """Shards decoded: a whole layer on the compute thread, or one by the worker."""

    layer: int
    slices: tuple[int, ...]
    start_us: int
    end_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerSteps:
    """One layer on the compute thread: decoded until `decoded_us`, computed until `end_us`.

    Where a worker decodes, `decoded_us` is `start_us`.
    """

    layer: int
    slices: tuple[int, ...]
    start_us: int
    decoded_us: int
    end_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Stall:
    """The compute thread waits, to start this layer, for the shard of `read_layer` and `slice`.

    For its read, or where a worker decodes, until it is decoded. `read_layer` is `layer` in a
    pipeline; in load-then-run layer 0 waits for every shard.
    """

    layer: int
    read_layer: int
    slice: int
    start_us: int
    end_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryLevel:
    """Bytes held from this moment on."""

    at_us: int
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulationReport:
    """One simulated run; the clock runs from the first read's issue to the logits.

    The compute thread is at every moment either busy or stalled, the wait for the first layer
    included: latency_us = compute_busy_us + stall_us.
    """

    reads: tuple[ReadTimes, ...]
    decodes: tuple[DecodeTimes, ...]
    layers: tuple[LayerSteps, ...]
    stalls: tuple[Stall, ...]
    memory: tuple[MemoryLevel, ...]
    fixed_us: int

    @property
    def latency_us(self) -> int:
        """When the logits are there, the fixed part after the last layer included."""
        return self.layers[-1].end_us + self.fixed_us

    @property
    def stall_us(self) -> int:
        """How long the compute thread waits for shards."""
        return sum(stall.end_us - stall.start_us for stall in self.stalls)

    @property
    def compute_busy_us(self) -> int:
        """How long the compute thread works, the fixed part included."""
        return sum(layer.end_us - layer.start_us for layer in self.layers) + self.fixed_us

    @property
    def io_busy_us(self) -> int:
        """How long the flash has at least one request to serve."""
        return sum(read.end_us - read.start_us for read in self.reads if not read.cached)

    @property
    def peak_memory_bytes(self) -> int:
        """The most memory held at any moment."""
        return max(level.bytes for level in self.memory)


def make_report(work: Workload, durations: Durations, timeline: Timeline) -> SimulationReport:
    """The report of one run (not of many)."""
    return SimulationReport(
        reads=tuple(_reads(work, durations, timeline)),
        decodes=tuple(_decodes(work, timeline)),
        layers=tuple(_layers(work, timeline)),
        stalls=tuple(_stalls(work, timeline)),
        memory=tuple(_memory(work, timeline)),
        fixed_us=int(timeline.done_us - timeline.end_us[-1]),
    )


def _reads(work: Workload, durations: Durations, timeline: Timeline) -> Iterator[ReadTimes]:
    before = 0
    for index, read in enumerate(work.reads):
        issue, arrival = int(timeline.issue_us[index]), int(timeline.arrival_us[index])
        yield ReadTimes(
            layer=read.layer,
            slice=read.slice,
            bytes=read.bytes,
            issue_us=issue,
            start_us=max(issue, before),
            end_us=arrival,
            cached=bool(durations.cached[index]),
        )
        before = arrival


def _decodes(work: Workload, timeline: Timeline) -> Iterator[DecodeTimes]:
    if not work.decode_worker:
        for step in _layers(work, timeline):
            yield DecodeTimes(
                layer=step.layer,
                slices=step.slices,
                start_us=step.start_us,
                end_us=step.decoded_us,
            )
        return
    for index, shard in enumerate(work.shards()):
        yield DecodeTimes(
            layer=shard.layer,
            slices=(shard.slice,),
            start_us=int(timeline.worker_start_us[index]),
            end_us=int(timeline.worker_end_us[index]),
        )


def _layers(work: Workload, timeline: Timeline) -> Iterator[LayerSteps]:
    for layer, slices in enumerate(work.slices):
        yield LayerSteps(
            layer=layer,
            slices=slices,
            start_us=int(timeline.start_us[layer]),
            decoded_us=int(timeline.decoded_us[layer]),
            end_us=int(timeline.end_us[layer]),
        )


def _stalls(work: Workload, timeline: Timeline) -> Iterator[Stall]:
    """From the end of the layer below, the thread waits for one shard after the other."""
    waiting_since = 0
    for layer in range(work.depth):
        for read_layer, index, ready in _awaited(work, timeline, layer):
            if ready > waiting_since:
                yield Stall(
                    layer=layer,
                    read_layer=read_layer,
                    slice=index,
                    start_us=waiting_since,
                    end_us=ready,
                )
                waiting_since = ready
        waiting_since = int(timeline.end_us[layer])


def _awaited(work: Workload, timeline: Timeline, layer: int) -> Iterator[tuple[int, int, int]]:
    """(layer, slice, ready at) of each shard that the compute thread waits for."""
    if work.decode_worker:
        for shard, index in zip(work.shards_of(layer), work.slices[layer], strict=True):
            yield layer, index, int(timeline.worker_end_us[shard])
    for index in range(work.first_awaited(layer), work.awaited_reads[layer]):
        read = work.reads[index]
        yield read.layer, read.slice, int(timeline.arrival_us[index])


def _memory(work: Workload, timeline: Timeline) -> Iterator[MemoryLevel]:
    """Encoded buffers are taken when a read is issued and freed when its layer is computed."""
    change: Counter[int] = Counter({0: work.held_bytes})
    for index, read in enumerate(work.reads):
        change[int(timeline.issue_us[index])] += read.bytes
        if not read.kept:
            change[int(timeline.end_us[read.layer])] -= read.bytes
    moments = sorted(change)
    for at, held in zip(moments, accumulate(change[at] for at in moments), strict=True):
        yield MemoryLevel(at_us=at, bytes=held)
