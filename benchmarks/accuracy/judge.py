"""Answers of one store to the texts that plans are judged by, each distinct choice run once.

Answers are kept in a folder, so that an interrupted benchmark goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.accuracy.cases import SEQUENCE_LENGTH
from shard_builder.evaluate import Evaluator
from shard_builder.importance.distance import metric_of
from shard_builder.inputs import many_at_a_time
from shard_runtime.engine import load_engine
from shard_runtime.executor import uniform_layers
from shard_runtime.store import ShardStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from plan_contracts import PlannedLayer
    from shard_builder.importance.distance import Distances
    from shard_builder.importance.submodel import Size
    from shard_builder.task_file import Task
    from shard_runtime.weights import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Judged:
    """What a model answers to the texts that it is judged by; by text (texts,).

    `distances` to the answers that it is held against. `right` is None without labels.
    """

    distances: NDArray[np.float64]
    right: NDArray[np.bool_] | None

    @property
    def distance(self) -> float:
        """Mean distance: KL divergence in nats for classifiers."""
        return float(self.distances.mean())

    @property
    def accuracy(self) -> float | None:
        """Share of right answers."""
        return None if self.right is None else float(self.right.mean())


class Judge:
    """Runs choices of shards on a task; where shards lie before a run changes no answer."""

    def __init__(self, folder: Path, task: Task, kept: Path) -> None:
        self.store = ShardStore.open(folder)
        self.task = task
        self._kept = kept
        self._identity = f"{self.store.digest} {SEQUENCE_LENGTH} {task.texts}"
        inputs = many_at_a_time(self.store, task.texts, SEQUENCE_LENGTH)
        self._evaluator = Evaluator(self.store, inputs, load_engine("auto", self.store))
        self._metric = metric_of(self.store.architecture)

    def outputs(self, layers: Sequence[PlannedLayer]) -> FloatArray:
        """(texts, outputs) of the model made of these shards."""
        shards = [[(s.slice, s.bits) for s in layer.shards] for layer in layers]
        name = hashlib.sha256(f"{self._identity} {shards}".encode()).hexdigest()
        file = self._kept / f"{name}.npy"
        if not file.exists():
            self._kept.mkdir(parents=True, exist_ok=True)
            written = file.with_suffix(f".{os.getpid()}.npy")
            np.save(written, self._evaluator.outputs(layers))
            written.replace(file)
        return np.load(file)

    def uniform(self, bits: int, size: Size) -> FloatArray:
        """(texts, outputs) of the first slices of the first layers, all at one bitwidth."""
        manifest = self.store.manifest
        return self.outputs(uniform_layers(manifest, bits, depth=size.depth, width=size.width))

    @property
    def full(self) -> FloatArray:
        """(texts, outputs) of the whole model at the highest bitwidth."""
        return self.outputs(uniform_layers(self.store.manifest, self.store.manifest.bitwidths[-1]))

    def distances(self, reference: FloatArray, outputs: FloatArray) -> Distances:
        """(texts,) distances of outputs to others, in the metric of the model."""
        return self._metric.distance(reference, outputs)

    def right(self, outputs: FloatArray) -> NDArray[np.bool_] | None:
        """(texts,) whether each answer is the label's; None without labels."""
        if not self.task.labels:
            return None
        return outputs.argmax(axis=1) == np.array(self.task.labels)
