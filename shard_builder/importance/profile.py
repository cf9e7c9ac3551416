"""Measures an importance table: distances to the full-precision output, without labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from plan_contracts import ImportanceTable, Provenance, sha256_of
from shard_builder.errors import ProfileError
from shard_builder.importance.distance import metric_of
from shard_builder.importance.gains import (
    PRESENCE_SHARE,
    ShardDistances,
    Upgrades,
    gain_errors,
    half_gains,
    mean_gains,
    split_half,
)
from shard_builder.importance.measurement import ENGINE, Measurement, Measurer, Subject
from shard_builder.importance.measurement_log import MeasurementLog
from shard_builder.importance.quantisation import quantisation_errors
from shard_builder.importance.schedule import Schedule, small_size
from shard_builder.importance.tokens import tokenise
from shard_builder.moments import second_moments
from shard_builder.process_pool import worker_pool
from shard_builder.progress import Progress, silent
from shard_builder.stored_checkpoint import stored_checkpoint
from shard_builder.task_file import joined
from shard_runtime.engine import load_engine
from shard_runtime.store import ShardStore

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from plan_contracts import ModelManifest
    from shard_builder.importance.measurement import DistanceRows
    from shard_builder.importance.submodel import Size
    from shard_builder.moments import Moments
    from shard_builder.task_file import Text

FEWEST_BITWIDTHS = 2


@dataclass(frozen=True, kw_only=True)
class ProfileRequest:
    """What to profile: a store, the text to run it on, and what the table says about itself.

    Sentences longer than `sequence_length` tokens are cut. `text` names the sentences.
    """

    store: Path
    sentences: tuple[Text, ...]
    sequence_length: int
    text: str
    date: dt.date
    task: str = "label-free"


class Profile(NamedTuple):
    """An importance table, and how far two halves of the text agree on its gains.

    `split_half`: mean rank correlation of the gains at the highest bitwidth, of 50 ways to halve
    the sentences; None for a single sentence.
    """

    table: ImportanceTable
    split_half: float | None


def profile_importance(
    request: ProfileRequest,
    *,
    workers: int = 1,
    log_path: Path | None = None,
    progress: Progress = silent,
) -> Profile:
    """Measure gains of every shard, and base and full of every depth and width.

    Scores are negative distances to the output at the store's highest bitwidth: KL divergence in
    nats for classifiers, cosine distance for encoders. With a `log_path`, finished measurements
    are kept there and the same call goes on from them, to the identical table. `progress` counts
    measurements. ProfileError if store or text cannot be profiled.
    """
    store = ShardStore.open(request.store)
    subject = Subject(
        store=request.store,
        sentences=request.sentences,
        sequence_length=request.sequence_length,
    )
    _check(store, subject)
    identity = _identity(store.manifest, subject)
    with (
        MeasurementLog(log_path, identity) as log,
        worker_pool(Measurer(subject), workers=workers) as measure_all,
    ):
        run = _Run(measure_all, log, progress, _schedule(store.manifest, subject))
        profile = _profile_of_gains(store, request, run)
        return profile._replace(table=_with_scores(profile.table, store.manifest, run))


def relative_standard_error(table: ImportanceTable) -> float | None:
    """Sum of the standard errors of the gains at the highest bitwidth over the sum of the gains.

    One figure for how far a table can be trusted; None where it has no errors or no gains.
    """
    gains = np.sum(table.gain[table.highest_bits])
    if table.stderr is None or gains == 0:
        return None
    return float(np.sum(table.stderr[table.highest_bits]) / gains)


def _check(store: ShardStore, subject: Subject) -> None:
    if not subject.sentences:
        message = "a profile needs at least 1 sentence, got none"
        raise ProfileError(message)
    bitwidths = store.manifest.bitwidths
    if len(bitwidths) < FEWEST_BITWIDTHS:
        message = f"a profile needs a store of at least 2 bitwidths, got {list(bitwidths)}"
        raise ProfileError(message)
    metric_of(store.architecture)
    tokenise(store, subject.sentences[:1], subject.sequence_length)


def _identity(manifest: ModelManifest, subject: Subject) -> str:
    """Names everything that a measurement depends on."""
    text = sha256_of("\n".join(map(joined, subject.sentences)).encode())
    return f"model {manifest.digest}, text {text}, sequence length {subject.sequence_length}"


def _schedule(manifest: ModelManifest, subject: Subject) -> Schedule:
    return Schedule(
        layers=manifest.layers,
        slices=manifest.slices,
        bitwidths=manifest.bitwidths,
        batches=subject.batches,
        small=small_size(manifest),
    )


class _Run:
    """Carries out those measurements of a schedule that the log does not have yet."""

    def __init__(
        self,
        measure_all: Callable[[Iterable[Measurement]], Iterator[DistanceRows]],
        log: MeasurementLog,
        progress: Progress,
        schedule: Schedule,
    ) -> None:
        self.schedule = schedule
        self._measure_all = measure_all
        self._log = log
        self._progress = progress

    def measure(self, measurements: Sequence[Measurement]) -> None:
        """Make sure that all of these are in the log."""
        self._progress(len(self._log.done), self.schedule.total)
        missing = [wanted for wanted in measurements if wanted.key not in self._log.done]
        for wanted, rows in zip(missing, self._measure_all(missing), strict=True):
            self._log.add(wanted.key, rows)
            self._progress(len(self._log.done), self.schedule.total)

    def distances(self, batches: Sequence[Measurement]) -> NDArray[np.float64]:
        """The batches of one measurement joined: models x sentences."""
        return np.concatenate([self._log.done[batch.key] for batch in batches], axis=1)


def _profile_of_gains(store: ShardStore, request: ProfileRequest, run: _Run) -> Profile:
    """Measure every shard; `base` of the table is still 0."""
    manifest = store.manifest
    distances = _measure_shards(run)
    errors = quantisation_errors(store, load_engine(ENGINE, store), _moments(store, request))
    presence = PRESENCE_SHARE if manifest.slice_selection == "any" else 0.0
    halves = half_gains(distances, errors, presence)
    agreement = split_half(halves) if halves else None
    metric = metric_of(store.architecture)
    table = ImportanceTable(
        model=manifest.model,
        model_digest=manifest.digest,
        task=request.task,
        metric=metric.name,
        unit=metric.unit,
        base=((0.0,) * manifest.slices,) * manifest.layers,
        gain=_as_tables(mean_gains(distances, errors, presence)),
        stderr=_as_tables(gain_errors(halves)) if halves else None,
        provenance=_provenance(request, run.schedule, agreement),
    )
    return Profile(table=table, split_half=agreement)


def _moments(store: ShardStore, request: ProfileRequest) -> Moments:
    """What the matrices of the model at its highest bitwidth are multiplied with on this text."""
    tokens = tokenise(store, request.sentences, request.sequence_length)
    return second_moments(stored_checkpoint(store, store.manifest.bitwidths[-1]), tokens)


def _measure_shards(run: _Run) -> ShardDistances:
    schedule = run.schedule
    sizes = schedule.upgraded_sizes
    run.measure([lowest for size in sizes for lowest in schedule.at_lowest(size)])
    run.measure(schedule.all_changes())
    return ShardDistances(
        whole=_measured_upgrades(run, schedule.whole),
        dropped=_by_shard(run, schedule.whole, schedule.dropped),
        small=_measured_upgrades(run, schedule.small) if schedule.small else None,
    )


def _measured_upgrades(run: _Run, size: Size) -> Upgrades:
    return Upgrades(
        lowest=run.distances(run.schedule.at_lowest(size))[0],
        upgraded=_by_shard(run, size, partial(run.schedule.upgraded, size)),
    )


def _by_shard(
    run: _Run, size: Size, of_shard: Callable[[int, int], Sequence[Measurement]]
) -> NDArray[np.float64]:
    """Distances, layers x slices x sentences."""
    return np.array(
        [
            [run.distances(of_shard(layer, index))[0] for index in range(size.width)]
            for layer in range(size.depth)
        ]
    )


def _with_scores(table: ImportanceTable, manifest: ModelManifest, run: _Run) -> ImportanceTable:
    """Measure base and full of every depth and width on the table's reference slices."""
    schedule = run.schedule
    widths = range(1, manifest.slices + 1)
    slices = {
        width: [
            table.reference_slices(layer, width, manifest.slice_selection)
            for layer in range(manifest.layers)
        ]
        for width in widths
    }
    bitwidths = (schedule.lowest, schedule.highest)
    # The widest take longest and come first, so that no worker is left with one at the end.
    run.measure(
        [
            measurement
            for width in reversed(widths)
            for bits in bitwidths
            for measurement in schedule.every_depth(bits, slices[width])
        ]
    )
    base, full = (
        [run.distances(schedule.every_depth(bits, slices[width])).mean(axis=1) for width in widths]
        for bits in bitwidths
    )
    scores = {"base": _scores(base), "full": _scores(full)}
    return ImportanceTable.model_validate(table.model_copy(update=scores).model_dump())


def _scores(distances_by_width: list[NDArray[np.float64]]) -> tuple[tuple[float, ...], ...]:
    """Negative distances, depths x widths; 0.0 minus, so that no score is -0."""
    scores = 0.0 - np.transpose(distances_by_width)
    return tuple(tuple(row) for row in scores.tolist())


def _as_tables(
    tables: dict[int, NDArray[np.float64]],
) -> dict[int, tuple[tuple[float, ...], ...]]:
    return {bits: tuple(tuple(row) for row in table.tolist()) for bits, table in tables.items()}


def _provenance(request: ProfileRequest, schedule: Schedule, agreement: float | None) -> Provenance:
    small = f" and in its first {schedule.small}" if schedule.small else ""
    agreed = "" if agreement is None else f"; rank correlation of halves {agreement:.3f}"
    return Provenance(
        kind="measured",
        source=(
            f"{len(request.sentences)} sentences of {request.text} at sequence length "
            f"{request.sequence_length}; every shard raised from {schedule.lowest} to "
            f"{schedule.upgrade} bit in the model{small}, and dropped from {schedule.highest} to "
            f"{schedule.lowest} in the model; "
            f"standard errors from halves of the sentences{agreed}"
        ),
        date=request.date,
        samples=len(request.sentences),
    )
