"""The pipeline as a max-plus recursion, for one run or thousands of runs at once.

PLANNING, "Recursion with queue depth and a byte-limited buffer": with request i waiting for layer
w_i, issue_i = max(issue_{i-1}, E_{i-queue_depth}, C_{w_i}), arrival
E_i = max(issue_i + overhead_i, E_{i-1}) + transfer_i, and layer l computed at
C_l = max(C_{l-1}, E_last(l)) + decode_l + compute_l. A decode worker ends shard j of layer l at
G_j = max(G_{j-1}, E_j, C_{l-2}) + decode_j, and C_l = max(C_{l-1}, G_last(l)) + compute_l. Where
speeds change, "+" stands for the end of that much work. Equal to SimPy sample by sample.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.workload import DECODED_LAYERS, Deadlock, Timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.workload import Durations, Workload

NOTHING = -1
"""The layer that a read waits for when it waits for none."""


def recur(work: Workload, durations: Durations) -> Timeline | Deadlock:
    """The timeline of every run; a Deadlock if a read waits for a layer that waits for it."""
    gates = _gates(work)
    for index, gate in enumerate(gates):
        if gate != NOTHING and work.awaited_reads[gate] > index:
            return _deadlock(work, index)
    recursion = _Recursion(work, durations)
    for layer in range(work.depth):
        for index in range(work.first_awaited(layer), work.awaited_reads[layer]):
            recursion.read(index, gates[index])
        recursion.compute(layer)
    return recursion.finish()


class _Recursion:
    """The timeline as far as it is known, and each next step of it."""

    def __init__(self, work: Workload, durations: Durations) -> None:
        self.work = work
        self.durations = durations
        self.shards = work.shards()
        self.decode_us = work.layer_decode_us(durations)
        runs = durations.transfer_us.shape[1:] or durations.compute_us.shape[1:]
        self.zero = np.zeros(runs, dtype=np.int64)
        self.timeline = _blank(work, runs)

    def read(self, index: int, gate: int) -> None:
        """One request, which waits for the layer `gate`."""
        issue, arrival = self.timeline.issue_us, self.timeline.arrival_us
        earliest = issue[index - 1] if index else self.zero
        if index >= self.work.queue_depth:
            earliest = np.maximum(earliest, arrival[index - self.work.queue_depth])
        if gate != NOTHING:
            earliest = np.maximum(earliest, self.timeline.end_us[gate])
        issue[index] = earliest
        ready = earliest + self.durations.request_overhead_us[index]
        if index:
            ready = np.maximum(ready, arrival[index - 1])
        transfer = self.durations.transfer_us[index]
        arrival[index] = self.work.flash_speed.finish_us(ready, transfer)

    def compute(self, layer: int) -> None:
        """One layer, its shards decoded on the way or by the worker before."""
        times, speed = self.timeline, self.work.compute_speed
        shards = self.work.shards_of(layer)
        start = times.end_us[layer - 1] if layer else self.zero
        if self.work.awaited_reads[layer]:
            start = np.maximum(start, times.arrival_us[self.work.awaited_reads[layer] - 1])
        if self.work.decode_worker:
            start = np.maximum(start, self.decode_ahead(shards))
            decoded = start
        else:
            decoded = speed.finish_us(start, self.decode_us[layer])
        times.start_us[layer] = start
        times.decoded_us[layer] = decoded
        times.end_us[layer] = speed.finish_us(decoded, self.durations.compute_us[layer])

    def decode_ahead(self, shards: range) -> NDArray[np.int64]:
        """The worker decodes one shard after the other; returns the end of the last."""
        times = self.timeline
        for shard in shards:
            start = self.worker_free(shard)
            times.worker_start_us[shard] = start
            decode_us = self.durations.decode_us[shard]
            times.worker_end_us[shard] = self.work.compute_speed.finish_us(start, decode_us)
        return times.worker_end_us[shards[-1]]

    def worker_free(self, shard: int) -> NDArray[np.int64]:
        """When shard, worker and a layer's buffer are there."""
        times, (layer, _, read) = self.timeline, self.shards[shard]
        earliest = times.worker_end_us[shard - 1] if shard else self.zero
        if read is not None:
            earliest = np.maximum(earliest, times.arrival_us[read])
        if layer >= DECODED_LAYERS:
            earliest = np.maximum(earliest, times.end_us[layer - DECODED_LAYERS])
        return earliest

    def finish(self) -> Timeline:
        """The fixed part, after the last layer."""
        end = self.timeline.end_us[-1]
        done = self.work.compute_speed.finish_us(end, self.durations.fixed_us)
        return replace(self.timeline, done_us=done)


def _blank(work: Workload, runs: tuple[int, ...]) -> Timeline:
    def zeros(steps: int) -> NDArray[np.int64]:
        return np.zeros((steps, *runs), dtype=np.int64)

    reads, layers = len(work.reads), work.depth
    shards = len(work.shards()) if work.decode_worker else 0
    return Timeline(
        issue_us=zeros(reads),
        arrival_us=zeros(reads),
        worker_start_us=zeros(shards),
        worker_end_us=zeros(shards),
        start_us=zeros(layers),
        decoded_us=zeros(layers),
        end_us=zeros(layers),
        done_us=np.zeros(runs, dtype=np.int64),
    )


def _gates(work: Workload) -> list[int]:
    """For each read the layer that must be computed before it is issued, or NOTHING."""
    by_bytes = _byte_gates(work)
    if work.read_ahead_layers is None:
        return by_bytes
    by_layers = [read.layer - 1 - work.read_ahead_layers for read in work.reads]
    return [max(NOTHING, *both) for both in zip(by_layers, by_bytes, strict=True)]


def _byte_gates(work: Workload) -> list[int]:
    """w_i = min{j: bytes of reads <= i minus bytes of layers <= j fit the buffer}."""
    if work.read_ahead_bytes is None:
        return [NOTHING] * len(work.reads)
    excess = _requested_bytes(work) - work.read_ahead_bytes
    gates: list[int] = (np.searchsorted(_released_bytes(work), excess) - 1).tolist()
    return gates


def _requested_bytes(work: Workload) -> NDArray[np.int64]:
    """(reads,): bytes of this read and all before it."""
    return np.cumsum([read.bytes for read in work.reads], dtype=np.int64)


def _released_bytes(work: Workload) -> NDArray[np.int64]:
    """(layers + 1,): bytes freed once the first k layers are computed."""
    return np.cumsum([0, *work.encoded_bytes()], dtype=np.int64)


def _deadlock(work: Workload, index: int) -> Deadlock:
    computed = sum(awaited <= index for awaited in work.awaited_reads)
    needed = _requested_bytes(work)[index] - _released_bytes(work)[computed]
    read = work.reads[index]
    return Deadlock(
        layer=read.layer,
        slice=read.slice,
        needed_bytes=int(needed),
        read_ahead_bytes=work.read_ahead_bytes or 0,
    )
