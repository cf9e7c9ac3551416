"""Samples have the distribution that a device profile states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from plan_contracts import ContractError, StorageJitter
from simulator.jitter import sample
from simulator.workload import Durations

READS, LAYERS, RUNS, LONG_US = 50, 12, 2000, 1_000_000
DURATIONS = Durations(
    request_overhead_us=np.full(READS, 10),
    transfer_us=np.full(READS, LONG_US),
    decode_us=np.full(LAYERS, 5),
    compute_us=np.full(LAYERS, LONG_US),
    fixed_us=3,
    cached=np.zeros(READS, dtype=np.bool_),
)


def drawn(
    *, bandwidth: float = 0.25, autocorrelation: float = 0.8, compute: float = 0.0, seed: int = 0
) -> Durations:
    storage = StorageJitter(bandwidth_sigma=bandwidth, autocorrelation=autocorrelation)
    return sample(DURATIONS, storage=storage, compute_sigma=compute, runs=RUNS, seed=seed)


def test_bandwidth_factors_have_median_one_and_the_stated_spread() -> None:
    logarithms = np.log(LONG_US / drawn().transfer_us)
    assert np.median(logarithms) == pytest.approx(0, abs=0.02)
    assert np.std(logarithms) == pytest.approx(0.25, rel=0.03)


def test_every_read_has_the_same_spread() -> None:
    deviations = np.std(np.log(drawn().transfer_us), axis=1)
    assert deviations == pytest.approx(np.full(READS, 0.25), rel=0.1)


def test_neighbouring_reads_are_correlated_as_stated() -> None:
    logarithms = np.log(drawn().transfer_us.astype(np.float64))
    measured = np.corrcoef(logarithms[:-1].ravel(), logarithms[1:].ravel())[0, 1]
    assert measured == pytest.approx(0.8, abs=0.02)


def test_layers_vary_independently_with_the_stated_spread() -> None:
    logarithms = np.log(drawn(compute=0.1).compute_us / LONG_US)
    neighbours = np.corrcoef(logarithms[:-1].ravel(), logarithms[1:].ravel())[0, 1]
    assert np.std(logarithms) == pytest.approx(0.1, rel=0.03)
    assert neighbours == pytest.approx(0, abs=0.03)


def test_overhead_decode_and_the_fixed_part_do_not_vary() -> None:
    samples = drawn(compute=0.3)
    assert samples.request_overhead_us.tolist() == [10] * READS
    assert samples.decode_us.tolist() == [5] * LAYERS
    assert samples.fixed_us == 3


def test_without_spread_the_durations_stay_exactly_the_same() -> None:
    samples = drawn(bandwidth=0.0, compute=0.0)
    assert (samples.transfer_us == LONG_US).all()
    assert (samples.compute_us == LONG_US).all()


@pytest.mark.parametrize("runs", [0, -1])
def test_no_runs_are_refused(runs: int) -> None:
    with pytest.raises(ContractError, match=f"runs must be positive, got {runs}"):
        sample(DURATIONS, storage=StorageJitter(), compute_sigma=0.0, runs=runs, seed=0)


@pytest.mark.parametrize("spread", [20.0, 1e4, 1e300])
def test_a_spread_beyond_exact_sums_is_refused(spread: float) -> None:
    with pytest.raises(ContractError, match="must keep the sum of a run's durations within"):
        drawn(bandwidth=spread)


def test_one_run_is_a_column_of_the_samples() -> None:
    samples = drawn(compute=0.1)
    one = samples.of_run(7)
    assert one.transfer_us.tolist() == samples.transfer_us[:, 7].tolist()
    assert one.compute_us.tolist() == samples.compute_us[:, 7].tolist()


def test_compute_samples_do_not_depend_on_the_reads() -> None:
    fewer = replace(DURATIONS, transfer_us=DURATIONS.transfer_us[:3])
    storage = StorageJitter(bandwidth_sigma=0.25, autocorrelation=0.8)
    few = sample(fewer, storage=storage, compute_sigma=0.1, runs=RUNS, seed=0)
    assert (few.compute_us == drawn(compute=0.1).compute_us).all()
    assert (few.transfer_us == drawn().transfer_us[:3]).all()
