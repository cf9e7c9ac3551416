"""What the demo plans from: the example model's store and importance table, kept in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plan_contracts import ImportanceTable
from planner_api.commands.build import progress
from shard_builder.checkpoint import read_checkpoint
from shard_builder.commands import SENTENCES, ProfileOptions, profile, read_sentences
from shard_builder.example_model import MODEL_NAME, example_checkpoint
from shard_builder.store_writer import build_store
from shard_runtime.store import ShardStore

if TYPE_CHECKING:
    from pathlib import Path

PROFILED_SENTENCES = 32
PROFILED_LENGTH = 32
WORKERS = 2


def example_store(folder: Path) -> ShardStore:
    """The example model's store in this folder, built unless it is there.

    BuilderError if the example model is not installed, ShardRuntimeError for a damaged store.
    """
    if not folder.exists():
        checkpoint = read_checkpoint(example_checkpoint(), model=MODEL_NAME)
        with progress("layers") as report:
            build_store(checkpoint, folder, workers=WORKERS, progress=report)
    return ShardStore.open(folder)


def example_table(store: ShardStore, file: Path) -> ImportanceTable:
    """The store's importance table in this file, measured unless it is there."""
    if file.exists():
        table = ImportanceTable.from_file(file)
        if table.model_digest == store.digest:
            return table
    options = ProfileOptions(sentences=PROFILED_SENTENCES, sequence_length=PROFILED_LENGTH)
    with progress("measurements") as report:
        return profile(store.folder, file, options=options, workers=WORKERS, progress=report).table


def held_out_sentences() -> tuple[str, ...]:
    """Sentences that the table was not measured on."""
    return read_sentences(SENTENCES, None)[PROFILED_SENTENCES:]
