"""A whole training run: a checkpoint folder and a task in, a new checkpoint folder out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from shard_builder.checkpoint import Checkpoint, read_checkpoint
from shard_builder.configuration import Elasticity
from shard_builder.elastic.accuracy import AccuracyTable, accuracy_table
from shard_builder.elastic.batches import TokenRows
from shard_builder.elastic.checkpoint_folder import (
    CONFIGURATION_FILE,
    REPORT_FILE,
    require_new,
    write_folder,
)
from shard_builder.elastic.export import checkpoint_tensors, classifier_configuration
from shard_builder.elastic.held_out import split_held_out
from shard_builder.elastic.train import STEPS_BETWEEN_SAVES, StateFile, predict, train
from shard_builder.elastic.training import begin, new_training
from shard_builder.errors import TrainingError
from shard_builder.pooling import read_pooling
from shard_builder.progress import Progress, silent
from shard_builder.settings_file import SettingsFile

if TYPE_CHECKING:
    from pathlib import Path

    from shard_builder.elastic.settings import TrainingSettings
    from shard_builder.task_file import Task


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """What came of a run: accuracies in float32 by depth and width.

    `test` is None where no test task was given.
    """

    settings: TrainingSettings
    training_rows: int
    held_out: AccuracyTable
    test: AccuracyTable | None


@dataclass(frozen=True, kw_only=True)
class ElasticTask:
    """Rows to train on, rows to test the result on, and the names of the classes."""

    train: Task
    labels: tuple[str, ...]
    test: Task | None = None


def elastic_train(  # noqa: PLR0913 - what, where to, how, and how it is watched
    folder: Path,
    task: ElasticTask,
    out: Path,
    *,
    settings: TrainingSettings,
    save_every: int = STEPS_BETWEEN_SAVES,
    progress: Progress = silent,
) -> TrainingReport:
    """Train the checkpoint in `folder` on a task and write the result to the new folder `out`.

    The state of training is kept in the file `<out>.training` every `save_every` batches, resumed
    from by an equal run, and removed when `out` is complete. BuilderError for bad input.
    """
    require_new(out)
    checkpoint = read_checkpoint(folder)
    elasticity = _elasticity(checkpoint, settings)
    train_task, held_out = split_held_out(task.train, settings.held_out_rows, seed=settings.seed)
    rows_of = partial(_rows, checkpoint, settings)
    training = new_training(
        checkpoint, elasticity, rows_of(train_task), train_task.labels, settings
    )
    file = StateFile(path=out.with_name(f"{out.name}.training"), every=save_every)
    state = begin(
        checkpoint, len(task.labels), settings, file.path, _digest(checkpoint, task, settings)
    )
    weights = train(training, state, file, progress)

    def accuracy(judged: Task) -> AccuracyTable:
        logits = partial(predict, training, weights, rows_of(judged))
        return accuracy_table(logits, judged.labels, elasticity)

    report = TrainingReport(
        settings=settings,
        training_rows=len(train_task.texts),
        held_out=accuracy(held_out),
        test=None if task.test is None else accuracy(task.test),
    )
    tensors = checkpoint_tensors(weights, checkpoint.architecture.family)
    documents = _documents(folder, checkpoint, task.labels, report)
    write_folder(out, tensors, documents, _tokenizer(checkpoint))
    file.path.unlink()
    return report


def _elasticity(checkpoint: Checkpoint, settings: TrainingSettings) -> Elasticity:
    return Elasticity(
        slice_selection="prefix",
        depths=settings.depths_of(len(checkpoint.layers)),
        widths=settings.widths_of(checkpoint.geometry.heads),
    )


def _tokenizer(checkpoint: Checkpoint) -> Path:
    if checkpoint.tokenizer is None:
        message = f"checkpoint {checkpoint.model} must hold tokenizer.json, it has none"
        raise TrainingError(message)
    return checkpoint.tokenizer


def _rows(checkpoint: Checkpoint, settings: TrainingSettings, task: Task) -> TokenRows:
    architecture = checkpoint.architecture
    room = architecture.maximum_positions - architecture.position_offset
    longest = min(settings.longest_tokens, room)
    return TokenRows.of(
        _tokenizer(checkpoint),
        task.texts,
        longest,
        pad_token=architecture.pad_token,
        vocabulary=len(checkpoint.resident["embeddings.word"]),
    )


def _digest(checkpoint: Checkpoint, task: ElasticTask, settings: TrainingSettings) -> str:
    """Equal for equal weights, training rows and settings: for one and the same run."""
    content = [asdict(settings), asdict(task.train), task.labels]
    digest = hashlib.sha256(json.dumps(content).encode())
    for name, values in sorted(checkpoint.resident.items()):
        digest.update(name.encode() + values.tobytes())
    for layer in checkpoint.layers:
        for matrix in layer:
            digest.update(matrix.tobytes())
    return digest.hexdigest()


def _documents(
    folder: Path, checkpoint: Checkpoint, labels: tuple[str, ...], report: TrainingReport
) -> dict[str, object]:
    """The JSON files of the trained checkpoint by name."""
    base = SettingsFile.read(read_pooling(folder).transformer / CONFIGURATION_FILE).fields
    family = checkpoint.architecture.family
    elasticity = _elasticity(checkpoint, report.settings)
    return {
        CONFIGURATION_FILE: classifier_configuration(base, family, labels, elasticity),
        REPORT_FILE: asdict(report),
    }
