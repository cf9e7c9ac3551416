from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from checkpoints import write_checkpoint
from shard_builder.checkpoint import read_checkpoint
from shard_builder.evaluate import Evaluator
from shard_builder.inputs import one_by_one
from shard_builder.plan_evaluation import evaluate_plan
from shard_builder.store_writer import StoreOptions, build_store
from shard_builder.task_file import Task
from shard_runtime.engine import load_engine
from shard_runtime.errors import PlanRefusedError
from shard_runtime.executor import run_plan
from shard_runtime.reader import PlainReader
from shard_runtime.store import ShardStore
from shard_runtime.tokens import pad_tokens, tokenize
from store_plans import Chosen, make_plan, some_device

if TYPE_CHECKING:
    from plan_contracts import Plan
    from shard_runtime.engine import EngineName

TEXTS = ("w1 w2 w3", "w4", "w5 w6 w7 w8 w9", "w10 w11 w12 w13 w14 w15 w16 w17 w18 w19")
TASK = Task(texts=TEXTS, labels=(0, 1, 2, 0))
LENGTH = 9


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ShardStore:
    folder = tmp_path_factory.mktemp("plan-evaluation")
    checkpoint = read_checkpoint(write_checkpoint(folder / "checkpoint"))
    build_store(checkpoint, folder / "store", options=StoreOptions(bitwidths=(2, 3, 32)))
    return ShardStore.open(folder / "store")


def mixed_plan(store: ShardStore) -> Plan:
    layers = [[Chosen(0, 2), Chosen(2, 3, preload=True)], [Chosen(1, 32), Chosen(2, 2)]]
    return make_plan(store.manifest, layers, sequence_length=LENGTH, read_ahead=1)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_answers_are_the_runtimes_bit_for_bit(store: ShardStore, engine: EngineName) -> None:
    plan = mixed_plan(store)
    reader = PlainReader()
    evaluator = Evaluator(store, one_by_one(store, TEXTS, LENGTH), load_engine(engine, store))
    found = evaluator.outputs(plan.layers)
    for text, answer in zip(TEXTS, found, strict=True):
        tokens = pad_tokens(tokenize(store, text), LENGTH, truncate=True)
        output, _ = run_plan(
            plan, store, load_engine(engine, store), tokens, reader=reader, device=some_device()
        )
        assert output[0].tobytes() == answer.tobytes()
    reader.close()


def test_accuracy_counts_the_right_answers(store: ShardStore) -> None:
    plan = mixed_plan(store)
    inputs = one_by_one(store, TEXTS, LENGTH)
    evaluator = Evaluator(store, inputs, load_engine("numpy", store))
    answers = evaluator.outputs(plan.layers).argmax(axis=1)
    full = evaluator.reference.argmax(axis=1)
    found = evaluate_plan(plan, store, TASK, engine="numpy").accuracy
    assert found is not None
    assert found.plan.right == np.sum(answers == TASK.labels)
    assert found.full.right == np.sum(full == TASK.labels)
    assert found.agreement.right == np.sum(answers == full)


def test_without_labels_there_is_no_accuracy(store: ShardStore) -> None:
    found = evaluate_plan(mixed_plan(store), store, Task(texts=TEXTS))
    assert found.accuracy is None
    assert found.score < 0 < found.standard_error


def test_texts_that_were_cut_are_counted(store: ShardStore) -> None:
    found = evaluate_plan(mixed_plan(store), store, TASK)
    assert (found.texts, found.cut) == (4, 1)


def test_many_at_a_time_scores_alike(store: ShardStore) -> None:
    plan = mixed_plan(store)
    alone = evaluate_plan(plan, store, TASK, engine="numpy")
    many = evaluate_plan(plan, store, TASK, engine="numpy", batched=True)
    assert many.score == pytest.approx(alone.score, rel=1e-4)
    assert (alone.batched, many.batched) == (False, True)


def test_a_plan_of_another_model_is_refused(store: ShardStore) -> None:
    plan = mixed_plan(store).model_copy(update={"model_digest": "sha256:" + "1" * 64, "id": None})
    with pytest.raises(PlanRefusedError, match=r"the plan is for model .* and the store holds"):
        evaluate_plan(plan, store, TASK)
