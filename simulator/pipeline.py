"""The pipeline as SimPy processes: the reference model.

Three processes: the reader issues requests in plan order, each request waits out its overhead
and then its turn on the channel, and the compute thread decodes and computes layer by layer.
What they wait for are SimPy's own resources: a queue of `queue_depth` slots, a channel that
transfers one shard at a time, and a container of free buffer bytes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import simpy

from simulator.workload import Deadlock, Timeline

if TYPE_CHECKING:
    from collections.abc import Generator

    from simpy.resources.resource import Request

    from simulator.workload import Durations, Workload

    Process = Generator[simpy.Event, object, None]


def run_pipeline(work: Workload, durations: Durations) -> Timeline | Deadlock:
    """Run one workload to its end; a Deadlock if nothing can happen any more before it."""
    run = _Run(work, durations)
    run.environment.process(run.read())
    run.environment.process(run.compute())
    run.environment.run()
    if len(run.end_us) < work.depth:
        return run.deadlock()
    return Timeline(
        issue_us=np.array(run.issue_us, dtype=np.int64),
        arrival_us=np.array(run.arrival_us, dtype=np.int64),
        start_us=np.array(run.start_us, dtype=np.int64),
        end_us=np.array(run.end_us, dtype=np.int64),
    )


class _Run:
    """The state of one run; times are in whole microseconds."""

    def __init__(self, work: Workload, durations: Durations) -> None:
        self.work = work
        self.request_overhead_us = durations.request_overhead_us
        self.transfer_us: list[int] = durations.transfer_us.tolist()
        self.decode_us: list[int] = durations.decode_us.tolist()
        self.compute_us: list[int] = durations.compute_us.tolist()
        self.encoded_bytes = work.encoded_bytes()
        self.environment = environment = simpy.Environment()
        self.queue = simpy.Resource(environment, work.queue_depth)
        self.channel = simpy.Resource(environment, 1)
        capacity = math.inf if work.read_ahead_bytes is None else work.read_ahead_bytes
        self.free_bytes = simpy.Container(environment, capacity, init=capacity)
        self.arrived = [environment.event() for _ in work.reads]
        self.computed = [environment.event() for _ in work.slices]
        self.issue_us: list[int] = []
        self.arrival_us: list[int] = []
        self.start_us: list[int] = []
        self.end_us: list[int] = []

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
        """One request: overheads overlap, transfers take turns."""
        yield self.environment.timeout(self.request_overhead_us)
        turn = self.channel.request()
        yield turn
        yield self.environment.timeout(self.transfer_us[index])
        self.arrival_us.append(self.now_us)
        self.channel.release(turn)
        self.queue.release(slot)
        self.arrived[index].succeed()

    def compute(self) -> Process:
        """Decode, then compute, layer by layer; free a layer's buffers when it is done."""
        for layer, awaited in enumerate(self.work.awaited_reads):
            for index in range(self.work.first_awaited(layer), awaited):
                yield self.arrived[index]
            self.start_us.append(self.now_us)
            yield self.environment.timeout(self.decode_us[layer])
            yield self.environment.timeout(self.compute_us[layer])
            self.end_us.append(self.now_us)
            if self.encoded_bytes[layer]:
                self.free_bytes.put(self.encoded_bytes[layer])
            self.computed[layer].succeed()

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
