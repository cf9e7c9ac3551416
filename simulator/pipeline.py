"""The pipeline as SimPy processes: the reference model.

The reader issues requests in plan order; each request waits out its overhead, then its turn on
the channel; the compute thread decodes and computes layer by layer, or a worker decodes for it.
What they wait for are SimPy's own resources and events: a queue of `queue_depth` slots, a
container of free buffer bytes, and one event for each read, decoded shard and computed layer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import simpy

from simulator.speed import NOMINAL
from simulator.workload import DECODED_LAYERS, Deadlock, Timeline

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray
    from simpy.resources.resource import Request

    from simulator.speed import SpeedSchedule
    from simulator.workload import Durations, Workload

    Process = Generator[simpy.Event, object, None]


def run_pipeline(work: Workload, durations: Durations) -> Timeline | Deadlock:
    """Run one workload to its end; a Deadlock if nothing can happen any more before it."""
    run = _Run(work, durations)
    run.environment.process(run.read())
    run.environment.process(run.compute())
    if work.decode_worker:
        run.environment.process(run.decode_ahead())
    run.environment.run()
    return run.deadlock() if run.done_us is None else run.timeline(run.done_us)


class _Run:
    """The state of one run; times are in whole microseconds."""

    def __init__(self, work: Workload, durations: Durations) -> None:
        self.work = work
        self.request_overhead_us: list[int] = durations.request_overhead_us.tolist()
        self.transfer_us: list[int] = durations.transfer_us.tolist()
        self.decode_us: list[int] = durations.decode_us.tolist()
        self.layer_decode_us = work.layer_decode_us(durations)
        self.compute_us: list[int] = durations.compute_us.tolist()
        self.fixed_us = durations.fixed_us
        self.encoded_bytes = work.encoded_bytes()
        self.shards = work.shards()
        self.environment = environment = simpy.Environment()
        self.queue = simpy.Resource(environment, work.queue_depth)
        capacity = math.inf if work.read_ahead_bytes is None else work.read_ahead_bytes
        self.free_bytes = simpy.Container(environment, capacity, init=capacity)
        self.arrived = [environment.event() for _ in work.reads]
        self.decoded = [environment.event() for _ in self.shards]
        self.computed = [environment.event() for _ in work.slices]
        self.issue_us: list[int] = []
        self.arrival_us: list[int] = []
        self.worker_start_us: list[int] = []
        self.worker_end_us: list[int] = []
        self.start_us: list[int] = []
        self.decoded_us: list[int] = []
        self.end_us: list[int] = []
        self.done_us: int | None = None

    @property
    def now_us(self) -> int:
        return int(self.environment.now)

    def read(self) -> Process:
        """Issue the reads in plan order, as far ahead as the limits allow."""
        ahead = self.work.read_ahead_layers
        for index, read in enumerate(self.work.reads):
            if ahead is not None and read.layer > ahead:
                yield self.computed[read.layer - 1 - ahead]
            yield self.free_bytes.get(read.bytes)
            slot = self.queue.request()
            yield slot
            self.issue_us.append(self.now_us)
            self.environment.process(self.serve(index, slot))

    def serve(self, index: int, slot: Request) -> Process:
        """One request: overheads overlap, transfers take turns in the order of issue."""
        yield self.environment.timeout(self.request_overhead_us[index])
        if index:
            yield self.arrived[index - 1]
        yield from self.spend(self.transfer_us[index], self.work.flash_speed)
        self.arrival_us.append(self.now_us)
        self.queue.release(slot)
        self.arrived[index].succeed()

    def compute(self) -> Process:
        """Decode, unless a worker does, and compute layer by layer; free a layer's buffers."""
        for layer, awaited in enumerate(self.work.awaited_reads):
            for index in range(self.work.first_awaited(layer), awaited):
                yield self.arrived[index]
            if self.work.decode_worker:
                for shard in self.work.shards_of(layer):
                    yield self.decoded[shard]
            self.start_us.append(self.now_us)
            if not self.work.decode_worker:
                yield from self.spend(self.layer_decode_us[layer], self.work.compute_speed)
            self.decoded_us.append(self.now_us)
            yield from self.spend(self.compute_us[layer], self.work.compute_speed)
            self.end_us.append(self.now_us)
            if self.encoded_bytes[layer]:
                self.free_bytes.put(self.encoded_bytes[layer])
            self.computed[layer].succeed()
        yield from self.spend(self.fixed_us, self.work.compute_speed)
        self.done_us = self.now_us

    def decode_ahead(self) -> Process:
        """The worker: each shard once it is there, as soon as a layer's buffer is free for it."""
        for layer in range(self.work.depth):
            if layer >= DECODED_LAYERS:
                yield self.computed[layer - DECODED_LAYERS]
            for shard in self.work.shards_of(layer):
                read = self.shards[shard].read
                if read is not None:
                    yield self.arrived[read]
                self.worker_start_us.append(self.now_us)
                yield from self.spend(self.decode_us[shard], self.work.compute_speed)
                self.worker_end_us.append(self.now_us)
                self.decoded[shard].succeed()

    def spend(self, work_us: int, speed: SpeedSchedule) -> Process:
        """Do this much work, stretch by stretch of the schedule."""
        left = NOMINAL * work_us
        for thousandths, end_us in speed.stretches(self.now_us):
            if not left:
                return
            enough_us = -(-left // thousandths) if thousandths else math.inf
            until_us = math.inf if end_us is None else end_us - self.now_us
            pause_us = int(min(enough_us, until_us))
            yield self.environment.timeout(pause_us)
            left = max(0, left - thousandths * pause_us)

    def timeline(self, done_us: int) -> Timeline:
        """When each step happened."""
        return Timeline(
            issue_us=_array(self.issue_us),
            arrival_us=_array(self.arrival_us),
            worker_start_us=_array(self.worker_start_us),
            worker_end_us=_array(self.worker_end_us),
            start_us=_array(self.start_us),
            decoded_us=_array(self.decoded_us),
            end_us=_array(self.end_us),
            done_us=np.array(done_us, dtype=np.int64),
        )

    def deadlock(self) -> Deadlock:
        """The read that could not be issued, once nothing moves any more."""
        read = self.work.reads[len(self.issue_us)]
        capacity = int(self.free_bytes.capacity)
        return Deadlock(
            layer=read.layer,
            slice=read.slice,
            needed_bytes=capacity - int(self.free_bytes.level) + read.bytes,
            read_ahead_bytes=capacity,
        )


def _array(moments: list[int]) -> NDArray[np.int64]:
    return np.array(moments, dtype=np.int64)
