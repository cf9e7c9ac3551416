from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from plan_contracts import ContractError
from shard_runtime.errors import StoreError
from shard_runtime.store import ShardStore
from stores import write_store

if TYPE_CHECKING:
    from pathlib import Path

    from stores import WrittenStore


@pytest.fixture
def written(tmp_path: Path) -> WrittenStore:
    return write_store(tmp_path / "store")


def change_manifest(folder: Path, **fields: object) -> None:
    path = folder / "manifest.json"
    manifest: dict[str, Any] = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, **fields}))


def flip_byte(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_resident_tensors_are_those_written(written: WrittenStore) -> None:
    store = ShardStore.open(written.folder)
    assert store.resident.keys() == written.resident.keys()
    for name, tensor in written.resident.items():
        assert np.array_equal(store.resident[name], tensor)


def test_a_shard_is_the_range_the_manifest_lists(written: WrittenStore) -> None:
    store = ShardStore.open(written.folder)
    stored = store.range_of(1, 2, 3)
    content = (written.folder / "shards-3.bin").read_bytes()
    expected = content[stored.offset : stored.offset + stored.length]
    assert bytes(store.read_encoded(1, 2, 3)) == expected


def test_a_whole_store_verifies(written: WrittenStore) -> None:
    ShardStore.open(written.folder).verify()


def test_its_digest_is_the_manifest_s(written: WrittenStore) -> None:
    assert ShardStore.open(written.folder).digest == written.manifest.digest


def test_a_folder_without_a_manifest_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"must hold manifest.json"):
        ShardStore.open(tmp_path)


def test_a_manifest_that_is_not_sealed_is_refused(written: WrittenStore) -> None:
    change_manifest(written.folder, digest=None)
    with pytest.raises(StoreError, match="must be sealed"):
        ShardStore.open(written.folder)


def test_a_changed_manifest_is_refused(written: WrittenStore) -> None:
    change_manifest(written.folder, model="another")
    with pytest.raises(StoreError, match="digest must be sha256"):
        ShardStore.open(written.folder)


def test_a_manifest_that_breaks_a_rule_is_refused(written: WrittenStore) -> None:
    change_manifest(written.folder, layers=-1)
    with pytest.raises(ContractError, match=r"manifest.json: .*layers.*got -1"):
        ShardStore.open(written.folder)


def test_a_manifest_without_an_index_is_refused(written: WrittenStore) -> None:
    bare = written.manifest.model_copy(update={"store": None, "digest": None}).sealed()
    (written.folder / "manifest.json").write_text(bare.to_json())
    with pytest.raises(StoreError, match="no store index"):
        ShardStore.open(written.folder)


@pytest.mark.parametrize("name", ["shards-2.bin", "resident.safetensors"])
def test_a_missing_file_is_named(written: WrittenStore, name: str) -> None:
    (written.folder / name).unlink()
    with pytest.raises(StoreError, match=f"{name}: the manifest lists this file"):
        ShardStore.open(written.folder)


@pytest.mark.parametrize("name", ["shards-2.bin", "resident.safetensors"])
def test_a_truncated_file_is_refused_with_both_sizes(written: WrittenStore, name: str) -> None:
    content = (written.folder / name).read_bytes()
    (written.folder / name).write_bytes(content[:-10])
    with pytest.raises(StoreError, match=rf"must have {len(content)} bytes .* {len(content) - 10}"):
        ShardStore.open(written.folder)


def test_a_file_truncated_after_opening_is_noticed(written: WrittenStore) -> None:
    store = ShardStore.open(written.folder)
    (written.folder / "shards-2.bin").write_bytes(b"short")
    with pytest.raises(StoreError, match="the file ends before byte"):
        store.read_encoded(1, 2, 2)


def test_a_flipped_byte_in_a_shard_is_noticed(written: WrittenStore) -> None:
    flip_byte(written.folder / "shards-4.bin", 5)
    store = ShardStore.open(written.folder)
    with pytest.raises(StoreError, match="must have digest"):
        store.read_encoded(0, 0, 4)
    with pytest.raises(StoreError, match="must have digest"):
        store.verify()


def test_other_shards_of_a_damaged_file_are_still_good(written: WrittenStore) -> None:
    flip_byte(written.folder / "shards-4.bin", 5)
    ShardStore.open(written.folder).read_encoded(0, 1, 4)


@pytest.mark.parametrize("at", [9, -1])
def test_a_flipped_byte_in_the_resident_part_is_noticed(written: WrittenStore, at: int) -> None:
    flip_byte(written.folder / "resident.safetensors", at)
    with pytest.raises(StoreError, match="digest must be"):
        ShardStore.open(written.folder)


def test_a_header_longer_than_its_file_is_refused(written: WrittenStore) -> None:
    path = written.folder / "resident.safetensors"
    path.write_bytes(struct.pack("<Q", 2**40) + path.read_bytes()[8:])
    with pytest.raises(StoreError, match="header's length must be at most"):
        ShardStore.open(written.folder)


@pytest.mark.parametrize("place", [(2, 0, 2), (0, 3, 2), (0, 0, 8), (-1, 0, 2)])
def test_a_shard_the_store_lacks_is_refused(
    written: WrittenStore, place: tuple[int, int, int]
) -> None:
    with pytest.raises(StoreError, match=rf"got layer {place[0]}, slice {place[1]} at {place[2]}"):
        ShardStore.open(written.folder).range_of(*place)


@pytest.mark.parametrize("field", ["vocabulary", "maximum_positions", "token_types"])
def test_resident_tensors_of_another_shape_are_refused(written: WrittenStore, field: str) -> None:
    index = written.manifest.store
    assert index is not None
    architecture = index.architecture.model_copy(update={field: 3})
    changed = index.model_copy(update={"architecture": architecture})
    manifest = written.manifest.model_copy(update={"store": changed, "digest": None}).sealed()
    (written.folder / "manifest.json").write_text(manifest.to_json())
    with pytest.raises(StoreError, match=r"embeddings\.\w+ must have shape \(3, 24\), got"):
        ShardStore.open(written.folder)


def test_a_missing_resident_tensor_is_named(tmp_path: Path) -> None:
    written = write_store(tmp_path, head="cls_embedding", labels=[])
    index = written.manifest.store
    assert index is not None
    architecture = index.architecture.model_copy(update={"head": "classifier"})
    changed = index.model_copy(update={"architecture": architecture})
    manifest = written.manifest.model_copy(update={"store": changed, "digest": None}).sealed()
    (written.folder / "manifest.json").write_text(manifest.to_json())
    with pytest.raises(StoreError, match=r"head.dense.weight must have shape .* got None"):
        ShardStore.open(written.folder)
