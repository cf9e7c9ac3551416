from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType] - untyped

from checkpoints import write_checkpoint
from plan_contracts import ModelManifest
from shard_builder.calibration import Calibration, calibrate
from shard_builder.checkpoint import Checkpoint, read_checkpoint
from shard_builder.errors import BuilderError, CalibrationError, StoreExistsError
from shard_builder.slicing import cut_slice
from shard_builder.store_writer import BITWIDTHS, StoreOptions, build_store
from shard_runtime.store import ShardStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shard_builder.quantize import QuantiserName


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return read_checkpoint(write_checkpoint(tmp_path / "checkpoint"))


@pytest.fixture
def store(tmp_path: Path, checkpoint: Checkpoint) -> Path:
    build_store(checkpoint, tmp_path / "store")
    return tmp_path / "store"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def manifest_of(store: Path) -> ModelManifest:
    return ModelManifest.from_file(store / "manifest.json")


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_store_has_these_files_alone(store: Path) -> None:
    shards = {f"shards-{bits}.bin" for bits in BITWIDTHS}
    names = {"manifest.json", "resident.safetensors", "tokenizer.json", *shards}
    assert set(contents(store)) == names


def test_the_returned_manifest_is_the_written_one(tmp_path: Path, checkpoint: Checkpoint) -> None:
    assert build_store(checkpoint, tmp_path / "store") == manifest_of(tmp_path / "store")


def test_the_manifest_is_sealed(store: Path) -> None:
    manifest = manifest_of(store)
    assert manifest.digest == manifest.computed_digest()


@pytest.mark.parametrize("bits", BITWIDTHS)
def test_bytes_on_disk_are_those_of_the_manifest(store: Path, bits: int) -> None:
    manifest, file = manifest_of(store), (store / f"shards-{bits}.bin").read_bytes()
    assert manifest.store is not None
    end = 0
    for row in manifest.store.shards[bits]:
        for stored in row:
            assert stored.offset == end
            end += stored.length
            assert stored.sha256 == sha256(file[stored.offset : end])
    assert end == len(file) == sum(sum(row) for row in manifest.shard_bytes[bits])


def test_resident_and_tokenizer_are_those_of_the_manifest(store: Path) -> None:
    index = manifest_of(store).store
    assert index is not None
    assert index.tokenizer is not None
    for stored in (index.resident, index.tokenizer):
        content = (store / stored.file).read_bytes()
        assert (stored.bytes, stored.sha256) == (len(content), sha256(content))


def test_the_resident_file_holds_the_checkpoints_tensors(
    store: Path, checkpoint: Checkpoint
) -> None:
    resident = load_file(store / "resident.safetensors")
    assert set(resident) == set(checkpoint.resident)
    for name, tensor in checkpoint.resident.items():
        assert np.array_equal(resident[name], tensor)


def test_resident_bytes_count_the_tensors_alone(store: Path, checkpoint: Checkpoint) -> None:
    expected = sum(tensor.nbytes for tensor in checkpoint.resident.values())
    assert manifest_of(store).resident_bytes == expected


def test_decoded_bytes_are_those_of_a_slice(store: Path, checkpoint: Checkpoint) -> None:
    cut = cut_slice(checkpoint.layers[0], 0, 3)
    assert manifest_of(store).decoded_shard_bytes == sum(matrix.nbytes for matrix in cut)


def test_shards_lie_in_the_order_of_layer_and_slice(store: Path, checkpoint: Checkpoint) -> None:
    shards = (
        matrix.tobytes()
        for layer in checkpoint.layers
        for index in range(3)
        for matrix in cut_slice(layer, index, 3)
    )
    assert (store / "shards-32.bin").read_bytes() == b"".join(shards)


def test_the_runtime_verifies_a_fresh_store(store: Path) -> None:
    ShardStore.open(store).verify()


@pytest.mark.parametrize("workers", [1, 2])
def test_equal_checkpoints_give_equal_bytes(
    tmp_path: Path, store: Path, checkpoint: Checkpoint, workers: int
) -> None:
    build_store(checkpoint, tmp_path / "again", workers=workers)
    assert contents(tmp_path / "again") == contents(store)


