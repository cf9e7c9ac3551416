"""The single measurements of a profile, each run by itself in any worker process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from shard_builder.importance.distance import metric_of
from shard_builder.importance.submodel import Size, Submodel
from shard_builder.inputs import BATCH_INPUTS, many_at_a_time
from shard_runtime.engine import load_engine
from shard_runtime.store import ShardStore

if TYPE_CHECKING:
    from pathlib import Path

    from shard_builder.task_file import Text
    from shard_runtime.weights import FloatArray

ENGINE = "numpy"
"""The engine that every installation has, so that a profile does not depend on extras."""

DistanceRows = list[list[float]]
"""One row for each model measured, one distance for each sentence of the batch."""


class Uniform(NamedTuple):
    """Every shard of a submodel at `bits`, beside the same at the highest; measures one model."""

    batch: int
    bits: int
    size: Size

    @property
    def key(self) -> str:
        """What the measurement is called in the log."""
        return f"batch {self.batch}: {self.bits} bit, {self.size}"


class OneChanged(NamedTuple):
    """Every shard of a submodel at `bits` but one, (layer, slice), at `changed`.

    Beside the same submodel at the highest bitwidth; measures one model.
    """

    batch: int
    bits: int
    size: Size
    shard: tuple[int, int]
    changed: int

    @property
    def key(self) -> str:
        """What the measurement is called in the log."""
        layer, index = self.shard
        place = f"layer {layer} slice {index}"
        return f"batch {self.batch}: {self.bits} bit, {self.size}, {place} at {self.changed}"


class EveryDepth(NamedTuple):
    """Some slices of each layer at `bits`, beside the full model.

    Measures the models of 1, 2, … layers.
    """

    batch: int
    bits: int
    slices: tuple[tuple[int, ...], ...]

    @property
    def key(self) -> str:
        """What the measurement is called in the log."""
        return f"batch {self.batch}: {self.bits} bit, width {len(self.slices[0])}, every depth"


Measurement = Uniform | OneChanged | EveryDepth


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is measured: a store on some text."""

    store: Path
    sentences: tuple[Text, ...]
    sequence_length: int

    @property
    def batches(self) -> int:
        """How many batches the sentences make."""
        return -(-len(self.sentences) // BATCH_INPUTS)


class Measurer:
    """Carries out measurements; opens the store in the process that first asks."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def __call__(self, measurement: Measurement) -> DistanceRows:
        """Distances to the output at the highest bitwidth, sentence by sentence."""
        return self._models.measure(measurement)

    @cached_property
    def _models(self) -> _OpenModels:
        return _OpenModels(self._subject)


class _OpenModels:
    def __init__(self, subject: Subject) -> None:
        store = ShardStore.open(subject.store)
        inputs = many_at_a_time(store, subject.sentences, subject.sequence_length)
        self._metric = metric_of(store.architecture)
        self._highest = store.manifest.bitwidths[-1]
        self._submodel = Submodel(store, load_engine(ENGINE, store), inputs.batches)
        self._whole = Size(store.manifest.layers, store.manifest.slices)
        self._reference = lru_cache(maxsize=None)(self._at_the_highest)

    def measure(self, measurement: Measurement) -> DistanceRows:
        size = self._whole if isinstance(measurement, EveryDepth) else measurement.size
        reference = self._reference(measurement.batch, size)
        outputs = self._outputs(measurement)
        return [self._metric.distance(reference, output).tolist() for output in outputs]

    def _outputs(self, measurement: Measurement) -> list[FloatArray]:
        match measurement:
            case Uniform():
                return [self._submodel.uniform(*measurement)]
            case OneChanged():
                return [self._submodel.with_one_changed(*measurement)]
            case EveryDepth():
                return self._submodel.by_depth(*measurement)

    def _at_the_highest(self, batch: int, size: Size) -> FloatArray:
        return self._submodel.uniform(batch, self._highest, size)
