"""From measured runs to a newer profile of the device that made them.

What was measured replaces what the profile says; a width or bitwidth that no run had is scaled by
the median factor of those that did, as a device mostly grows slower as a whole. Everything is a
median, so that a few bad runs move nothing; they are left out all the same, and named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, get_args

import numpy as np

from plan_contracts import ContractError, DeviceProfile, Provenance, StorageJitter
from simulator.measured import MeasuredRun, Part, Steps, steps_of
from simulator.robust import line, outliers, spread
from simulator.run import monte_carlo

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from plan_contracts import Compute, ModelManifest, Plan, Storage

    Good = Mapping[Part, Sequence[Steps]]
    Json = Mapping[str, "Json"] | list["Json"] | str | float | None

__all__ = [
    "CalibratedNumber",
    "Calibration",
    "MeasuredRun",
    "Outlier",
    "calibrate",
    "hit_probability",
    "moved_to",
]

LEAST_RUNS = 3
LEAST_SAMPLES = 30
"""For a spread: fewer say too little about it, and the profile keeps its own."""

LEAST_SIZE_RATIO = 1.2
"""Between the largest and smallest read, to tell request overhead from bandwidth."""

MICROSECONDS_PER_SECOND = 1_000_000
LARGEST_AUTOCORRELATION = 0.99
CLIPPED_SIGMAS = (-3, 3)
ALIKE_SIZE_RATIO = 1.1
"""Reads within about this ratio count as of one size."""

DIGITS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlier:
    """A run of which one part took `factor` times as long as usual."""

    run: str
    part: Part
    factor: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibratedNumber:
    """A number of the profile by its place, before and after."""

    field: str
    before: float | None
    after: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """A newer profile, what changed in it, and what was left out."""

    profile: DeviceProfile
    numbers: tuple[CalibratedNumber, ...]
    outliers: tuple[Outlier, ...]


def calibrate(profile: DeviceProfile, runs: Sequence[MeasuredRun], *, date: dt.date) -> Calibration:
    """The profile as these runs measured it.

    ContractError for fewer than LEAST_RUNS runs, a simulated one, or one that fits none of the
    profile's compute entries.
    """
    if len(runs) < LEAST_RUNS:
        message = f"a calibration needs at least {LEAST_RUNS} measured runs, got {len(runs)}"
        raise ContractError(message)
    steps = [steps_of(profile, run) for run in runs]
    outlying = tuple(_outliers(steps))
    names = {(outlier.run, outlier.part) for outlier in outlying}
    good: Good = {p: [s for s in steps if (s.run, p) not in names] for p in get_args(Part)}
    provenance = Provenance(
        kind="measured", source=f"calibrated by {len(runs)} runs", date=date, samples=len(runs)
    )
    compute = [
        _compute(entry, {p: [s for s in good[p] if s.entry == index] for p in good}, provenance)
        for index, entry in enumerate(profile.compute)
    ]
    newer = profile.model_copy(
        update={
            "storage": _storage(profile.storage, good["reads"], provenance),
            "compute": tuple(compute),
        }
    )
    return Calibration(
        profile=DeviceProfile.from_json(newer.to_json()),
        numbers=tuple(_changed_numbers(profile, newer)),
        outliers=outlying,
    )


def hit_probability(
    plan: Plan, device: DeviceProfile, model: ModelManifest, *, runs: int, seed: int
) -> float:
    """Share of runs in which a plan keeps to its target on a device it need not be made for."""
    latencies = monte_carlo(moved_to(plan, device), device, model, runs=runs, seed=seed)
    return float(np.mean(latencies <= plan.target.latency_us))


def moved_to(plan: Plan, device: DeviceProfile) -> Plan:
    """The same plan as if it had been made for this device; its prediction is still the old one."""
    return plan.model_copy(update={"id": None, "device_digest": device.digest}).sealed()


def _outliers(steps: Sequence[Steps]) -> Iterator[Outlier]:
    for part in get_args(Part):
        factors = {step.run: step.factors[part] for step in steps if part in step.factors}
        for run, factor in outliers(factors).items():
            yield Outlier(run=run, part=part, factor=round(factor, DIGITS))


def _storage(storage: Storage, steps: Sequence[Steps], provenance: Provenance) -> Storage:
    """Bandwidth and overhead, or a table scaled; the spread too where reads come one by one."""
    reads = [read for step in steps for read in step.reads]
    if not reads:
        return storage
    update: dict[str, object] = {"provenance": provenance}
    if storage.read_us_by_bytes is not None:
        factor = _median_factor(steps, "reads")
        table = storage.read_us_by_bytes
        update["read_us_by_bytes"] = {size: math.ceil(us * factor) for size, us in table.items()}
    elif storage.queue_depth == 1:
        update |= _affine(storage, reads)
    else:
        factor = _median_factor(steps, "reads")
        bandwidth = (storage.bandwidth_bytes_per_s or 1) / factor
        update["bandwidth_bytes_per_s"] = max(1, math.floor(bandwidth))
    fitted = storage.model_copy(update=update)
    if storage.queue_depth == 1 and len(reads) >= LEAST_SAMPLES:
        fitted = fitted.model_copy(update={"jitter": _jitter(fitted, steps)})
    return fitted


def _affine(storage: Storage, reads: Sequence[tuple[int, int]]) -> dict[str, int]:
    """Bandwidth and overhead by a line through the reads; the old overhead if all are alike."""
    points = _medians_by_size(reads)
    if points[-1][0] >= LEAST_SIZE_RATIO * points[0][0]:
        slope, overhead_us = line(points)
        if slope > 0 and overhead_us >= 0:
            return {
                "bandwidth_bytes_per_s": max(1, math.floor(MICROSECONDS_PER_SECOND / slope)),
                "request_overhead_us": math.ceil(overhead_us),
            }
    middle_us = float(np.median([us for _, us in reads]))
    old_us = storage.request_overhead_us if storage.request_overhead_us < middle_us else 0
    rate = np.median([size for size, _ in reads]) / (middle_us - old_us)
    return {
        "bandwidth_bytes_per_s": max(1, math.floor(rate * MICROSECONDS_PER_SECOND)),
        "request_overhead_us": old_us,
    }


def _medians_by_size(reads: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    """(median bytes, median us) of the reads of about one size each, the smallest first."""
    groups: dict[int, list[tuple[int, int]]] = {}
    for size, us in reads:
        groups.setdefault(round(math.log(size) / math.log(ALIKE_SIZE_RATIO)), []).append((size, us))
    medians = [np.median(np.array(group), axis=0) for group in groups.values()]
    return sorted((float(size), float(us)) for size, us in medians)


def _jitter(storage: Storage, steps: Sequence[Steps]) -> StorageJitter:
    """Spread of the bandwidth from read to read, and how alike neighbours are."""
    runs = [[_log_bandwidth(storage, *read) for read in step.reads] for step in steps]
    logs = [value for run in runs for value in run]
    sigma = spread(logs)
    if sigma == 0:
        return StorageJitter()
    clipped = [np.clip((np.array(r) - np.median(logs)) / sigma, *CLIPPED_SIGMAS) for r in runs]
    products = [a * b for run in clipped for a, b in pairwise(run)]
    squares = [a * a for run in clipped for a in run]
    correlation = float(np.mean(products) / np.mean(squares)) if products else 0.0
    return StorageJitter(
        bandwidth_sigma=round(sigma, DIGITS),
        autocorrelation=round(min(max(correlation, 0.0), LARGEST_AUTOCORRELATION), DIGITS),
    )


def _log_bandwidth(storage: Storage, size: int, us: int) -> float:
    """Logarithm of the factor on the bandwidth in this read."""
    transfer_us = max(1, us - storage.request_overhead_us)
    return math.log(max(1, storage.transfer_us(size)) / transfer_us)


def _compute(entry: Compute, good: Good, provenance: Provenance) -> Compute:
    """Layer and decode times, the fixed part, and the spread of layers where there are enough."""
    if not any(good.values()):
        return entry
    fixed = [step.fixed for step in good["fixed"] if step.fixed is not None]
    layers = _merged([step.layers for step in good["layers"]])
    decode = _merged([step.decode for step in good["decode"]])
    logs = [math.log(us / np.median(same)) for same in layers.values() for us in same if us > 0]
    update: dict[str, object] = {
        "provenance": provenance,
        "layer_us": _scaled(entry.layer_us, layers, _median_factor(good["layers"], "layers")),
        "shard_decode_us": _scaled(
            entry.shard_decode_us, decode, _median_factor(good["decode"], "decode")
        ),
    }
    if fixed:
        update["fixed_us"] = math.ceil(np.median(fixed))
    if len(logs) >= LEAST_SAMPLES:
        update["jitter_sigma"] = round(spread(logs), DIGITS)
    return entry.model_copy(update=update)


def _scaled(
    table: Mapping[int, int], measured: Mapping[int, Sequence[float]], factor: float
) -> dict[int, int]:
    """Medians of what was measured, rounded up; the rest of the table times the factor."""
    scaled = {key: math.ceil(us * factor) for key, us in table.items()}
    return scaled | {key: math.ceil(np.median(measured[key])) for key in measured}


def _merged(tables: Sequence[Mapping[int, Sequence[float]]]) -> dict[int, list[float]]:
    merged: dict[int, list[float]] = {}
    for table in tables:
        for key, values in table.items():
            merged.setdefault(key, []).extend(values)
    return merged


def _median_factor(steps: Sequence[Steps], part: Part) -> float:
    factors = [step.factors[part] for step in steps if part in step.factors]
    return float(np.median(factors)) if factors else 1.0


def _changed_numbers(before: DeviceProfile, after: DeviceProfile) -> Iterator[CalibratedNumber]:
    """Every number that is another one now, by its place in the document."""
    old, new = (dict(_numbers(profile.model_dump(mode="json"))) for profile in (before, after))
    for field, value in new.items():
        if old.get(field) != value:
            yield CalibratedNumber(field=field, before=old.get(field), after=value)


def _numbers(node: Json, place: str = "") -> Iterator[tuple[str, float]]:
    """Every number below a node, provenance left out."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key != "provenance":
                yield from _numbers(value, f"{place}.{key}" if place else key)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _numbers(value, f"{place}[{index}]")
    elif isinstance(node, int | float):
        yield place, node
