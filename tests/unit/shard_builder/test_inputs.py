from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checkpoints import write_checkpoint
from shard_builder.checkpoint import read_checkpoint
from shard_builder.errors import TaskError
from shard_builder.inputs import BATCH_INPUTS, many_at_a_time, one_by_one, token_ids
from shard_builder.store_writer import StoreOptions, build_store
from shard_runtime.store import ShardStore
from shard_runtime.tokens import tokenize

if TYPE_CHECKING:
    from pathlib import Path


def store_in(folder: Path, *, tokenizer: bool = True) -> ShardStore:
    checkpoint = read_checkpoint(write_checkpoint(folder / "checkpoint", tokenizer=tokenizer))
    build_store(checkpoint, folder / "store", options=StoreOptions(bitwidths=(32,)))
    return ShardStore.open(folder / "store")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ShardStore:
    return store_in(tmp_path_factory.mktemp("inputs"))


def test_tokens_are_the_runtimes(store: ShardStore) -> None:
    texts = ["w1 w2", "w3"]
    assert token_ids(store, texts) == [tokenize(store, text) for text in texts]


def test_a_pair_is_one_input(store: ShardStore) -> None:
    (pair,) = token_ids(store, [("w1 w2", "w3")])
    assert [token for token in pair if token > 3] == [5, 6, 7]


def test_one_by_one_has_the_plans_shapes(store: ShardStore) -> None:
    inputs = one_by_one(store, ["w1", "w1 w2 w3 w4"], 5)
    assert [batch.ids.shape for batch in inputs.batches] == [(1, 5), (1, 5)]
    assert inputs.batches[0].mask.tolist() == [[True] * 3 + [False] * 2]
    assert inputs.cut == 1


def test_batches_are_no_longer_than_their_longest_text(store: ShardStore) -> None:
    texts = ["w1 w2 w3"] * BATCH_INPUTS + ["w1"]
    inputs = many_at_a_time(store, texts, 20)
    assert [batch.ids.shape for batch in inputs.batches] == [(32, 5), (1, 5)]
    assert inputs.rows[-1] == 0


def test_a_store_without_tokeniser_takes_no_text(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"must hold a tokenizer\.json"):
        one_by_one(store_in(tmp_path, tokenizer=False), ["w1"], 5)
