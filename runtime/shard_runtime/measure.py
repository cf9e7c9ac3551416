"""Measuring this machine: a DeviceProfile from runs of the very pipeline it is to predict.

All times come from the traces of real runs (`Pipeline`), so they contain what a run contains:
digest checks, the other thread, caches as they are between layers. In each run all layers but the
last are preloaded: they are decoded and computed without a pause, while the last one streams in.
(A layer that had to wait is slower, its caches gone cold, but then the reads decide the latency.)
Every round runs each configuration once, so a machine that slows down for a while slows all of
them alike. A number is the median over the rounds of a run's mean, rounded up.
"""

from __future__ import annotations

import math
import os
import statistics
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from plan_contracts import Compute, DeviceProfile, Provenance, Storage
from shard_runtime.errors import InputError
from shard_runtime.executor import uniform_layers
from shard_runtime.pipeline import Pipeline, Schedule
from shard_runtime.reader import forget_cached
from shard_runtime.tokens import pad_tokens
from shard_runtime.weights import ShardShape

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Sequence

    from plan_contracts import ModelManifest, Span
    from shard_runtime.execution import Machine, Run

MOST_LAYERS = 4
MOST_WIDTHS = 12
"""Bounds on the layers of a run and the widths that are measured; others are interpolated."""

MICROSECONDS_PER_SECOND = 1_000_000
QUARTILES_PER_SIGMA = 1.349
"""The interquartile range of a normal distribution, in standard deviations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasureOptions:
    """What to measure, and what to say about it in the profile."""

    sequence_lengths: tuple[int, ...]
    name: str
    description: str
    source: str
    date: dt.date
    rounds: int = 7
    cold: bool = True


class Configuration(NamedTuple):
    """One kind of run: one bitwidth, so many slices in each layer, so many tokens."""

    bits: int
    width: int
    sequence_length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """Means over one run, in bytes and microseconds."""

    configuration: Configuration
    read_bytes: float
    read_us: float
    decode_us: float
    layer_us: float
    fixed_us: float
    working_bytes: int


def measure(
    machine: Machine, options: MeasureOptions, report: Callable[[str], None] = lambda _line: None
) -> DeviceProfile:
    """Run every configuration `rounds` times, after one round that does not count.

    `report` is given a line for each round. StoreError if a read fails, InputError if the options
    leave nothing to measure.
    """
    _check_options(options)
    configurations = choose_configurations(machine.store.manifest, options.sequence_lengths)
    rounds: list[list[Observation]] = []
    for number in range(options.rounds + 1):
        report(f"round {number} of {options.rounds}" + ("" if number else " (warm-up)"))
        observed = [_observe(configuration, machine, options) for configuration in configurations]
        if number:
            rounds.append(observed)
    return to_profile(machine.store.manifest, rounds, options)


def choose_configurations(
    manifest: ModelManifest, sequence_lengths: Iterable[int]
) -> list[Configuration]:
    """Every bitwidth at the full width, every width at the lowest bitwidth, for each length."""
    widest, lowest = manifest.widths[-1], manifest.bitwidths[0]
    narrower = _spread_out(manifest.widths[:-1], MOST_WIDTHS - 1)
    return [
        Configuration(bits, width, length)
        for length in sequence_lengths
        for bits, width in (
            *((bits, widest) for bits in manifest.bitwidths),
            *((lowest, width) for width in narrower),
        )
    ]


def to_profile(
    manifest: ModelManifest, rounds: Sequence[Sequence[Observation]], options: MeasureOptions
) -> DeviceProfile:
    """The profile of the observations, one list a round."""
    seen = [observation for observed in rounds for observation in observed]
    widest = manifest.widths[-1]
    chains = [[o for o in observed if o.configuration.width == widest] for observed in rounds]
    fits = [fit_storage(observed) for observed in chains]
    spread = {"storage.bandwidth_bytes_per_s": relative_spread([fit[0] for fit in fits])}
    bandwidth, overhead_us = fit_storage([o for observed in chains for o in observed])
    compute: list[Compute] = []
    for length in options.sequence_lengths:
        of_length = [o for o in seen if o.configuration.sequence_length == length]
        compute.append(_compute(manifest, of_length, length, spread))
    return DeviceProfile(
        name=options.name,
        description=options.description,
        provenance=Provenance(
            kind="measured",
            source=options.source,
            date=options.date,
            samples=len(rounds),
            spread={name: round(value, 4) for name, value in spread.items()},
        ),
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        storage=Storage(
            bandwidth_bytes_per_s=math.floor(bandwidth), request_overhead_us=math.ceil(overhead_us)
        ),
        compute=tuple(compute),
    )


def fit_storage(observed: Sequence[Observation]) -> tuple[float, float]:
    """Bandwidth in bytes/s and overhead in us of `overhead + bytes / bandwidth`, robustly.

    A line through the median time at each bitwidth's mean size: its slope is the median of the
    slopes between all pairs, weighted by their distance in size (Theil-Sen); at least 0 overhead.
    """
    points = [
        (
            statistics.fmean(o.read_bytes for o in of_bits),
            statistics.median(o.read_us for o in of_bits),
        )
        for of_bits in _grouped(observed, lambda o: o.configuration.bits).values()
    ]
    slopes = [
        ((high[1] - low[1]) / (high[0] - low[0]), high[0] - low[0])
        for low, high in combinations(sorted(points), 2)
        if high[0] > low[0]
    ]
    slope = _weighted_median(slopes) if slopes else 0.0
    overhead = statistics.median(us - slope * size for size, us in points)
    if slope <= 0 or overhead < 0:
        slope, overhead = statistics.median(us / size for size, us in points), 0.0
    return MICROSECONDS_PER_SECOND / slope, overhead


def relative_spread(values: Sequence[float]) -> float:
    """Interquartile range over median; 0 for fewer than two values or a median of 0."""
    middle = statistics.median(values)
    if len(values) < 2 or middle == 0:  # noqa: PLR2004 - one value has no spread
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / middle


def summarise_run(configuration: Configuration, run: Run) -> Observation:
    """Means over the layers before the one that streams; reads by the time of their chain."""
    reads = [span for span in run.spans if span.kind == "read"]
    fixed = [span for span in run.spans if span.kind == "compute" and not span.slices]
    last = reads[0].layer
    busy = [span for span in run.spans if span.slices and (span.layer < last or last == 0)]
    return Observation(
        configuration=configuration,
        read_bytes=statistics.fmean(span.bytes for span in reads),
        read_us=(reads[-1].end_us - reads[0].start_us) / len(reads),
        decode_us=statistics.fmean(_duration(span) for span in busy if span.kind == "decode"),
        layer_us=statistics.fmean(_duration(span) for span in busy if span.kind == "compute"),
        fixed_us=sum(map(_duration, fixed)),
        working_bytes=run.working_bytes,
    )


def _observe(
    configuration: Configuration, machine: Machine, options: MeasureOptions
) -> Observation:
    manifest, length = machine.store.manifest, configuration.sequence_length
    depth = min(manifest.layers, MOST_LAYERS)
    layers = uniform_layers(
        manifest,
        configuration.bits,
        depth=depth,
        width=configuration.width,
        preloaded_layers=depth - 1,
    )
    schedule = Schedule(layers=layers, read_ahead_layers=None, sequence_length=length)
    pipeline = Pipeline(schedule, machine)
    if options.cold:
        forget_cached(machine.store.shard_files())
    pad = machine.store.architecture.pad_token
    return summarise_run(configuration, pipeline.run(pad_tokens([pad] * length, length)))


def _compute(
    manifest: ModelManifest, seen: Sequence[Observation], length: int, spread: dict[str, float]
) -> Compute:
    """The compute entry of one sequence length; adds the spread of its fields."""
    prefix = f"compute.{length}"

    def table(name: str, groups: dict[int, list[float]]) -> dict[int, int]:
        spread.update({f"{prefix}.{name}.{k}": relative_spread(v) for k, v in groups.items()})
        return {key: math.ceil(statistics.median(groups[key])) for key in sorted(groups)}

    by_width = _grouped(seen, lambda o: o.configuration.width)
    by_bits = _grouped(seen, lambda o: o.configuration.bits)
    fixed = [o.fixed_us for o in seen]
    spread[f"{prefix}.fixed_us"] = relative_spread(fixed)
    return Compute(
        target="cpu",
        geometry=manifest.geometry,
        sequence_length=length,
        layer_us=table("layer_us", {m: [o.layer_us for o in of] for m, of in by_width.items()}),
        shard_decode_us=table(
            "shard_decode_us", {b: [o.decode_us for o in of] for b, of in by_bits.items()}
        ),
        fixed_us=math.ceil(statistics.median(fixed)),
        activation_bytes=max(o.working_bytes for o in seen) + _further_bias_bytes(manifest),
        jitter_sigma=round(_sigma(by_width), 4),
    )


def _further_bias_bytes(manifest: ModelManifest) -> int:
    """Biases of the layers that a whole run has and a measured one leaves out."""
    further_layers = manifest.layers - min(manifest.layers, MOST_LAYERS)
    return further_layers * manifest.slices * ShardShape.of(manifest.geometry).bias_bytes


def _sigma(by_width: dict[int, list[Observation]]) -> float:
    """Standard deviation of the logarithm of a layer's time around its width's median."""
    logs: list[float] = []
    for observed in by_width.values():
        middle = statistics.median(o.layer_us for o in observed)
        logs += [math.log(o.layer_us / middle) for o in observed]
    low, _, high = statistics.quantiles(logs, n=4, method="inclusive")
    return (high - low) / QUARTILES_PER_SIGMA


def _check_options(options: MeasureOptions) -> None:
    if options.rounds < 1:
        message = f"rounds must be at least 1, got {options.rounds}"
        raise InputError(message)
    if not options.sequence_lengths or min(options.sequence_lengths) < 1:
        message = f"sequence lengths must be at least 1, got {list(options.sequence_lengths)}"
        raise InputError(message)
    if len(set(options.sequence_lengths)) < len(options.sequence_lengths):
        message = f"sequence lengths must differ, got {list(options.sequence_lengths)}"
        raise InputError(message)


def _spread_out(values: Sequence[int], most: int) -> list[int]:
    """At most `most` of the values, evenly, the first among them."""
    step = max(1, math.ceil(len(values) / most))
    return list(values[::step])


def _grouped(
    observed: Iterable[Observation], key: Callable[[Observation], int]
) -> dict[int, list[Observation]]:
    groups: dict[int, list[Observation]] = {}
    for observation in observed:
        groups.setdefault(key(observation), []).append(observation)
    return groups


def _weighted_median(values: Sequence[tuple[float, float]]) -> float:
    """The value at which half of the weight is reached; (value, weight) pairs."""
    half = sum(weight for _, weight in values) / 2
    reached = 0.0
    for value, weight in sorted(values):
        reached += weight
        if reached >= half:
            return value
    message = "a weighted median needs values"
    raise ValueError(message)


def _duration(span: Span) -> int:
    return span.end_us - span.start_us
