"""`shardstream evaluate`: a plan's answers on a task, and bad input named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from checkpoints import write_checkpoint
from command_line import Done, shardstream
from shard_builder.checkpoint import read_checkpoint
from shard_builder.store_writer import StoreOptions, build_store
from shard_runtime.store import ShardStore
from store_plans import Chosen, make_plan

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, a plan for it, and a task."""
    folder = tmp_path_factory.mktemp("evaluate")
    checkpoint = read_checkpoint(write_checkpoint(folder / "checkpoint"))
    build_store(checkpoint, folder / "store", options=StoreOptions(bitwidths=(2, 32)))
    manifest = ShardStore.open(folder / "store").manifest
    plan = make_plan(manifest, [[Chosen(0, 2), Chosen(1, 32)]])
    (folder / "plan.json").write_text(plan.to_json())
    (folder / "task.tsv").write_text("label\tsentence\n0\tw1 w2\n2\tw3\nlabel-1\tw4 w5 w6\n")
    return folder


def evaluated(folder: Path, *options: object) -> Done:
    return shardstream("evaluate", folder / "plan.json", "--store", folder / "store", *options)


def test_accuracy_score_and_prediction_are_printed(folder: Path) -> None:
    done = evaluated(folder, "--dataset", folder / "task.tsv")
    assert done.returncode == 0
    for fact in ("accuracy", "of 3", "measured score", "predicted score", "nats"):
        assert fact in done.stdout


def test_json_has_the_same_numbers(folder: Path) -> None:
    found = json.loads(evaluated(folder, "--dataset", folder / "task.tsv", "--json").stdout)
    assert found["texts"] == found["accuracy"]["plan"]["total"] == 3
    assert found["score"] < 0
    assert found["metric"] == "negative_kl"


def test_sentences_need_no_labels(folder: Path) -> None:
    (folder / "text").write_text("w1 w2\nw3\n")
    found = json.loads(evaluated(folder, "--sentences", folder / "text", "--json").stdout)
    assert (found["texts"], found["accuracy"]) == (2, None)


def test_a_score_without_a_unit_is_a_number_alone(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(write_checkpoint(tmp_path / "encoder", head="encoder"))
    options = StoreOptions(bitwidths=(2, 32))
    manifest = build_store(checkpoint, tmp_path / "store", options=options)
    (tmp_path / "plan.json").write_text(make_plan(manifest, [[Chosen(0, 2)]]).to_json())
    (tmp_path / "task.tsv").write_text("sentence\nw1 w2\nw3\n")
    done = evaluated(tmp_path, "--dataset", tmp_path / "task.tsv")
    scores = [line.split() for line in done.stdout.splitlines() if "score" in line]
    assert [len(words) for words in scores] == [5, 3]


@pytest.mark.parametrize(
    ("task", "options", "said"),
    [
        ("label\tsentence\n7\tw1\n", [], "a label must be one of 0..2"),
        ("label\tsentence\n0\tw1\n", ["--label-column", "gold"], "got 'gold'"),
        ("label\tsentence\n0\tw1\n", ["--text-column", "text"], "got 'text'"),
        ("", [], "at least 1 row, got none"),
        ("label\tsentence\n0\tw1\n", ["--engine", "abacus"], "abacus"),
    ],
)
def test_bad_input_is_named(folder: Path, task: str, options: list[str], said: str) -> None:
    (folder / "bad.tsv").write_text(task)
    done = evaluated(folder, "--dataset", folder / "bad.tsv", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_there_must_be_one_file_of_text(folder: Path) -> None:
    done = evaluated(folder)
    assert (done.returncode, "got neither" in done.stderr) == (2, True)


def test_a_plan_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(write_checkpoint(tmp_path / "other", seed=1))
    build_store(checkpoint, tmp_path / "store", options=StoreOptions(bitwidths=(2, 32)))
    plan, task = folder / "plan.json", folder / "task.tsv"
    done = shardstream("evaluate", plan, "--store", tmp_path / "store", "--dataset", task)
    assert (done.returncode, "the store holds" in done.stderr) == (2, True)
