"""Encoded layers kept in files, so that an interrupted build goes on where it stopped."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from shard_builder.quantize.encode import EncodedLayer

IDENTITY_CHARACTERS = 16


class FinishedLayers:
    """The finished layers of one build in a folder that exists once there is one.

    `identity` is a digest of everything the bytes depend on: layers of another build are not seen.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder
        self._identity = identity[:IDENTITY_CHARACTERS]

    def missing(self, layers: int) -> list[int]:
        """Those of the layers 0..layers-1 that are not there yet."""
        return [layer for layer in range(layers) if not self._file(layer).exists()]

    def save(self, layer: int, encoded: EncodedLayer) -> None:
        """Keep one layer; it is in its file, whole, when this returns."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._file(layer).with_suffix(".unfinished")
        shards = {
            f"{bits} {index}": np.frombuffer(shard, dtype=np.uint8)
            for bits, row in encoded.items()
            for index, shard in enumerate(row)
        }
        with unfinished.open("wb") as file:
            np.savez(file, allow_pickle=False, **shards)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._file(layer))

    def load(self, layer: int) -> EncodedLayer:
        """A layer that was saved."""
        encoded: EncodedLayer = {}
        with np.load(self._file(layer), allow_pickle=False) as shards:
            for name in shards.files:
                encoded.setdefault(int(name.partition(" ")[0]), []).append(shards[name].tobytes())
        return encoded

    def remove(self) -> None:
        """Delete the folder, with what other builds left there."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _file(self, layer: int) -> Path:
        return self._folder / f"{self._identity}-{layer}.npz"
