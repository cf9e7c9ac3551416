from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from checkpoints import Shape, random_tensors, save_tensors, write_checkpoint
from shard_builder.checkpoint import read_checkpoint
from shard_builder.elastic.settings import TrainingSettings
from shard_builder.errors import BuilderError, CheckpointError, StoreExistsError, TrainingError
from shard_builder.task_file import Task
from shard_builder.tensor_file import read_tensors

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("torch", reason="torch comes with the extra `train`")
run: Any = pytest.importorskip("shard_builder.elastic.run")

SHAPE = Shape(labels=2)
SETTINGS = TrainingSettings(
    depths=(1, 2),
    widths=(1, 3),
    plain_epochs=4,
    elastic_epochs=6,
    batch_rows=16,
    plain_learning_rate=3e-3,
    elastic_learning_rate=3e-3,
    held_out_rows=20,
)


def toy_task(rows: int = 300, seed: int = 0) -> Task:
    """A text is positive where w1 is in it, negative where w2 is."""
    random = np.random.default_rng(seed)
    labels = tuple(int(label) for label in random.integers(2, size=rows))
    texts = tuple(
        " ".join(
            f"w{word}" for word in [*random.integers(3, 36, size=random.integers(3, 8)), telling]
        )
        for telling in (1 if label else 2 for label in labels)
    )
    return Task(texts=texts, labels=labels)


TASK = run.ElasticTask(train=toy_task(), labels=("bad", "good"), test=toy_task(100, 1))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("base") / "base", shape=SHAPE)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    out = tmp_path_factory.mktemp("trained") / "out"
    run.elastic_train(base, TASK, out, settings=SETTINGS)
    return out


