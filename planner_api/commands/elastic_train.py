"""`shardstream elastic-train`: one set of weights that answers at every depth and width."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from planner_api.commands.build import checkpoint_folder, progress
from shard_builder.checkpoint import read_checkpoint
from shard_builder.errors import TrainingError
from shard_builder.task_file import Columns, read_task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shard_builder.elastic.accuracy import AccuracyTable
    from shard_builder.elastic.settings import TrainingSettings

FEWEST_LABELS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskFiles:
    """A file to train on, one to test on, their columns, and the names of the classes.

    No `labels`: those of the checkpoint.
    """

    train: Path
    test: Path | None
    columns: Columns
    labels: Sequence[str]


def elastic_train(
    checkpoint: str, files: TaskFiles, out: Path, *, settings: TrainingSettings
) -> None:
    """Train a checkpoint folder, or the installed example, and print accuracies."""
    folder = checkpoint_folder(checkpoint)
    labels = tuple(files.labels) or read_checkpoint(folder).architecture.labels
    _check(labels)
    train = read_task(files.train, labels, files.columns)
    test = None if files.test is None else read_task(files.test, labels, files.columns)
    if find_spec("torch") is None:
        message = "elastic-train needs torch: pip install 'shardstream[train]'"
        raise TrainingError(message)
    from shard_builder.elastic.run import ElasticTask  # noqa: PLC0415 - torch is an extra
    from shard_builder.elastic.run import elastic_train as run  # noqa: PLC0415

    task = ElasticTask(train=train, test=test, labels=labels)
    with progress("batches") as report:
        found = run(folder, task, out, settings=settings, progress=report)
    console = Console()
    show_accuracy(console, f"{settings.held_out_rows} held-out rows", found.held_out)
    if found.test is not None and files.test is not None:
        show_accuracy(console, files.test.name, found.test)
    console.print(f"written to {out}")


def _check(labels: tuple[str, ...]) -> None:
    if len(labels) < FEWEST_LABELS:
        message = f"a checkpoint without classes needs --labels, two or more, got {len(labels)}"
        raise TrainingError(message)
    if len(set(labels)) < len(labels) or "" in labels:
        message = f"--labels must be different names, none of them empty, got {list(labels)}"
        raise TrainingError(message)


def show_accuracy(console: Console, rows: str, accuracy: AccuracyTable) -> None:
    """A row for each depth, a column for each width; eleven widths fit 80 characters."""
    console.print(f"accuracy, {rows}: by depth (down) and width", soft_wrap=True)
    widths = list(next(iter(accuracy.values())))
    table = Table("", *map(str, widths), box=SIMPLE, padding=0)
    for depth, row in accuracy.items():
        table.add_row(str(depth), *(f"{row[width]:.3f}" for width in widths))
    console.print(table)
