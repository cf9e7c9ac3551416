"""Seeded samples of the durations of a run, shared by SimPy and the recursion.

Bandwidth of read i is multiplied by exp(sigma z_i), z first-order autoregressive over the reads
with unit variance; the compute of each layer by exp(sigma z), independent. Median factor 1.
Request overhead, decoding and the fixed part stay as they are. Durations are rounded up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import ContractError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plan_contracts import StorageJitter
    from simulator.workload import Durations

LARGEST_SUM_US = 2**53
"""Up to here every whole number of microseconds has a float of its own."""


def sample(
    durations: Durations, *, storage: StorageJitter, compute_sigma: float, runs: int, seed: int
) -> Durations:
    """`runs` samples of all durations; equal arguments give equal samples.

    ContractError if `runs` is not positive, or a spread so large that sums are no longer exact.
    Reads and layers draw from streams of their own, each row after row: plans of different depth
    and width share the samples of the reads and layers they have in common.
    """
    if runs < 1:
        message = f"runs must be positive, got {runs}"
        raise ContractError(message)
    of_reads, of_layers = np.random.default_rng(seed).spawn(2)
    reads, layers = len(durations.transfer_us), len(durations.compute_us)
    z_reads = autoregressive(of_reads.standard_normal((reads, runs)), storage.autocorrelation)
    z_layers = of_layers.standard_normal((layers, runs))
    return replace(
        durations,
        transfer_us=_scaled(durations.transfer_us, -storage.bandwidth_sigma, z_reads),
        compute_us=_scaled(durations.compute_us, compute_sigma, z_layers),
    )


def autoregressive(noise: NDArray[np.float64], autocorrelation: float) -> NDArray[np.float64]:
    """AR(1) along the first axis with unit variance, from independent unit normals, in place."""
    noise[1:] *= np.sqrt(1 - autocorrelation**2)
    for index in range(1, len(noise)):
        noise[index] += autocorrelation * noise[index - 1]
    return noise


def _scaled(
    duration_us: NDArray[np.int64], sigma: float, z: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Durations times exp(sigma z), rounded up; works in place, as z is large and ours."""
    with np.errstate(over="ignore", invalid="ignore"):
        z *= sigma
        scaled = np.exp(z, out=z)
        scaled *= duration_us[:, None]
        np.ceil(scaled, out=scaled)
    if not (scaled.sum(axis=0) <= LARGEST_SUM_US).all():
        message = (
            f"jitter must keep the sum of a run's durations within {LARGEST_SUM_US} us, "
            f"got a spread of {abs(sigma)}"
        )
        raise ContractError(message)
    return scaled.astype(np.int64)
