"""The pipeline as a max-plus recursion, for one run or thousands of runs at once.

PLANNING, "Recursion with queue depth and a byte-limited buffer": with request i waiting for layer
w_i, issue_i = max(issue_{i-1}, E_{i-queue_depth}, C_{w_i}), arrival
E_i = max(issue_i + overhead, E_{i-1}) + transfer_i, and layer l computed at
C_l = max(C_{l-1}, E_last(l)) + decode_l + compute_l. Equal to SimPy sample by sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.workload import Deadlock, Timeline

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
    runs = durations.transfer_us.shape[1:] or durations.compute_us.shape[1:]
    timeline = _blank(work, runs)
    for layer in range(work.depth):
        for index in range(work.first_awaited(layer), work.awaited_reads[layer]):
            _read(work, durations, timeline, index, gates[index])
        _compute(work, durations, timeline, layer)
    return timeline


def _blank(work: Workload, runs: tuple[int, ...]) -> Timeline:
    reads, layers = (len(work.reads), *runs), (work.depth, *runs)
    return Timeline(
        issue_us=np.zeros(reads, dtype=np.int64),
        arrival_us=np.zeros(reads, dtype=np.int64),
        start_us=np.zeros(layers, dtype=np.int64),
        end_us=np.zeros(layers, dtype=np.int64),
    )


def _read(work: Workload, durations: Durations, timeline: Timeline, index: int, gate: int) -> None:
    issue, arrival = timeline.issue_us, timeline.arrival_us
    earliest = issue[index - 1] if index else issue[index]
    if index >= work.queue_depth:
        earliest = np.maximum(earliest, arrival[index - work.queue_depth])
    if gate != NOTHING:
        earliest = np.maximum(earliest, timeline.end_us[gate])
    issue[index] = earliest
    ready = earliest + durations.request_overhead_us
    if index:
        ready = np.maximum(ready, arrival[index - 1])
    arrival[index] = ready + durations.transfer_us[index]


def _compute(work: Workload, durations: Durations, timeline: Timeline, layer: int) -> None:
    start = timeline.end_us[layer - 1] if layer else timeline.end_us[layer]
    if work.awaited_reads[layer]:
        start = np.maximum(start, timeline.arrival_us[work.awaited_reads[layer] - 1])
    timeline.start_us[layer] = start
    timeline.end_us[layer] = start + durations.decode_us[layer] + durations.compute_us[layer]


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
