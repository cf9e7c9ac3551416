"""Writes a shard store: a folder with every shard of a model at several bitwidths.

The format is docs/formats/shard-store.md. Equal checkpoints and options give equal bytes.
"""

from __future__ import annotations

import filecmp
import hashlib
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from safetensors.numpy import save  # pyright: ignore[reportUnknownVariableType] - untyped

from plan_contracts import (
    ModelManifest,
    StoredFile,
    StoredRange,
    StoreIndex,
    __version__,
    sha256_of,
)
from shard_builder.atomic import move_into_place, temporary_folder_beside
from shard_builder.configuration import Elasticity
from shard_builder.errors import BuilderError, StoreExistsError
from shard_builder.finished_layers import FinishedLayers
from shard_builder.process_pool import worker_pool
from shard_builder.progress import Progress, silent
from shard_builder.quantize import WholeLayer, encode_layer, load_quantiser
from shard_runtime.weights import FULL_PRECISION_BITS, ShardShape

if TYPE_CHECKING:
    from pathlib import Path

    from plan_contracts.model import SliceSelection
    from shard_builder.calibration import Calibration
    from shard_builder.checkpoint import Checkpoint
    from shard_builder.quantize import QuantiserName

BITWIDTHS = (2, 3, 4, 5, 6, 32)
MANIFEST_FILE = "manifest.json"
RESIDENT_FILE = "resident.safetensors"
TOKENIZER_FILE = "tokenizer.json"

ShardRanges = dict[int, tuple[tuple[StoredRange, ...], ...]]


@dataclass(frozen=True, kw_only=True)
class StoreOptions:
    """What a store offers the planner.

    `prefix` slice selection is for models trained elastically: width m means slices 0..m-1.
    None: as the checkpoint's elasticity says; without one, `any` slices, all depths 1..layers and
    all widths 1..slices.
    """

    bitwidths: tuple[int, ...] = BITWIDTHS
    slice_selection: SliceSelection | None = None
    depths: tuple[int, ...] | None = None
    widths: tuple[int, ...] | None = None
    quantiser: QuantiserName | None = None
    calibration: Calibration | None = None

    @property
    def quantiser_name(self) -> QuantiserName:
        """The quantiser asked for, or the best for what is there."""
        return self.quantiser or ("compensated" if self.calibration else "kmeans")

    @property
    def used_calibration(self) -> Calibration | None:
        """The calibration, if the quantiser looks at it."""
        return self.calibration if self.quantiser_name == "compensated" else None


