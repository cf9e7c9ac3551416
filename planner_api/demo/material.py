"""What the demo plans from: the example model's store and importance table, kept in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plan_contracts import ImportanceTable
from planner_api.commands.build import progress
from shard_builder.calibration import EXAMPLE_TEXT, calibrate
from shard_builder.commands import REVIEWS, ProfileOptions, profile, read_sentences
from shard_builder.example_model import sentiment_checkpoint
from shard_builder.store_writer import StoreOptions, build_store
from shard_runtime.store import ShardStore

if TYPE_CHECKING:
    from pathlib import Path

    from shard_builder.task_file import Text

PROFILED_SENTENCES = 96
PROFILED_LENGTH = 64
WORKERS = 2


def example_store(folder: Path) -> ShardStore:
    """The example model's store in this folder, built unless it is there.

    BuilderError if the example model is not installed, ShardRuntimeError for a damaged store.
    """
    if not folder.exists():
        checkpoint = sentiment_checkpoint()
        with progress("calibration") as report:
            options = StoreOptions(calibration=calibrate(checkpoint, EXAMPLE_TEXT, progress=report))
        with progress("layers") as report:
            build_store(checkpoint, folder, options=options, workers=WORKERS, progress=report)
    return ShardStore.open(folder)


def example_table(store: ShardStore, file: Path) -> ImportanceTable:
    """The store's importance table in this file, measured unless it is there."""
    if file.exists():
        table = ImportanceTable.from_file(file)
        if table.model_digest == store.digest:
            return table
    options = ProfileOptions(
        text=REVIEWS, sentences=PROFILED_SENTENCES, sequence_length=PROFILED_LENGTH
    )
    with progress("measurements") as report:
        return profile(store.folder, file, options=options, workers=WORKERS, progress=report).table


def held_out_sentences() -> tuple[Text, ...]:
    """Sentences that neither rounding nor the table was fitted to."""
    return read_sentences(REVIEWS, None)[PROFILED_SENTENCES:]
