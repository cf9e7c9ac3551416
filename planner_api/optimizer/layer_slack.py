"""How much a layer's reads could still grow before the plan misses its latency target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.choice import layer_reads_us, layer_steps_us, timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from plan_contracts import LayerTimes
    from planner_api.optimizer.choice import Choice
    from planner_api.optimizer.problem import Problem


def layer_slack_us(problem: Problem, choice: Choice) -> NDArray[np.int64]:
    """(depth,): what each layer's reads alone can grow by within the target; exact if it is met.

    Latency is the longest path through reads and computes (PLANNING, "Time"), so a layer's slack
    is the target less the longest path through its reads: when they may start + their time + what
    must follow. Negative where the plan misses its target by such a path.
    """
    reads = layer_reads_us(problem, choice)
    start = _earliest_reads(timeline(problem, choice), problem.read_ahead)
    steps = layer_steps_us(problem, choice).tolist()
    after = _longest_after_reads(reads.tolist(), steps, problem.read_ahead)
    return problem.latency_us - (np.array(start, dtype=np.int64) + reads + after)


def _earliest_reads(times: Sequence[LayerTimes], read_ahead: int | None) -> list[int]:
    """When the reads of each layer may start, in layers that read nothing too."""
    earliest: list[int] = []
    for layer in range(len(times)):
        channel_free = times[layer - 1].io_end_us if layer else 0
        waits = read_ahead is not None and layer - 1 - read_ahead >= 0
        buffer_free = times[layer - 1 - (read_ahead or 0)].compute_end_us if waits else 0
        earliest.append(max(channel_free, buffer_free))
    return earliest


def _longest_after_reads(
    reads: Sequence[int], steps: Sequence[int], read_ahead: int | None
) -> NDArray[np.int64]:
    """(depth,): the longest path from the end of each layer's reads to the end of the last."""
    depth = len(reads)
    after_reads, after_compute = [0] * (depth + 1), [0] * (depth + 1)
    for layer in reversed(range(depth)):
        if layer + 1 < depth:
            after_compute[layer] = steps[layer + 1] + after_compute[layer + 1]
        freed = depth if read_ahead is None else layer + 1 + read_ahead
        if freed < depth and reads[freed]:
            after_compute[layer] = max(after_compute[layer], reads[freed] + after_reads[freed])
        after_reads[layer] = steps[layer] + after_compute[layer]
        if layer + 1 < depth:
            after_reads[layer] = max(after_reads[layer], reads[layer + 1] + after_reads[layer + 1])
    return np.array(after_reads[:depth], dtype=np.int64)
