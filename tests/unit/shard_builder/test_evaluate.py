from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pytest

from checkpoints import write_checkpoint
from plan_contracts import ImportanceTable, PlannedLayer, PlannedShard
from shard_builder.checkpoint import read_checkpoint
from shard_builder.evaluate import Evaluator
from shard_builder.importance import ProfileRequest, profile_importance
from shard_builder.inputs import many_at_a_time, one_by_one
from shard_builder.store_writer import StoreOptions, build_store
from shard_runtime.engine import load_engine
from shard_runtime.executor import uniform_layers
from shard_runtime.store import ShardStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SENTENCES = ("w1 w2 w3", "w4 w5", "w6 w7 w8 w9")
LENGTH = 6


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ShardStore:
    folder: Path = tmp_path_factory.mktemp("evaluate")
    checkpoint = read_checkpoint(write_checkpoint(folder / "checkpoint"))
    build_store(checkpoint, folder / "store", options=StoreOptions(bitwidths=(2, 32)))
    return ShardStore.open(folder / "store")


@pytest.fixture(scope="module")
def evaluator(store: ShardStore) -> Evaluator:
    return evaluator_of(store, SENTENCES)


def evaluator_of(store: ShardStore, sentences: Sequence[str]) -> Evaluator:
    inputs = many_at_a_time(store, sentences, LENGTH)
    return Evaluator(store, inputs, load_engine("numpy", store))


def table_of(store: ShardStore) -> ImportanceTable:
    return profile_importance(
        ProfileRequest(
            store=store.folder,
            sentences=SENTENCES,
            sequence_length=LENGTH,
            text="words.txt",
            date=dt.date(2026, 11, 21),
        )
    ).table


def planned(slices: list[list[int]], bits: int) -> list[PlannedLayer]:
    return [
        PlannedLayer(
            layer=layer,
            shards=tuple(
                PlannedShard(slice=index, bits=bits, bytes=1, preload=False) for index in row
            ),
        )
        for layer, row in enumerate(slices)
    ]


def test_the_full_model_scores_0_for_sure(store: ShardStore, evaluator: Evaluator) -> None:
    assert evaluator.score(uniform_layers(store.manifest, 32)) == (0, 0)


@pytest.mark.parametrize("bits", [2, 32])
@pytest.mark.parametrize(("depth", "width"), [(1, 2), (2, 1), (2, 3)])
def test_a_uniform_plan_scores_what_the_importance_table_says(
    store: ShardStore, evaluator: Evaluator, bits: int, depth: int, width: int
) -> None:
    table = table_of(store)
    slices = [table.reference_slices(layer, width, "any") for layer in range(depth)]
    expected = {2: table.base, 32: table.full or ()}[bits][depth - 1][width - 1]
    assert evaluator.score(planned(slices, bits)).mean == pytest.approx(expected, rel=1e-5)


def test_the_standard_error_is_that_of_the_mean_over_sentences(
    store: ShardStore, evaluator: Evaluator
) -> None:
    layers = uniform_layers(store.manifest, 2)
    alone = [evaluator_of(store, [sentence]).score(layers) for sentence in SENTENCES]
    means = [score.mean for score in alone]
    assert [score.standard_error for score in alone] == [0, 0, 0]
    found = evaluator.score(layers)
    assert found.mean == pytest.approx(np.mean(means), rel=1e-5)
    assert found.standard_error == pytest.approx(np.std(means, ddof=1) / np.sqrt(3), rel=1e-5)


def test_outputs_stand_in_the_order_of_the_texts(store: ShardStore) -> None:
    texts = ["w1 w2 w3 w4", "w5", "w6 w7 w8", "w9 w10"]
    layers = uniform_layers(store.manifest, 2)
    together = evaluator_of(store, texts).outputs(layers)
    for text, outputs in zip(texts, together, strict=True):
        assert evaluator_of(store, [text]).outputs(layers)[0] == pytest.approx(outputs, abs=1e-5)


def test_many_texts_at_a_time_are_answered_like_one_by_one(store: ShardStore) -> None:
    layers = uniform_layers(store.manifest, 2)
    alone = Evaluator(store, one_by_one(store, SENTENCES, LENGTH), load_engine("numpy", store))
    many = evaluator_of(store, SENTENCES)
    assert many.outputs(layers) == pytest.approx(alone.outputs(layers), abs=1e-5)


def test_progress_counts_batches(store: ShardStore) -> None:
    seen: list[tuple[int, int]] = []
    inputs = one_by_one(store, SENTENCES, LENGTH)
    engine = load_engine("numpy", store)
    evaluator = Evaluator(
        store, inputs, engine, progress=lambda done, total: seen.append((done, total))
    )
    evaluator.outputs(uniform_layers(store.manifest, 2))
    assert seen == [(1, 3), (2, 3), (3, 3)]