def build_store(
    checkpoint: Checkpoint,
    out: Path,
    *,
    options: StoreOptions | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> ModelManifest:
    """Write the store of a model to the folder `out` and return its sealed manifest.

    The folder appears complete or not at all. A folder that already holds this very store is left
    as it is; anything else in the place is refused with StoreExistsError. Layers are kept beside
    `out` until it is there, so the same call goes on after Ctrl-C. BuilderError for options
    outside their range or without the calibration they need. `progress` counts layers.
    """
    options = options or StoreOptions()
    out = out.absolute()
    _check_options(options, checkpoint)
    taken = _is_taken(out)
    unfinished = out.with_name(f".{out.name}.layers")
    finished = FinishedLayers(unfinished, _identity(checkpoint, options))
    _finish_layers(checkpoint, options, finished, workers, progress)
    # With the layers, so that what a killed build leaves is removed with them.
    with temporary_folder_beside(unfinished / out.name) as folder:
        manifest = _write_store(checkpoint, options, finished, folder)
        different = _different_files(out, folder) if taken else []
        if not taken:
            move_into_place(folder, out)
    finished.remove()
    if different:
        message = (
            f"{out} must be absent, empty or hold this very store, "
            f"got one that differs in {', '.join(different)}"
        )
        raise StoreExistsError(message)
    return manifest


def shard_file(bits: int) -> str:
    """Name of the file that holds all shards at one bitwidth."""
    return f"shards-{bits}.bin"


def _offered(options: StoreOptions, checkpoint: Checkpoint) -> Elasticity:
    """Which submodels the store offers: as the options say, else as the checkpoint does."""
    trained = checkpoint.elasticity or Elasticity(
        slice_selection="any",
        depths=tuple(range(1, len(checkpoint.layers) + 1)),
        widths=tuple(range(1, checkpoint.geometry.heads + 1)),
    )
    return Elasticity(
        slice_selection=options.slice_selection or trained.slice_selection,
        depths=trained.depths if options.depths is None else options.depths,
        widths=trained.widths if options.widths is None else options.widths,
    )


def _check_options(options: StoreOptions, checkpoint: Checkpoint) -> None:
    for bits in options.bitwidths:
        if bits not in BITWIDTHS:
            message = f"bitwidth must be one of {list(BITWIDTHS)}, got {bits}"
            raise BuilderError(message)
    _require_rising("bitwidths", options.bitwidths, FULL_PRECISION_BITS)
    _require_rising("depths", options.depths, len(checkpoint.layers))
    _require_rising("widths", options.widths, checkpoint.geometry.heads)


def _require_rising(name: str, values: tuple[int, ...] | None, largest: int) -> None:
    if values is None:
        return
    rises = all(low < high for low, high in pairwise(values))
    if not values or not rises or values[0] < 1 or values[-1] > largest:
        message = f"{name} must rise strictly within 1..{largest}, got {list(values)}"
        raise BuilderError(message)


def _is_taken(out: Path) -> bool:
    """Whether `out` holds a store; StoreExistsError if it holds anything else."""
    if not out.exists():
        return False
    if not out.is_dir():
        message = f"a store must be a folder, got the file {out}"
        raise StoreExistsError(message)
    if not any(out.iterdir()):
        return False
    if not (out / MANIFEST_FILE).is_file():
        message = f"a new store needs an empty or absent folder, got {out} with other files"
        raise StoreExistsError(message)
    return True


def _different_files(out: Path, built: Path) -> list[str]:
    """Names of the files of the store just built that `out` has otherwise or not at all."""
    names = sorted(path.name for path in built.iterdir())
    _, different, missing = filecmp.cmpfiles(out, built, names, shallow=False)
    return different + missing


def _identity(checkpoint: Checkpoint, options: StoreOptions) -> str:
    """Digest of everything that the bytes of the shards depend on."""
    made_by = f"{__version__} {options.quantiser_name} {options.bitwidths} {checkpoint.geometry}"
    digest = hashlib.sha256(made_by.encode())
    arrays = [matrix for layer in checkpoint.layers for matrix in layer]
    if used := options.used_calibration:
        arrays += [array for layers in used.moments.submodels for one in layers for array in one]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _finish_layers(
    checkpoint: Checkpoint,
    options: StoreOptions,
    finished: FinishedLayers,
    workers: int,
    progress: Progress,
) -> None:
    """Encode those layers that are not finished yet."""
    layers, used = checkpoint.layers, options.used_calibration
    quantiser = load_quantiser(options.quantiser_name, layers, used.moments if used else None)
    encode = partial(encode_layer, bitwidths=options.bitwidths, quantiser=quantiser)
    slices = checkpoint.geometry.heads
    missing = [
        WholeLayer(index=index, matrices=layers[index], slices=slices)
        for index in finished.missing(len(layers))
    ]
    with worker_pool(encode, workers=workers) as encode_all:
        for layer, encoded in zip(missing, encode_all(missing), strict=True):
            finished.save(layer.index, encoded)
            progress(len(layers) - len(finished.missing(len(layers))), len(layers))


def _write_store(
    checkpoint: Checkpoint, options: StoreOptions, finished: FinishedLayers, folder: Path
) -> ModelManifest:
    used = options.used_calibration
    index = StoreIndex(
        quantiser=options.quantiser_name,
        calibration=used.source if used else None,
        architecture=checkpoint.architecture,
        resident=_write_resident(checkpoint, folder),
        tokenizer=_copy_tokenizer(checkpoint, folder),
        shards=_write_shards(options.bitwidths, finished, folder, len(checkpoint.layers)),
    )
    manifest = _manifest(checkpoint, options, index)
    (folder / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _write_shards(
    bitwidths: tuple[int, ...], finished: FinishedLayers, folder: Path, layers: int
) -> ShardRanges:
    """Write the shard files layer by layer, in order of (layer, slice)."""
    rows: dict[int, list[tuple[StoredRange, ...]]] = {bits: [] for bits in bitwidths}
    with ExitStack() as stack:
        files = {
            bits: stack.enter_context((folder / shard_file(bits)).open("wb")) for bits in bitwidths
        }
        for layer in range(layers):
            for bits, shards in finished.load(layer).items():
                name = shard_file(bits)
                rows[bits].append(tuple(_append(files[bits], name, shard) for shard in shards))
    return {bits: tuple(ranges) for bits, ranges in rows.items()}


def _append(file: BinaryIO, name: str, shard: bytes) -> StoredRange:
    offset = file.tell()
    file.write(shard)
    return StoredRange(file=name, offset=offset, length=len(shard), sha256=sha256_of(shard))


def _write_resident(checkpoint: Checkpoint, folder: Path) -> StoredFile:
    (folder / RESIDENT_FILE).write_bytes(save(dict(checkpoint.resident)))
    return _stored_file(folder / RESIDENT_FILE)


def _copy_tokenizer(checkpoint: Checkpoint, folder: Path) -> StoredFile | None:
    if checkpoint.tokenizer is None:
        return None
    shutil.copyfile(checkpoint.tokenizer, folder / TOKENIZER_FILE)
    return _stored_file(folder / TOKENIZER_FILE)


def _stored_file(path: Path) -> StoredFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return StoredFile(file=path.name, bytes=path.stat().st_size, sha256=f"sha256:{digest}")


def _manifest(checkpoint: Checkpoint, options: StoreOptions, index: StoreIndex) -> ModelManifest:
    offered = _offered(options, checkpoint)
    return ModelManifest(
        model=checkpoint.model,
        layers=len(checkpoint.layers),
        slices=checkpoint.geometry.heads,
        geometry=checkpoint.geometry,
        bitwidths=options.bitwidths,
        shard_bytes={
            bits: tuple(tuple(stored.length for stored in row) for row in table)
            for bits, table in index.shards.items()
        },
        resident_bytes=sum(tensor.nbytes for tensor in checkpoint.resident.values()),
        decoded_shard_bytes=ShardShape.of(checkpoint.geometry).decoded_bytes,
        slice_selection=offered.slice_selection,
        depths=offered.depths,
        widths=offered.widths,
        store=index,
    ).sealed()