def test_a_checkpoint_without_tokenizer_gives_a_store_without(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(write_checkpoint(tmp_path / "checkpoint", tokenizer=False))
    manifest = build_store(checkpoint, tmp_path / "store")
    assert manifest.store is not None
    assert manifest.store.tokenizer is None
    assert not (tmp_path / "store" / "tokenizer.json").exists()


def test_options_reach_the_manifest(tmp_path: Path, checkpoint: Checkpoint) -> None:
    options = StoreOptions(bitwidths=(2, 32), slice_selection="prefix", depths=(2,), widths=(1, 3))
    manifest = build_store(checkpoint, tmp_path / "store", options=options)
    assert manifest.bitwidths == (2, 32)
    assert manifest.slice_selection == "prefix"
    assert (manifest.depths, manifest.widths) == ((2,), (1, 3))


def test_all_depths_and_widths_are_offered_unless_told(store: Path) -> None:
    manifest = manifest_of(store)
    assert (manifest.depths, manifest.widths) == ((1, 2), (1, 2, 3))


def elastic_checkpoint(folder: Path) -> Checkpoint:
    elastic = {"slice_selection": "prefix", "depths": [2], "widths": [1, 3]}
    return read_checkpoint(write_checkpoint(folder, config={"shardstream": elastic}))


def test_the_submodels_of_an_elastic_checkpoint_are_offered(tmp_path: Path) -> None:
    manifest = build_store(elastic_checkpoint(tmp_path / "checkpoint"), tmp_path / "store")
    assert manifest.slice_selection == "prefix"
    assert (manifest.depths, manifest.widths) == ((2,), (1, 3))


def test_options_prevail_over_what_an_elastic_checkpoint_says(tmp_path: Path) -> None:
    options = StoreOptions(bitwidths=(32,), slice_selection="any", depths=(1, 2))
    checkpoint = elastic_checkpoint(tmp_path / "checkpoint")
    manifest = build_store(checkpoint, tmp_path / "store", options=options)
    assert manifest.slice_selection == "any"
    assert (manifest.depths, manifest.widths) == ((1, 2), (1, 3))


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (StoreOptions(bitwidths=(2, 7)), "bitwidth must be one of .* got 7"),
        (StoreOptions(bitwidths=()), r"bitwidths must rise strictly within 1..32, got \[\]"),
        (StoreOptions(bitwidths=(3, 2)), r"bitwidths must rise strictly.*got \[3, 2\]"),
        (StoreOptions(depths=(1, 3)), r"depths must rise strictly within 1..2, got \[1, 3\]"),
        (StoreOptions(depths=(0,)), r"depths must rise strictly within 1..2, got \[0\]"),
        (StoreOptions(widths=(4,)), r"widths must rise strictly within 1..3, got \[4\]"),
    ],
)
def test_options_outside_their_range_are_refused(
    tmp_path: Path, checkpoint: Checkpoint, options: StoreOptions, rule: str
) -> None:
    with pytest.raises(BuilderError, match=rule):
        build_store(checkpoint, tmp_path / "store", options=options)


def test_progress_counts_the_layers(tmp_path: Path, checkpoint: Checkpoint) -> None:
    seen: list[tuple[int, int]] = []
    build_store(
        checkpoint, tmp_path / "store", progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 2), (2, 2)]


def interrupt_after(layers: int) -> Callable[[int, int], None]:
    def interrupt(done: int, _total: int) -> None:
        if done == layers:
            raise KeyboardInterrupt

    return interrupt


def test_an_interrupted_build_goes_on_to_the_same_store(
    tmp_path: Path, checkpoint: Checkpoint, store: Path
) -> None:
    place, seen = tmp_path / "place" / "store", list[tuple[int, int]]()
    with pytest.raises(KeyboardInterrupt):
        build_store(checkpoint, place, progress=interrupt_after(1))
    assert [path.name for path in place.parent.iterdir()] == [".store.layers"]
    build_store(checkpoint, place, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 2)]
    assert contents(place) == contents(store)
    assert [path.name for path in place.parent.iterdir()] == ["store"]


