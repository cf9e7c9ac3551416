from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from checkpoints import TINY, configuration, random_tensors, save_tensors, write_checkpoint
from shard_builder.checkpoint import read_checkpoint
from shard_builder.elastic.pack import pack
from shard_builder.errors import CheckpointError
from shard_builder.tensor_file import read_tensors

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "base", head="encoder", prefixed=False)


@pytest.fixture
def trained(tmp_path: Path, base: Path) -> Path:
    """The base's embeddings below other layers and a head."""
    folder = write_checkpoint(tmp_path / "trained", seed=1)
    (folder / "training.json").write_text("{}")
    tensors = random_tensors("bert", "classifier", TINY, seed=1)
    for name, tensor in read_tensors(base).items():
        if name.startswith("embeddings."):
            tensors[f"bert.{name}"] = tensor.as_float32()
    save_tensors(folder / "model.safetensors", tensors)
    return folder


def test_a_packed_checkpoint_and_its_base_are_the_trained_one(
    tmp_path: Path, base: Path, trained: Path
) -> None:
    pack(trained, base, tmp_path / "packed")
    expected = read_checkpoint(trained)
    found = read_checkpoint(tmp_path / "packed", embeddings=base)
    assert found.architecture == expected.architecture
    assert found.tokenizer == base / "tokenizer.json"
    for name, values in expected.resident.items():
        np.testing.assert_allclose(found.resident[name], values, rtol=1e-3, err_msg=name)
    for mine, theirs in zip(found.layers, expected.layers, strict=True):
        np.testing.assert_allclose(mine.ffn_out, theirs.ffn_out, rtol=1e-3, atol=1e-7)


def test_a_packed_checkpoint_holds_no_embeddings_and_halves(
    tmp_path: Path, base: Path, trained: Path
) -> None:
    pack(trained, base, tmp_path / "packed")
    tensors = read_tensors(tmp_path / "packed")
    assert {tensor.dtype for tensor in tensors.values()} == {"F16"}
    assert not any("embeddings" in name for name in tensors)
    assert json.loads((tmp_path / "packed" / "config.json").read_bytes()) == configuration(
        "bert", "classifier", TINY
    )


def test_other_embeddings_than_the_base_has_cannot_be_left_out(tmp_path: Path, base: Path) -> None:
    other = write_checkpoint(tmp_path / "other", seed=2)
    with pytest.raises(CheckpointError, match="must be the tensor of the base, got another"):
        pack(other, base, tmp_path / "packed")
    assert not (tmp_path / "packed").exists()
