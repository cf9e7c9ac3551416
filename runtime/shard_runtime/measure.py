"""Measuring this machine: a DeviceProfile from runs of the very pipeline it is to predict.

All times come from the traces of real runs (`Pipeline`), so they contain what a run contains:
digest checks, wake-ups, caches as they are between layers. In each run all layers but the last are
preloaded: they are decoded and computed without a pause. Then the last one is read, and computed.

What starts after a wait starts with cold caches, and is slower. A layer's and a shard's time are
means over the layers after the first: three that follow another without a wait, and the last one,
which had to be waited for. (Some plans have only the one kind, some only the other.) What the first
layer takes longer than that is a run's, once, and counts to its fixed part.

The first shard of a layer takes longer to decode than those after it. A shard's time is that of
the widest layers, and what decoding a narrower one takes beyond it counts to the layer.

Every round runs each configuration once, so a machine that slows down for a while slows all of
them alike. A time is the trimmed mean over the rounds, rounded up: outliers do not move it, and
where a machine has a fast and a slow state it moves with their shares, while a median would jump
from the one to the other. While the rounds leave it uncertain there are more of them, up to a
limit.
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
from shard_runtime.reader import PlainReader, forget_cached
from shard_runtime.tokens import pad_tokens
from shard_runtime.weights import ShardShape

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from plan_contracts import ModelManifest, Span
    from shard_runtime.execution import Machine, Run
    from shard_runtime.reader import Reader

MOST_LAYERS = 5
MOST_WIDTHS = 12
"""Bounds on the layers of a run and the widths that are measured; others are interpolated."""

LARGEST_UNCERTAINTY = 0.02
"""Standard error of a layer's or a shard's time, as a share of it, up to which it is known."""
MOST_ROUNDS_FACTOR = 3
TRIMMED_SHARE = 0.1
"""Of the values of a trimmed mean, left out on each side."""
TRIMMED_STANDARD_ERROR = 1.03
"""Of the trimmed mean of n normal values, in standard deviations over the root of n."""

MICROSECONDS_PER_SECOND = 1_000_000
QUARTILES_PER_SIGMA = 1.349
"""The interquartile range of a normal distribution, in standard deviations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasureOptions:
    """What to measure, and what to say about it in the profile.

    `rounds` at least, and MOST_ROUNDS_FACTOR times as many at most. `cold`: with an empty page
    cache, which the storage must be measured with unless reads go past it or are paced.
    """

    sequence_lengths: tuple[int, ...]
    name: str
    description: str
    source: str
    date: dt.date
    rounds: int = 7
    cold: bool = False


class Configuration(NamedTuple):
    """One kind of run: one bitwidth, so many slices in each layer, so many tokens."""

    bits: int
    width: int
    sequence_length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """Means over one run, in bytes and microseconds; `fixed_us` is what the run takes once."""

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
    """Run every configuration round after round, after one round that does not count.

    `report` is given a line for each round. StoreError if a read fails, InputError if the options
    leave nothing to measure.
    """
    _check_options(options)
    configurations = choose_configurations(machine.store.manifest, options.sequence_lengths)
    report("round 0 (warm-up)")
    observe_round(configurations, machine, cold=options.cold)
    rounds: list[list[Observation]] = []
    while len(rounds) < options.rounds or (
        len(rounds) < MOST_ROUNDS_FACTOR * options.rounds
        and uncertainty(rounds) > LARGEST_UNCERTAINTY
    ):
        report(f"round {len(rounds) + 1} of {max(options.rounds, len(rounds) + 1)}")
        rounds.append(observe_round(configurations, machine, cold=options.cold))
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


def uncertainty(rounds: Sequence[Sequence[Observation]]) -> float:
    """The largest standard error of a configuration's mean work, as a share of it.

    Work is what its layers take, decoding included. Infinite for one round.
    """
    if len(rounds) < 2:  # noqa: PLR2004 - one value has no spread
        return math.inf
    per_spread = TRIMMED_STANDARD_ERROR / QUARTILES_PER_SIGMA / math.sqrt(len(rounds))
    return per_spread * max(
        relative_spread([o.layer_us + o.configuration.width * o.decode_us for o in of])
        for of in zip(*rounds, strict=True)
    )


