"""Random workloads and durations for the two models of the pipeline, without documents."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.speed import STEADY, SpeedSchedule
from simulator.workload import Durations, Read, Workload

if TYPE_CHECKING:
    from numpy.typing import NDArray


def seeded(seed: int) -> random.Random:
    """A source of random choices that repeats itself."""
    return random.Random(seed)  # noqa: S311 - seeded on purpose, no secret


def random_workload(source: random.Random, *, deadlocks: bool = True) -> Workload:
    """Up to 5 layers of up to 5 shards, any of them preloaded, under every kind of limit."""
    depth, width = source.randint(1, 5), source.randint(1, 5)
    streamed = source.choice((0.0, 0.5, 0.9, 1.0))
    reads = [
        Read(layer=layer, slice=index, bytes=source.randint(1, 40))
        for layer in range(depth)
        for index in range(width)
        if source.random() < streamed
    ]
    whole = sum(read.bytes for read in reads)
    return Workload(
        reads=tuple(reads),
        slices=(tuple(range(width)),) * depth,
        awaited_reads=tuple(sum(r.layer <= layer for r in reads) for layer in range(depth)),
        queue_depth=source.randint(1, 4),
        read_ahead_layers=source.choice((None, 0, 1, 2)),
        read_ahead_bytes=source.choice((None, source.randint(1, whole + 1))) if deadlocks else None,
        held_bytes=source.randint(0, 100),
        decode_worker=source.random() < 0.4,
        flash_speed=random_speed(source),
        compute_speed=random_speed(source),
    )


def random_speed(source: random.Random) -> SpeedSchedule:
    """Mostly nominal; else up to four speeds, standstill among them."""
    if source.random() < 0.6:
        return STEADY
    moments = sorted(source.sample(range(1, 200), source.randint(0, 3)))
    speeds = [source.choice((0, 1, 250, 700, 999, 1000, 1500)) for _ in moments]
    return SpeedSchedule(tuple(zip([0, *moments], [*speeds, 600], strict=True)))


def loaded_first(work: Workload) -> Workload:
    """The same steps, none computed before everything has been read."""
    everything = (len(work.reads),) * work.depth
    return replace(work, awaited_reads=everything, read_ahead_layers=None)


def random_durations(source: random.Random, work: Workload) -> Durations:
    """Small whole times, zeros and ties among them."""
    reads = len(work.reads)
    overhead_us = source.choice((0, 0, 1, 5, 30))
    return Durations(
        request_overhead_us=np.full(reads, overhead_us, dtype=np.int64),
        transfer_us=_times(source, reads, source.choice((1, 5, 60))),
        decode_us=_times(source, len(work.shards()), source.choice((0, 8))),
        compute_us=_times(source, work.depth, source.choice((1, 5, 200))),
        fixed_us=source.choice((0, 7)),
        cached=np.zeros(reads, dtype=np.bool_),
    )


def _times(source: random.Random, count: int, most: int) -> NDArray[np.int64]:
    return np.array([source.randint(0, most) for _ in range(count)], dtype=np.int64)
