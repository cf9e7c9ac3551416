"""What a run meets that neither its plan nor its device profile says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import ContractError
from simulator.speed import STEADY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.speed import SpeedSchedule
    from simulator.workload import Durations, Workload

MICROSECONDS_PER_SECOND = 1_000_000
HITS_STREAM = 2
"""Of a seed's streams the third; the first two are those of jitter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PageCache:
    """Reads that the operating system answers from memory, without the flash.

    The shards in `cached`, as (layer, slice), are there for certain, any other with `probability`,
    each for itself. A hit takes its copy's time
    and nothing else, but still waits its turn among the reads.
    """

    bandwidth_bytes_per_s: int
    cached: frozenset[tuple[int, int]] = frozenset()
    probability: float = 0.0

    def __post_init__(self) -> None:
        if self.bandwidth_bytes_per_s < 1:
            message = f"bandwidth_bytes_per_s must be positive, got {self.bandwidth_bytes_per_s}"
            raise ContractError(message)
        if not 0 <= self.probability <= 1:
            message = f"probability must be 0..1, got {self.probability}"
            raise ContractError(message)

    def copy_us(self, size_bytes: int) -> int:
        """Microseconds to copy this much from the cache, rounded up."""
        return -(-size_bytes * MICROSECONDS_PER_SECOND // self.bandwidth_bytes_per_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """How a run differs from a cold one on a device of its own.

    `decode_worker`: shards are decoded on a thread of their own, into a second layer's buffer.
    `flash_speed`: another reader takes part of the bandwidth at times (simulator.speed).
    `compute_speed`: the frequency of the processor, for decoding and compute.
    """

    page_cache: PageCache | None = None
    decode_worker: bool = False
    flash_speed: SpeedSchedule = STEADY
    compute_speed: SpeedSchedule = STEADY

    def after(self, elapsed_us: int) -> Conditions:
        """What is left of them for a run that starts `elapsed_us` later."""
        return replace(
            self,
            flash_speed=self.flash_speed.after(elapsed_us),
            compute_speed=self.compute_speed.after(elapsed_us),
        )


UNDISTURBED = Conditions()


def with_cache_hits(
    work: Workload, durations: Durations, cache: PageCache, *, runs: int, seed: int
) -> Durations:
    """The same durations for `runs` runs, with the reads that hit served from memory."""
    of_hits = np.random.default_rng(seed).spawn(HITS_STREAM + 1)[HITS_STREAM]
    certain = [(read.layer, read.slice) in cache.cached for read in work.reads]
    drawn = of_hits.random((len(work.reads), runs)) < cache.probability
    hits = drawn | np.array(certain, dtype=np.bool_)[:, None]
    copy_us = np.array([cache.copy_us(read.bytes) for read in work.reads], dtype=np.int64)
    return replace(
        durations,
        request_overhead_us=np.where(hits, _rows(copy_us), _rows(durations.request_overhead_us)),
        transfer_us=np.where(hits, 0, _rows(durations.transfer_us)),
        cached=hits,
    )


def _rows(of_reads: NDArray[np.int64]) -> NDArray[np.int64]:
    """(reads, runs), or (reads, 1) of the durations of one run."""
    return of_reads if of_reads.ndim > 1 else of_reads[:, None]