def trimmed_mean(values: Sequence[float]) -> float:
    """The mean without a tenth of the values on each side: of three or more at least one."""
    left_out = max(round(TRIMMED_SHARE * len(values)), 1) if len(values) > 2 else 0  # noqa: PLR2004 - two values have no middle
    return statistics.fmean(sorted(values)[left_out : len(values) - left_out])


def relative_spread(values: Sequence[float]) -> float:
    """Interquartile range over median; 0 for fewer than two values or a median of 0."""
    middle = statistics.median(values)
    if len(values) < 2 or middle == 0:  # noqa: PLR2004 - one value has no spread
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / middle


def summarise_run(configuration: Configuration, run: Run) -> Observation:
    """Means over the layers after the first, or over the only one.

    Reads by the time of their chain; `fixed_us`: embeddings, head, and what the first layer takes
    longer than those after it.
    """
    reads = [span for span in run.spans if span.kind == "read"]
    fixed = [span for span in run.spans if span.kind == "compute" and not span.slices]
    after_first = range(1, reads[0].layer + 1) or [0]
    decode = _durations(run, "decode")
    compute = _durations(run, "compute")
    decode_us = statistics.fmean(us for layer in after_first for us in decode[layer])
    layer_us = statistics.fmean(us for layer in after_first for us in compute[layer])
    first_us = sum(decode[0]) + sum(compute[0])
    return Observation(
        configuration=configuration,
        read_bytes=statistics.fmean(span.bytes for span in reads),
        read_us=(reads[-1].end_us - reads[0].start_us) / len(reads),
        decode_us=decode_us,
        layer_us=layer_us,
        fixed_us=sum(map(_duration, fixed)) + first_us - len(decode[0]) * decode_us - layer_us,
        working_bytes=run.working_bytes,
    )


def _durations(run: Run, kind: str) -> dict[int, list[int]]:
    """How long each step of a kind took, by layer; embeddings and head left out."""
    durations: dict[int, list[int]] = {}
    for span in run.spans:
        if span.kind == kind and span.slices:
            durations.setdefault(span.layer, []).append(_duration(span))
    return durations


def observe_round(
    configurations: Sequence[Configuration], machine: Machine, *, cold: bool
) -> list[Observation]:
    """One run of each configuration, from an empty page cache if `cold`."""
    preload_reader = PlainReader()
    try:
        return [_observe(c, machine, preload_reader, cold=cold) for c in configurations]
    finally:
        preload_reader.close()


def _observe(
    configuration: Configuration, machine: Machine, preload_reader: Reader, *, cold: bool
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
    schedule = Schedule(layers=layers, read_ahead_layers=0, sequence_length=length)
    pipeline = Pipeline(schedule, machine, preload_reader)
    if cold:
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
        return {key: math.ceil(trimmed_mean(groups[key])) for key in sorted(groups)}

    by_width = _grouped(seen, lambda o: o.configuration.width)
    by_bits = _grouped(by_width[max(by_width)], lambda o: o.configuration.bits)
    decode = {bits: [o.decode_us for o in of] for bits, of in by_bits.items()}
    decode_us = {bits: trimmed_mean(values) for bits, values in decode.items()}
    fixed = [o.fixed_us for o in seen]
    spread[f"{prefix}.fixed_us"] = relative_spread(fixed)
    layer_us = table(
        "layer_us",
        {m: [_beside_shards_us(o, decode_us) for o in of] for m, of in by_width.items()},
    )
    fastest_us = {m: math.ceil(min(o.layer_us for o in of)) for m, of in by_width.items()}
    return Compute(
        target="cpu",
        geometry=manifest.geometry,
        sequence_length=length,
        layer_us={m: max(us, fastest_us[m]) for m, us in layer_us.items()},
        shard_decode_us=table("shard_decode_us", decode),
        fixed_us=max(0, math.ceil(trimmed_mean(fixed))),
        activation_bytes=max(o.working_bytes for o in seen) + _further_bias_bytes(manifest),
        jitter_sigma=round(_sigma(by_width), 4),
    )


def _beside_shards_us(observed: Observation, shard_us: Mapping[int, float]) -> float:
    """A layer's time, with what its decoding takes beyond the times of its shards; not below 0."""
    beyond_us = observed.decode_us - shard_us[observed.configuration.bits]
    return max(0.0, observed.layer_us + observed.configuration.width * beyond_us)


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
