"""A new checkpoint folder, complete or not there at all."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from safetensors.numpy import save  # pyright: ignore[reportUnknownVariableType] - untyped

from shard_builder.atomic import move_into_place, temporary_folder_beside
from shard_builder.checkpoint import TOKENIZER_FILE
from shard_builder.errors import StoreExistsError
from shard_builder.tensor_file import SINGLE_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

CONFIGURATION_FILE = "config.json"
REPORT_FILE = "training.json"


def require_new(out: Path) -> None:
    """StoreExistsError unless the place is free or an empty folder."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists():
        message = f"a new checkpoint needs an empty or absent folder, got {out}"
        raise StoreExistsError(message)


def write_folder(
    out: Path,
    tensors: Mapping[str, NDArray[np.floating]],
    documents: Mapping[str, object],
    tokenizer: Path | None,
) -> None:
    """Write model.safetensors, JSON documents by file name, and the tokenizer."""
    require_new(out)
    with temporary_folder_beside(out) as folder:
        (folder / SINGLE_FILE).write_bytes(save(dict(tensors), metadata={"format": "pt"}))
        for name, content in documents.items():
            (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        if tokenizer is not None:
            shutil.copyfile(tokenizer, folder / TOKENIZER_FILE)
        move_into_place(folder, out)
