"""Everything that is measured of one model, in a process of its own."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.accuracy.headline import Subject, outcomes
from benchmarks.accuracy.judge import Judge
from benchmarks.accuracy.material import OTHERS, OURS
from benchmarks.accuracy.predictor import measure
from benchmarks.accuracy.quantised import compared
from shard_builder.importance.distance import metric_of
from shard_runtime.store import ShardStore

if TYPE_CHECKING:
    from benchmarks.accuracy.headline import Outcome
    from benchmarks.accuracy.material import Material
    from benchmarks.accuracy.predictor import Prediction
    from benchmarks.accuracy.quantised import Quantised

QUANTISERS, PREDICTOR, PLANNERS = PARTS = ("quantisers", "predictor", "planners")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRun:
    """What was measured of one model; parts that nobody asked for are empty."""

    model: str
    digest: str
    texts: int
    unit: str
    quantised: tuple[Quantised, ...]
    predictions: tuple[Prediction, ...]
    split_half: float | None
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One model to measure, and which parts."""

    material: Material
    parts: tuple[str, ...]


def run_model(job: Job) -> ModelRun:
    """Build or find the stores and the table, then measure the parts; says what it is doing."""
    material, parts = job.material, job.parts
    note = _Note(material.checkpoint.name)
    note("store")
    folder = material.store(OURS)
    store = ShardStore.open(folder)
    judge = Judge(folder, material.judged(store), material.answers)
    quantised: tuple[Quantised, ...] = ()
    if QUANTISERS in parts:
        note("quantisers")
        judges = {
            name: Judge(material.store(name), judge.task, material.answers) for name in OTHERS
        }
        quantised = tuple(compared(judge, {**judges, OURS: judge}))
    split_half, found, predictions = None, (), ()
    if PLANNERS in parts or PREDICTOR in parts:
        note("importance table")
        table, split_half = material.profile()
        if PLANNERS in parts:
            chooser = Judge(folder, material.choice, material.answers)
            subject = Subject(table=table, judge=judge, chooser=chooser)
            found = tuple(outcomes(subject, material.scale, note))
        if PREDICTOR in parts:
            note("predictions")
            unseen = Judge(folder, material.predicted, material.answers)
            predictions = measure(table, unseen, plans=material.scale.random_plans)
    note("done")
    return ModelRun(
        model=material.checkpoint.name,
        digest=store.digest,
        texts=len(judge.task.texts),
        unit=metric_of(store.architecture).unit,
        quantised=quantised,
        predictions=predictions,
        split_half=split_half,
        outcomes=found,
    )


class _Note:
    """Prints what is being done, with the seconds since the start."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._start = time.monotonic()

    def __call__(self, step: str) -> None:
        seconds = time.monotonic() - self._start
        line = f"{self._model} {seconds:6.0f} s: {step}"
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress of a long command
