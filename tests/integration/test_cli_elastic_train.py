"""`shardstream elastic-train` as a person runs it; where torch is missing, what needs it skips."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest

from checkpoints import TINY, random_tensors, save_tensors, write_checkpoint
from command_line import Done, shardstream
from plan_contracts import ModelManifest

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ("--labels", "bad", "--labels", "good")
QUICK = ("--held-out-rows", 2, "--plain-epochs", 0.5, "--elastic-epochs", 0.5)
HAS_TORCH = find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="torch comes with the extra `train`")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("base") / "base", head="encoder")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("task") / "task.tsv"
    rows = [f"{number % 2}\tw{number % 30} w{number % 7} w1" for number in range(40)]
    file.write_text("\n".join(["label\tsentence", *rows]))
    return file


def train(*arguments: object) -> Done:
    return shardstream("elastic-train", *arguments)


@needs_torch
def test_a_trained_checkpoint_is_built_into_a_store_of_its_submodels(
    tmp_path: Path, base: Path, task: Path
) -> None:
    out = tmp_path / "out"
    trained = train(base, task, "--out", out, "--test", task, *LABELS, *QUICK, "--widths", 2,
                    "--widths", 3)  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert "accuracy, 2 held-out rows" in trained.stdout
    assert "accuracy, task.tsv" in trained.stdout
    built = shardstream("build", out, "--out", tmp_path / "store", "--bitwidths", 32)
    assert built.returncode == 0, built.stderr
    manifest = ModelManifest.from_file(tmp_path / "store" / "manifest.json")
    assert manifest.slice_selection == "prefix"
    assert (manifest.depths, manifest.widths) == ((2,), (2, 3))


@needs_torch
def test_a_place_with_other_files_is_left_alone(tmp_path: Path, base: Path, task: Path) -> None:
    (tmp_path / "notes.txt").touch()
    refused = train(base, task, "--out", tmp_path, *LABELS)
    assert refused.returncode == 2
    assert "a new checkpoint needs an empty or absent folder" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.skipif(HAS_TORCH, reason="torch is installed")
def test_without_torch_the_error_says_what_to_install(
    tmp_path: Path, base: Path, task: Path
) -> None:
    refused = train(base, task, "--out", tmp_path / "out", *LABELS)
    assert refused.returncode == 2
    assert "pip install 'shardstream[train]'" in refused.stderr


@pytest.mark.parametrize(
    ("content", "options", "rule"),
    [
        ("", (), "must have a header line and at least 1 row"),
        ("label\tsentence\n", (), "must have a header line and at least 1 row"),
        ("label\tsentence\n0\tw1\n2\tw2\n", (), "a label must be one of 0..1"),
        ("label\tsentence\n0\tw1\tw2\n", (), "line 2: a row must have 2 tab-separated values"),
        ("label\tsentence\n0\tw1\n", ("--text-column", "text"), "text column must be one of"),
        ("label\tsentence\n0\tw1\n", ("--label-column", "class"), "label column must be one of"),
        (
            "label\tsentence\n0\tw1\n",
            ("--plain-epochs", 0),
            "plain_epochs must be above 0 and finite, got 0",
        ),
    ],
)
def test_a_task_that_cannot_be_is_refused(
    tmp_path: Path, base: Path, content: str, options: tuple[object, ...], rule: str
) -> None:
    file = tmp_path / "task.tsv"
    file.write_text(content)
    refused = train(base, file, "--out", tmp_path / "out", *LABELS, *options)
    assert refused.returncode == 2
    assert rule in " ".join(refused.stderr.split())
    assert not (tmp_path / "out").exists()


def test_a_missing_task_is_refused(tmp_path: Path, base: Path) -> None:
    refused = train(base, tmp_path / "absent.tsv", "--out", tmp_path / "out", *LABELS)
    assert refused.returncode == 2
    assert "absent.tsv: No such file" in refused.stderr


def test_a_base_without_classes_needs_their_names(tmp_path: Path, base: Path, task: Path) -> None:
    refused = train(base, task, "--out", tmp_path / "out")
    assert refused.returncode == 2
    assert "needs --labels, two or more, got 0" in refused.stderr


@pytest.mark.parametrize("second", ["bad", ""])
def test_classes_have_different_names(tmp_path: Path, base: Path, task: Path, second: str) -> None:
    labels = ("--labels", "bad", "--labels", second)
    refused = train(base, task, "--out", tmp_path / "out", *labels)
    assert refused.returncode == 2
    assert f"must be different names, none of them empty, got ['bad', '{second}']" in refused.stderr


def test_a_classifier_with_nan_is_refused(tmp_path: Path, task: Path) -> None:
    folder = write_checkpoint(tmp_path / "base")
    tensors = random_tensors("bert", "classifier", TINY)
    tensors["classifier.weight"][0, 0] = np.nan
    save_tensors(folder / "model.safetensors", tensors)
    refused = train(folder, task, "--out", tmp_path / "out")
    assert refused.returncode == 2
    assert "must be finite, got 1 values that are NaN" in " ".join(refused.stderr.split())


@needs_torch
def test_an_encoder_with_nan_is_refused(tmp_path: Path, task: Path) -> None:
    folder = write_checkpoint(tmp_path / "base", head="encoder")
    tensors = random_tensors("bert", "encoder", TINY)
    tensors["bert.encoder.layer.0.output.dense.weight"][0, 0] = np.inf
    save_tensors(folder / "model.safetensors", tensors)
    refused = train(folder, task, "--out", tmp_path / "out", *LABELS)
    assert refused.returncode == 2
    assert "must be finite" in " ".join(refused.stderr.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base"]
