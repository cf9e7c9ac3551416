from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from checkpoints import Family, write_checkpoint
from shard_builder.checkpoint import Checkpoint, read_checkpoint
from shard_builder.configuration import Elasticity
from shard_builder.elastic.checkpoint_folder import require_new, write_folder
from shard_builder.elastic.export import checkpoint_tensors, classifier_configuration
from shard_builder.errors import StoreExistsError
from shard_runtime.weights import Matrices

if TYPE_CHECKING:
    from pathlib import Path

    from shard_runtime.weights import FloatArray

FAMILIES: tuple[Family, ...] = ("bert", "roberta", "distilbert")
ELASTICITY = Elasticity(slice_selection="prefix", depths=(1, 2), widths=(2, 3))


def weights_of(checkpoint: Checkpoint) -> dict[str, FloatArray]:
    return dict(checkpoint.resident) | {
        f"layers.{number}.{name}": matrix
        for number, layer in enumerate(checkpoint.layers)
        for name, matrix in zip(Matrices._fields, layer, strict=True)
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_an_exported_checkpoint_reads_back_as_it_was(tmp_path: Path, family: Family) -> None:
    folder = write_checkpoint(tmp_path / "before", family=family)
    before = read_checkpoint(folder)
    base = json.loads((folder / "config.json").read_bytes())
    labels = before.architecture.labels
    write_folder(
        tmp_path / "after",
        checkpoint_tensors(weights_of(before), family),
        {"config.json": classifier_configuration(base, family, labels, ELASTICITY)},
        before.tokenizer,
    )
    after = read_checkpoint(tmp_path / "after")
    assert after.architecture == before.architecture
    assert after.elasticity == ELASTICITY
    found = weights_of(after)
    for name, values in weights_of(before).items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_a_classifier_has_the_labels_of_its_task() -> None:
    base = {"_name_or_path": "here", "architectures": ["BertModel"], "hidden_size": 24}
    fields = classifier_configuration(base, "bert", ("bad", "good"), ELASTICITY)
    assert fields == {
        "architectures": ["BertForSequenceClassification"],
        "hidden_size": 24,
        "id2label": {"0": "bad", "1": "good"},
        "label2id": {"bad": 0, "good": 1},
        "shardstream": {"slice_selection": "prefix", "depths": [1, 2], "widths": [2, 3]},
    }


def test_a_folder_with_files_is_no_place_for_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(StoreExistsError, match="needs an empty or absent folder, got"):
        require_new(tmp_path)


def test_a_free_place_and_an_empty_folder_are_taken(tmp_path: Path) -> None:
    require_new(tmp_path)
    require_new(tmp_path / "absent")
