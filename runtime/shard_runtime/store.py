"""A shard store on disk: manifest, resident tensors, byte ranges of shards."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from plan_contracts import ContractError, ModelManifest
from shard_runtime.errors import StoreError
from shard_runtime.reader import PlainReader
from shard_runtime.resident import read_resident, require_tensors
from shard_runtime.weights import FloatArray, ShardShape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plan_contracts import Architecture, StoredFile, StoredRange, StoreIndex
    from shard_runtime.reader import Reader

MANIFEST = "manifest.json"
CHUNK_BYTES = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardStore:
    """An opened store: its manifest is checked, its resident tensors are in memory.

    Shards stay on disk and are read one range at a time.
    """

    folder: Path
    manifest: ModelManifest
    index: StoreIndex
    resident: dict[str, FloatArray]

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read and check manifest, file sizes and resident tensors; StoreError names what fails."""
        manifest = _read_manifest(folder)
        if manifest.store is None:
            message = f"{folder / MANIFEST}: the manifest has no store index"
            raise StoreError(message)
        _check_sizes(folder, manifest.store)
        resident = read_resident(folder, manifest.store.resident)
        _check_resident_bytes(folder, manifest, resident)
        _check_shape(folder, manifest)
        require_tensors(folder, resident, manifest, manifest.store)
        return cls(folder=folder, manifest=manifest, index=manifest.store, resident=resident)

    @property
    def digest(self) -> str:
        """The manifest's digest, by which plans name the model."""
        return self.manifest.computed_digest()

    @property
    def architecture(self) -> Architecture:
        """What the forward pass needs beyond the geometry."""
        return self.index.architecture

    @property
    def shape(self) -> ShardShape:
        """Sizes of one shard."""
        return ShardShape.of(self.manifest.geometry)

    def range_of(self, layer: int, slice_index: int, bits: int) -> StoredRange:
        """Where a shard lies; StoreError if the store has no such shard."""
        manifest = self.manifest
        if (
            bits not in manifest.bitwidths
            or not 0 <= layer < manifest.layers
            or not 0 <= slice_index < manifest.slices
        ):
            message = (
                f"the store has layers 0..{manifest.layers - 1}, slices 0..{manifest.slices - 1} "
                f"at {list(manifest.bitwidths)} bit, got layer {layer}, slice {slice_index} at "
                f"{bits} bit"
            )
            raise StoreError(message)
        return self.index.shards[bits][layer][slice_index]

    def read_range(self, stored: StoredRange, reader: Reader) -> memoryview:
        """The bytes of one shard, read and held against their digest, at the reader's pace."""
        encoded = np.empty(stored.length, dtype=np.uint8).data
        reader.read_into(self.folder / stored.file, stored.offset, encoded)
        found = f"sha256:{hashlib.sha256(encoded).hexdigest()}"
        if found != stored.sha256:
            message = (
                f"{self.folder / stored.file}: bytes {stored.offset}.."
                f"{stored.offset + stored.length - 1} must have digest {stored.sha256}, got {found}"
            )
            raise StoreError(message)
        reader.hold_back()
        return encoded

    def read_encoded(self, layer: int, slice_index: int, bits: int) -> memoryview:
        """One encoded shard, by its place; opens and closes the file."""
        reader = PlainReader()
        try:
            return self.read_range(self.range_of(layer, slice_index, bits), reader)
        finally:
            reader.close()

    def verify(self) -> None:
        """Hold every byte of the store against its digest; StoreError at the first difference."""
        for stored in (self.index.resident, self.index.tokenizer):
            if stored is not None:
                self.verify_file(stored)
        reader = PlainReader()
        try:
            for stored in _ranges(self.index):
                self.read_range(stored, reader)
        finally:
            reader.close()

    def verify_file(self, stored: StoredFile) -> None:
        """Hold a whole file against its digest; StoreError if it differs."""
        digest = hashlib.sha256()
        path = self.folder / stored.file
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
        if f"sha256:{digest.hexdigest()}" != stored.sha256:
            message = f"{path}: digest must be {stored.sha256}, got sha256:{digest.hexdigest()}"
            raise StoreError(message)

    def shard_files(self) -> list[Path]:
        """The files that hold shards."""
        return sorted({self.folder / stored.file for stored in _ranges(self.index)})


def _read_manifest(folder: Path) -> ModelManifest:
    path = folder / MANIFEST
    if not path.is_file():
        message = f"{folder}: a shard store must hold {MANIFEST}, and this folder does not"
        raise StoreError(message)
    manifest = ModelManifest.from_file(path)
    if manifest.digest is None:
        message = f"{path}: the manifest must be sealed with its digest, and has none"
        raise StoreError(message)
    try:
        return manifest.sealed()
    except ContractError as error:
        message = f"{path}: {error}"
        raise StoreError(message) from error


def _ranges(index: StoreIndex) -> Iterator[StoredRange]:
    return (stored for table in index.shards.values() for row in table for stored in row)


def _check_sizes(folder: Path, index: StoreIndex) -> None:
    expected = {index.resident.file: index.resident.bytes}
    if index.tokenizer is not None:
        expected[index.tokenizer.file] = index.tokenizer.bytes
    for stored in _ranges(index):
        end = stored.offset + stored.length
        expected[stored.file] = max(end, expected.get(stored.file, 0))
    for name, size in expected.items():
        path = folder / name
        if not path.is_file():
            message = f"{path}: the manifest lists this file, and it is missing"
            raise StoreError(message)
        if path.stat().st_size != size:
            message = (
                f"{path}: must have {size} bytes as in the manifest, got {path.stat().st_size}"
            )
            raise StoreError(message)


def _check_resident_bytes(
    folder: Path, manifest: ModelManifest, resident: dict[str, FloatArray]
) -> None:
    found = sum(tensor.nbytes for tensor in resident.values())
    if found != manifest.resident_bytes:
        message = (
            f"{folder}: resident tensors must have {manifest.resident_bytes} bytes as in the "
            f"manifest, got {found}"
        )
        raise StoreError(message)


def _check_shape(folder: Path, manifest: ModelManifest) -> None:
    expected = ShardShape.of(manifest.geometry).decoded_bytes
    if manifest.decoded_shard_bytes != expected or manifest.slices != manifest.geometry.heads:
        message = (
            f"{folder}: a slice is one of {manifest.geometry.heads} heads of {expected} decoded "
            f"bytes, got {manifest.slices} slices of {manifest.decoded_shard_bytes}"
        )
        raise StoreError(message)
