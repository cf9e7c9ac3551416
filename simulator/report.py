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
    """One read: issued, alone at the head of the flash from `start_us`, arrived at `end_us`."""

    layer: int
    slice: int
    bytes: int
    issue_us: int
    start_us: int
    end_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerSteps:
    """One layer on the compute thread: decoded until `decoded_us`, computed until `end_us`."""

    layer: int
    slices: tuple[int, ...]
    start_us: int
    decoded_us: int
    end_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Stall:
    """The compute thread waits, to start this layer, for the shard of `read_layer` and `slice`.

    `read_layer` is `layer` in a pipeline; in load-then-run layer 0 waits for every shard.
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
        """How long the compute thread waits for reads."""
        return sum(stall.end_us - stall.start_us for stall in self.stalls)

    @property
    def compute_busy_us(self) -> int:
        """How long the compute thread decodes and computes, the fixed part included."""
        return sum(layer.end_us - layer.start_us for layer in self.layers) + self.fixed_us

    @property
    def io_busy_us(self) -> int:
        """How long the flash has at least one request to serve."""
        return sum(read.end_us - read.start_us for read in self.reads)

    @property
    def peak_memory_bytes(self) -> int:
        """The most memory held at any moment."""
        return max(level.bytes for level in self.memory)


def make_report(work: Workload, durations: Durations, timeline: Timeline) -> SimulationReport:
    """The report of one run (not of many)."""
    return SimulationReport(
        reads=tuple(_reads(work, timeline)),
        layers=tuple(_layers(work, durations, timeline)),
        stalls=tuple(_stalls(work, timeline)),
        memory=tuple(_memory(work, timeline)),
        fixed_us=durations.fixed_us,
    )


def _reads(work: Workload, timeline: Timeline) -> Iterator[ReadTimes]:
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
        )
        before = arrival


def _layers(work: Workload, durations: Durations, timeline: Timeline) -> Iterator[LayerSteps]:
    for layer, slices in enumerate(work.slices):
        start = int(timeline.start_us[layer])
        yield LayerSteps(
            layer=layer,
            slices=slices,
            start_us=start,
            decoded_us=start + int(durations.decode_us[layer]),
            end_us=int(timeline.end_us[layer]),
        )


def _stalls(work: Workload, timeline: Timeline) -> Iterator[Stall]:
    """From the end of the layer below, the thread waits for one shard after the other."""
    waiting_since = 0
    for layer, awaited in enumerate(work.awaited_reads):
        for index in range(work.first_awaited(layer), awaited):
            arrival = int(timeline.arrival_us[index])
            if arrival > waiting_since:
                read = work.reads[index]
                yield Stall(
                    layer=layer,
                    read_layer=read.layer,
                    slice=read.slice,
                    start_us=waiting_since,
                    end_us=arrival,
                )
                waiting_since = arrival
        waiting_since = int(timeline.end_us[layer])


def _memory(work: Workload, timeline: Timeline) -> Iterator[MemoryLevel]:
    """Encoded buffers are taken when a read is issued and freed when its layer is computed."""
    change: Counter[int] = Counter({0: work.held_bytes})
    for index, read in enumerate(work.reads):
        change[int(timeline.issue_us[index])] += read.bytes
    for layer, encoded in enumerate(work.encoded_bytes()):
        change[int(timeline.end_us[layer])] -= encoded
    moments = sorted(change)
    for at, held in zip(moments, accumulate(change[at] for at in moments), strict=True):
        yield MemoryLevel(at_us=at, bytes=held)
