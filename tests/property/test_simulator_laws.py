"""Laws every simulated run keeps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator import SimulationReport, execute
from simulator.conditions import PageCache, with_cache_hits
from simulator.pipeline import run_pipeline
from simulator.report import make_report
from simulator.speed import STEADY, SpeedSchedule
from simulator.workload import Deadlock, Durations, Workload
from workloads import random_durations, random_workload

if TYPE_CHECKING:
    import random

RANDOMS = st.randoms(use_true_random=False)


def drawn(source: random.Random, *, deadlocks: bool = False) -> tuple[Workload, Durations]:
    work = random_workload(source, deadlocks=deadlocks)
    return work, random_durations(source, work)


def steady(source: random.Random, *, deadlocks: bool = False) -> tuple[Workload, Durations]:
    """Everything at nominal speed: at others every step ends on a whole microsecond, rounded up,
    so that the same work in more steps may take longer.
    """
    work, durations = drawn(source, deadlocks=deadlocks)
    return replace(work, flash_speed=STEADY, compute_speed=STEADY), durations


def plain(source: random.Random) -> tuple[Workload, Durations]:
    """Decoding on the compute thread, everything at nominal speed."""
    work, durations = steady(source)
    return replace(work, decode_worker=False), durations


def latency_us(work: Workload, durations: Durations) -> float:
    """Of a run that deadlocks: infinite."""
    outcome = run_pipeline(work, durations)
    if isinstance(outcome, Deadlock):
        return np.inf
    return make_report(work, durations, outcome).latency_us


def io_us(durations: Durations) -> int:
    transfers = durations.transfer_us
    return int(transfers.sum() + durations.request_overhead_us.sum())


def layers_us(durations: Durations) -> int:
    return int(durations.decode_us.sum() + durations.compute_us.sum()) + durations.fixed_us


@given(RANDOMS)
def test_faster_reads_never_hurt(source: random.Random) -> None:
    work, durations = drawn(source, deadlocks=True)
    faster = durations.transfer_us - [source.randint(0, int(us)) for us in durations.transfer_us]
    before, after = durations, replace(durations, transfer_us=faster.astype(np.int64))
    assert latency_us(work, after) <= latency_us(work, before)


@given(RANDOMS)
def test_one_more_layer_of_read_ahead_never_hurts(source: random.Random) -> None:
    work, durations = drawn(source, deadlocks=True)
    ahead = source.randint(0, 2)
    less, more = (replace(work, read_ahead_layers=r) for r in (ahead, ahead + 1))
    assert latency_us(more, durations) <= latency_us(less, durations)


@given(RANDOMS)
def test_one_more_slot_in_the_queue_never_hurts(source: random.Random) -> None:
    work, durations = drawn(source, deadlocks=True)
    deeper = replace(work, queue_depth=work.queue_depth + 1)
    assert latency_us(deeper, durations) <= latency_us(work, durations)


@given(RANDOMS)
def test_a_larger_buffer_never_hurts(source: random.Random) -> None:
    work, durations = drawn(source)
    size = source.randint(1, 200)
    less, more = (work.limited_to(s) for s in (size, size + source.randint(1, 50)))
    assert latency_us(more, durations) <= latency_us(less, durations)


@given(RANDOMS)
def test_preloading_a_shard_never_hurts(source: random.Random) -> None:
    work, durations = drawn(source)
    if not work.reads:
        return
    gone = source.randrange(len(work.reads))
    fewer = replace(
        work,
        reads=work.reads[:gone] + work.reads[gone + 1 :],
        awaited_reads=tuple(n - (n > gone) for n in work.awaited_reads),
    )
    after = replace(durations, transfer_us=np.delete(durations.transfer_us, gone))
    assert latency_us(fewer, after) <= latency_us(work, durations)


@given(RANDOMS)
def test_a_decode_worker_never_hurts(source: random.Random) -> None:
    work, durations = steady(source, deadlocks=True)
    without, beside = (replace(work, decode_worker=worker) for worker in (False, True))
    assert latency_us(beside, durations) <= latency_us(without, durations)


@given(RANDOMS, st.sampled_from(["flash_speed", "compute_speed"]))
def test_a_time_of_less_speed_never_helps(source: random.Random, which: str) -> None:
    work, durations = drawn(source, deadlocks=True)
    changes = getattr(work, which).changes
    lower = tuple((at, source.randint(min(1, speed), speed)) for at, speed in changes)
    slower = replace(work, **{which: SpeedSchedule(lower)})
    assert latency_us(work, durations) <= latency_us(slower, durations)


@given(RANDOMS)
def test_a_page_cache_no_slower_than_the_flash_never_hurts(source: random.Random) -> None:
    work, drawn_durations = steady(source)
    durations = replace(drawn_durations, transfer_us=drawn_durations.transfer_us + 1)
    slowest = durations.request_overhead_us + durations.transfer_us
    reads = tuple(replace(r, bytes=int(us)) for r, us in zip(work.reads, slowest, strict=True))
    work = replace(work, reads=reads, read_ahead_bytes=None)
    cache = PageCache(bandwidth_bytes_per_s=1_000_000, probability=0.5)
    hits = with_cache_hits(work, durations, cache, runs=1, seed=source.randint(0, 99)).of_run(0)
    assert latency_us(work, hits) <= latency_us(work, durations)


@given(RANDOMS)
def test_latency_lies_between_the_larger_part_and_the_sum_of_both(source: random.Random) -> None:
    work, durations = plain(source)
    latency = latency_us(work, durations)
    transfers, compute = int(durations.transfer_us.sum()), layers_us(durations)
    assert max(transfers, compute) <= latency <= io_us(durations) + compute


@given(RANDOMS)
def test_one_request_at_a_time_takes_at_least_every_overhead_too(source: random.Random) -> None:
    work, durations = plain(source)
    assert latency_us(replace(work, queue_depth=1), durations) >= io_us(durations)


@given(RANDOMS, st.integers(2, 9))
def test_scaling_every_duration_scales_the_latency(source: random.Random, factor: int) -> None:
    work, durations = plain(source)
    scaled = Durations(
        request_overhead_us=factor * durations.request_overhead_us,
        transfer_us=factor * durations.transfer_us,
        decode_us=factor * durations.decode_us,
        compute_us=factor * durations.compute_us,
        fixed_us=factor * durations.fixed_us,
        cached=durations.cached,
    )
    assert latency_us(work, scaled) == factor * latency_us(work, durations)


def report(source: random.Random) -> tuple[Workload, SimulationReport]:
    work, durations = drawn(source)
    return work, execute(work, durations)


@given(RANDOMS)
def test_the_compute_thread_is_always_busy_or_stalled(source: random.Random) -> None:
    _, run = report(source)
    assert run.compute_busy_us + run.stall_us == run.latency_us


@given(RANDOMS)
def test_a_run_without_stall_takes_just_its_decoding_and_compute(source: random.Random) -> None:
    work, durations = plain(source)
    run = execute(work, durations)
    assert (run.stall_us == 0) == (run.latency_us == layers_us(durations))


@given(RANDOMS)
def test_the_flash_serves_one_read_after_the_other(source: random.Random) -> None:
    _, run = report(source)
    for before, after in pairwise(run.reads):
        assert before.end_us <= after.start_us <= after.end_us


@given(RANDOMS)
def test_stalls_lie_between_the_layer_below_and_their_own(source: random.Random) -> None:
    _, run = report(source)
    for stall in run.stalls:
        below = run.layers[stall.layer - 1].end_us if stall.layer else 0
        assert below <= stall.start_us < stall.end_us <= run.layers[stall.layer].start_us


@given(RANDOMS)
def test_peak_memory_keeps_to_the_window_of_read_ahead(source: random.Random) -> None:
    work, run = report(source)
    reach = work.depth if work.read_ahead_layers is None else work.read_ahead_layers + 1
    sizes = work.encoded_bytes()
    window = max(sum(sizes[low : low + reach]) for low in range(work.depth))
    assert run.peak_memory_bytes <= work.held_bytes + window


@given(RANDOMS)
def test_memory_is_given_back(source: random.Random) -> None:
    work, run = report(source)
    assert run.memory[-1].bytes == work.held_bytes
    assert min(level.bytes for level in run.memory) >= work.held_bytes
