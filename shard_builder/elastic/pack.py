"""Packs a trained checkpoint for shipping: encoder and head in half precision, no embeddings.

Training leaves the embeddings as they are, so whoever has the base has them. Run as a program,
it packs what was trained from the example model:

    python -m shard_builder.elastic.pack TRAINED OUT
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shard_builder.checkpoint import embedding_tensors
from shard_builder.elastic.checkpoint_folder import CONFIGURATION_FILE, REPORT_FILE, write_folder
from shard_builder.errors import BuilderError, CheckpointError
from shard_builder.example_model import example_checkpoint
from shard_builder.settings_file import read_json
from shard_builder.tensor_file import read_tensors
from shard_builder.tensor_names import EMBEDDINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shard_builder.tensor_file import StoredTensor

BODY_PREFIX = "bert."


def pack(trained: Path, base: Path, out: Path) -> None:
    """Write the new folder `out`; CheckpointError if the embeddings are not those of `base`."""
    tensors = read_tensors(trained)
    _require_equal(embedding_tensors(tensors), embedding_tensors(read_tensors(base)))
    halves = {
        name.removeprefix(BODY_PREFIX): tensor.as_float32().astype(np.float16)
        for name, tensor in tensors.items()
        if EMBEDDINGS not in name
    }
    documents = {name: read_json(trained / name) for name in (CONFIGURATION_FILE, REPORT_FILE)}
    write_folder(out, halves, documents, tokenizer=None)


def _require_equal(trained: Mapping[str, StoredTensor], base: Mapping[str, StoredTensor]) -> None:
    for name, tensor in trained.items():
        if name not in base or not np.array_equal(tensor.as_float32(), base[name].as_float32()):
            message = f"{name} must be the tensor of the base, got another"
            raise CheckpointError(message)


if __name__ == "__main__":
    try:
        pack(Path(sys.argv[1]), example_checkpoint(), Path(sys.argv[2]))
    except BuilderError as error:
        sys.exit(str(error))