def test_what_a_killed_build_leaves_goes_with_the_next(
    tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed where the store is whole and not yet in its place: nothing is cleaned up."""

    def killed(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    place = tmp_path / "place" / "store"
    with monkeypatch.context() as patch:
        patch.setattr("shard_builder.store_writer.move_into_place", killed)
        patch.setattr("shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            build_store(checkpoint, place)
    build_store(checkpoint, place)
    assert [path.name for path in place.parent.iterdir()] == ["store"]


def test_layers_of_another_build_are_not_taken(
    tmp_path: Path, checkpoint: Checkpoint, store: Path
) -> None:
    other = read_checkpoint(write_checkpoint(tmp_path / "other", seed=1))
    place = tmp_path / "place" / "store"
    with pytest.raises(KeyboardInterrupt):
        build_store(other, place, progress=interrupt_after(2))
    build_store(checkpoint, place)
    assert contents(place) == contents(store)


def test_layers_by_another_quantiser_are_not_taken(tmp_path: Path, checkpoint: Checkpoint) -> None:
    place = tmp_path / "place" / "store"
    with pytest.raises(KeyboardInterrupt):
        build_store(
            checkpoint, place, options=StoreOptions(quantiser="gobo"), progress=interrupt_after(2)
        )
    seen: list[tuple[int, int]] = []
    build_store(checkpoint, place, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_an_empty_folder_is_filled(tmp_path: Path, checkpoint: Checkpoint) -> None:
    (tmp_path / "store").mkdir()
    build_store(checkpoint, tmp_path / "store")
    ShardStore.open(tmp_path / "store").verify()


def test_the_same_store_is_left_as_it_is(store: Path, checkpoint: Checkpoint) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.iterdir()}
    assert build_store(checkpoint, store) == manifest_of(store)
    assert {path: path.stat().st_mtime_ns for path in store.iterdir()} == before


def test_a_store_of_another_model_is_refused(tmp_path: Path, store: Path) -> None:
    other = read_checkpoint(write_checkpoint(tmp_path / "other", seed=1))
    before = contents(store)
    beside = {path.name for path in store.parent.iterdir()}
    with pytest.raises(StoreExistsError, match=r"differs in manifest\.json"):
        build_store(other, store)
    assert contents(store) == before
    assert {path.name for path in store.parent.iterdir()} == beside


def test_a_damaged_store_is_refused(store: Path, checkpoint: Checkpoint) -> None:
    (store / "shards-2.bin").write_bytes(b"short")
    with pytest.raises(StoreExistsError, match=r"differs in shards-2\.bin"):
        build_store(checkpoint, store)


def test_a_folder_with_other_files_is_refused(tmp_path: Path, checkpoint: Checkpoint) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "note.txt").write_text("mine")
    with pytest.raises(StoreExistsError, match="needs an empty or absent folder"):
        build_store(checkpoint, tmp_path / "store")
    assert contents(tmp_path / "store") == {"note.txt": b"mine"}


def test_a_file_in_the_place_is_refused(tmp_path: Path, checkpoint: Checkpoint) -> None:
    (tmp_path / "store").write_text("mine")
    with pytest.raises(StoreExistsError, match="a store must be a folder, got the file"):
        build_store(checkpoint, tmp_path / "store")


def test_a_store_is_readable_like_its_surroundings(store: Path) -> None:
    assert store.stat().st_mode & 0o777 == 0o755


def test_the_manifest_is_plain_json(store: Path) -> None:
    assert json.loads((store / "manifest.json").read_text())["store"]["quantiser"] == "kmeans"


@pytest.fixture
def calibration(tmp_path: Path, checkpoint: Checkpoint) -> Calibration:
    (tmp_path / "text.txt").write_text("w5 w6 w7\nw8 w9\nw10 w11 w12 w13\n")
    return calibrate(checkpoint, tmp_path / "text.txt")


def test_a_store_with_a_calibration_is_compensated_and_names_it(
    tmp_path: Path, checkpoint: Checkpoint, calibration: Calibration
) -> None:
    index = build_store(
        checkpoint, tmp_path / "store", options=StoreOptions(calibration=calibration)
    ).store
    assert index is not None
    assert (index.quantiser, index.calibration) == ("compensated", calibration.source)
    ShardStore.open(tmp_path / "store").verify()


@pytest.mark.parametrize("name", ["gobo", "gobo-layer", "kmeans"])
def test_a_quantiser_without_data_names_no_calibration(
    tmp_path: Path, checkpoint: Checkpoint, calibration: Calibration, name: QuantiserName
) -> None:
    options = StoreOptions(quantiser=name, calibration=calibration)
    index = build_store(checkpoint, tmp_path / "store", options=options).store
    assert index is not None
    assert (index.quantiser, index.calibration) == (name, None)


def test_compensation_without_a_calibration_is_refused(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    with pytest.raises(CalibrationError, match="compensated needs a calibration text, got none"):
        build_store(checkpoint, tmp_path / "store", options=StoreOptions(quantiser="compensated"))
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_equal_calibrations_give_equal_bytes(
    tmp_path: Path, checkpoint: Checkpoint, calibration: Calibration, workers: int
) -> None:
    options = StoreOptions(calibration=calibration)
    for name in ("one", "two"):
        build_store(
            checkpoint, tmp_path / name, options=options, workers=workers if name == "two" else 1
        )
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
