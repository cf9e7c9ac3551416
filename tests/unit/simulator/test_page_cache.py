"""Reads that the page cache serves."""

from __future__ import annotations

import numpy as np
import pytest

from builders import e1_json, e2_json
from plan_contracts import ContractError
from plans import made
from simulator import Conditions, PageCache, monte_carlo, simulate
from simulator.conditions import with_cache_hits
from simulator.workload import durations_of, workload_of

E1 = made(e1_json(), [[3, 4], [6, 4]])
"""Reads of 30, 40, 60 and 40 us; two layers of 100 us."""

E2 = made(e2_json(), [[6, 3], [6, 4]], {(0, 0)})
"""Reads of 35, 65 and 45 us, 5 of each overhead; two layers of 8 + 100 us."""


def holding(*shards: tuple[int, int], bandwidth: int = 4_000_000) -> Conditions:
    cache = PageCache(bandwidth_bytes_per_s=bandwidth, cached=frozenset(shards))
    return Conditions(page_cache=cache)


def at_random(probability: float) -> Conditions:
    return Conditions(page_cache=PageCache(bandwidth_bytes_per_s=10**9, probability=probability))


def test_a_hit_takes_the_time_of_its_copy() -> None:
    report = simulate(*E1, conditions=holding((0, 1)))
    assert [read.end_us for read in report.reads] == [30, 40, 100, 140]
    assert report.latency_us == 240


def test_a_hit_has_no_request_overhead() -> None:
    report = simulate(*E2, conditions=holding((1, 0), bandwidth=60_000_000))
    assert [read.end_us for read in report.reads] == [35, 36, 81]
    assert report.latency_us == 251


def test_a_hit_leaves_the_flash_alone() -> None:
    assert simulate(*E1, conditions=holding((0, 1))).io_busy_us == 30 + 60 + 40


def test_a_copy_is_rounded_up() -> None:
    assert PageCache(bandwidth_bytes_per_s=3_000_000).copy_us(7) == 3


def test_a_probability_of_one_is_every_shard() -> None:
    everything = holding((0, 0), (0, 1), (1, 0), (1, 1), bandwidth=10**9)
    certain = simulate(*E1, conditions=at_random(1.0))
    assert certain == simulate(*E1, conditions=everything)


def test_each_read_hits_as_often_as_the_probability_says() -> None:
    work, durations = workload_of(*E1), durations_of(*E1)
    cache = PageCache(bandwidth_bytes_per_s=10**9, probability=0.3)
    hits = with_cache_hits(work, durations, cache, runs=4000, seed=1).cached
    assert hits.mean(axis=1) == pytest.approx(np.full(4, 0.3), abs=0.03)


def test_equal_seeds_hit_alike_and_others_do_not() -> None:
    first, again, other = (
        monte_carlo(*E1, runs=50, seed=seed, conditions=at_random(0.5)) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_the_first_run_of_many_is_not_the_only_one() -> None:
    latencies = monte_carlo(*E1, runs=50, seed=0, conditions=at_random(0.5))
    assert len(set(latencies.tolist())) > 3


@pytest.mark.parametrize("probability", [-0.1, 1.5])
def test_a_probability_out_of_range_is_refused(probability: float) -> None:
    with pytest.raises(ContractError, match=rf"probability must be 0\.\.1, got {probability}"):
        PageCache(bandwidth_bytes_per_s=1, probability=probability)


def test_a_cache_without_bandwidth_is_refused() -> None:
    with pytest.raises(ContractError, match="bandwidth_bytes_per_s must be positive, got 0"):
        PageCache(bandwidth_bytes_per_s=0)