class Seen:
    """The batches that were told of."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def __call__(self, done: int, _: int) -> None:
        self.steps.append(done)


class Interrupted(Exception):  # noqa: N818 - a person's doing
    """Ctrl-C."""


def weights_of(folder: Path) -> dict[str, bytes]:
    return {name: bytes(tensor.data) for name, tensor in read_tensors(folder).items()}


def test_every_depth_and_width_learns_the_task(trained: Path) -> None:
    report = json.loads((trained / "training.json").read_bytes())
    accuracies = [value for row in report["test"].values() for value in row.values()]
    assert len(accuracies) == 4
    assert min(accuracies) > 0.9


def test_the_result_is_a_checkpoint_that_says_what_it_was_trained_to_be(trained: Path) -> None:
    checkpoint = read_checkpoint(trained)
    assert checkpoint.architecture.labels == ("bad", "good")
    assert checkpoint.elasticity is not None
    assert checkpoint.elasticity.as_field() == {
        "slice_selection": "prefix", "depths": [1, 2], "widths": [1, 3],
    }  # fmt: skip


def test_the_embeddings_are_those_of_the_base(trained: Path, base: Path) -> None:
    before, after = read_checkpoint(base).resident, read_checkpoint(trained).resident
    for name in (name for name in before if name.startswith("embeddings.")):
        np.testing.assert_array_equal(after[name], before[name])


def test_the_report_says_the_recipe_and_how_many_rows_were_trained_on(trained: Path) -> None:
    report = json.loads((trained / "training.json").read_bytes())
    assert report["settings"]["plain_learning_rate"] == 3e-3
    assert report["training_rows"] == 280


def test_the_state_of_training_goes_when_the_result_is_there(trained: Path) -> None:
    assert [path.name for path in trained.parent.iterdir()] == ["out"]


def short(**fields: object) -> TrainingSettings:
    return replace(SETTINGS, **({"plain_epochs": 0.5, "elastic_epochs": 0.5} | fields))  # pyright: ignore[reportArgumentType] - fields by name


def test_equal_runs_give_equal_weights(tmp_path: Path, base: Path) -> None:
    for name in ("one", "two"):
        run.elastic_train(base, TASK, tmp_path / name, settings=short())
    assert weights_of(tmp_path / "one") == weights_of(tmp_path / "two")


def test_another_seed_gives_other_weights(tmp_path: Path, base: Path) -> None:
    for seed in (0, 1):
        run.elastic_train(base, TASK, tmp_path / str(seed), settings=short(seed=seed))
    assert weights_of(tmp_path / "0") != weights_of(tmp_path / "1")


@pytest.mark.parametrize("steps", [1, 6, 9, 12, 18])
def test_an_interrupted_run_goes_on_to_the_same_weights(
    tmp_path: Path, base: Path, steps: int
) -> None:
    """Nine steps a stage; the state is kept every third."""
    run.elastic_train(base, TASK, tmp_path / "whole", settings=short())

    def interrupt(done: int, _: int) -> None:
        if done == steps:
            raise Interrupted

    with pytest.raises(Interrupted):
        run.elastic_train(
            base, TASK, tmp_path / "again", settings=short(), save_every=3, progress=interrupt
        )
    assert not (tmp_path / "again").exists()
    seen = Seen()
    run.elastic_train(
        base,
        TASK,
        tmp_path / "again",
        settings=short(),
        progress=seen,
    )
    assert seen.steps == list(range(steps // 3 * 3 + 1, 19))
    assert weights_of(tmp_path / "again") == weights_of(tmp_path / "whole")


def test_the_state_of_another_run_is_refused_and_kept(tmp_path: Path, base: Path) -> None:
    def interrupt(done: int, _: int) -> None:
        if done == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        run.elastic_train(
            base, TASK, tmp_path / "out", settings=short(seed=1), save_every=3, progress=interrupt
        )
    before = (tmp_path / "out.training").read_bytes()
    with pytest.raises(TrainingError, match=r"out\.training must be of a run on the same weights"):
        run.elastic_train(base, TASK, tmp_path / "out", settings=short())
    assert (tmp_path / "out.training").read_bytes() == before


def test_pairs_of_texts_are_trained_on_together(tmp_path: Path, base: Path) -> None:
    pairs = tuple((str(text), "w30 w31") for text in toy_task(60).texts)
    task = run.ElasticTask(
        train=Task(texts=pairs, labels=toy_task(60).labels), labels=("bad", "good")
    )
    report = run.elastic_train(base, task, tmp_path / "out", settings=short(held_out_rows=2))
    assert report.test is None
    assert report.training_rows == 58


def test_bfloat16_products_learn_too(tmp_path: Path, base: Path) -> None:
    report = run.elastic_train(
        base, TASK, tmp_path / "out", settings=replace(SETTINGS, precision="bfloat16")
    )
    assert report.test[2][3] > 0.9


def test_a_folder_that_holds_files_is_not_written_to(tmp_path: Path, base: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(StoreExistsError, match="needs an empty or absent folder"):
        run.elastic_train(base, TASK, tmp_path, settings=SETTINGS)


def test_a_checkpoint_with_nan_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "base", shape=SHAPE)
    tensors = random_tensors("bert", "classifier", SHAPE)
    tensors["bert.encoder.layer.1.output.dense.weight"][0, 0] = np.nan
    save_tensors(folder / "model.safetensors", tensors)
    with pytest.raises(CheckpointError, match="must be finite, got 1 values that are NaN"):
        run.elastic_train(folder, TASK, tmp_path / "out", settings=SETTINGS)
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_without_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "base", shape=SHAPE, tokenizer=False)
    with pytest.raises(BuilderError, match=r"must hold tokenizer\.json"):
        run.elastic_train(folder, TASK, tmp_path / "out", settings=SETTINGS)


@pytest.mark.parametrize("content", [b"", b"no state", bytes(range(256))])
def test_a_file_in_the_place_of_the_state_is_refused_and_kept(
    tmp_path: Path, base: Path, content: bytes
) -> None:
    (tmp_path / "out.training").write_bytes(content)
    with pytest.raises(TrainingError, match=r"out\.training must hold a state of training"):
        run.elastic_train(base, TASK, tmp_path / "out", settings=short())
    assert (tmp_path / "out.training").read_bytes() == content
