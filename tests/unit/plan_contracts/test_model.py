"""ModelManifest: shapes, digests, and the index of a store."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builders import e1_json, model, model_json
from plan_contracts import ContractError, DigestMismatchError, ModelManifest

OTHER_DIGEST = "sha256:" + "0" * 64
SIZES = {2: [[20, 21], [22, 23]], 32: [[320, 321], [322, 323]]}


def manifest_json(**fields: object) -> dict[str, Any]:
    return model_json(SIZES) | fields


def stored_json() -> dict[str, Any]:
    """The store index of SIZES: the shards of each bitwidth back to back."""
    shards: dict[str, list[list[dict[str, object]]]] = {}
    for bits, rows in SIZES.items():
        offset = 0
        shards[str(bits)] = []
        for row in rows:
            shards[str(bits)].append([])
            for size in row:
                entry = {"file": f"shards-{bits}.bin", "offset": offset, "length": size}
                shards[str(bits)][-1].append({**entry, "sha256": OTHER_DIGEST})
                offset += size
    return {
        "quantiser": "gobo",
        "architecture": {
            "family": "bert",
            "vocabulary": 30,
            "maximum_positions": 16,
            "layer_norm_epsilon": 1e-12,
            "activation": "gelu",
            "head": "classifier",
            "labels": ["no", "yes"],
        },
        "resident": {"file": "resident.safetensors", "bytes": 100, "sha256": OTHER_DIGEST},
        "shards": shards,
    }


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(ContractError) as caught:
        ModelManifest.from_json(json.dumps(document))
    return str(caught.value)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"bitwidths": [32, 2]}, "bitwidths must rise strictly, got [32, 2]"),
        ({"bitwidths": [2, 2, 32]}, "bitwidths must rise strictly, got [2, 2, 32]"),
        ({"bitwidths": [2, 3, 32]}, "must have the bitwidths [2, 3, 32], got [2, 32]"),
        ({"bitwidths": [2, 33]}, "less than or equal to 32, got 33"),
        ({"bitwidths": []}, "at least 1 item"),
        ({"depths": [2, 1]}, "depths must rise strictly, got [2, 1]"),
        ({"depths": [1, 3]}, "depths must be at most 2, got 3"),
        ({"depths": []}, "at least 1 item"),
        ({"widths": [0, 1]}, "greater than or equal to 1, got 0"),
        ({"widths": [1, 3]}, "widths must be at most 2, got 3"),
        ({"layers": 3}, "shard_bytes.2 must have 3 rows, one a layer, got 2"),
        ({"slices": 3}, "shard_bytes.2.0 must have 3 entries, one a slice, got 2"),
        ({"resident_bytes": -1}, "greater than or equal to 0, got -1"),
        ({"slice_selection": "first"}, "'any' or 'prefix', got 'first'"),
        ({"model": ""}, "at least 1 character"),
        ({"digest": "sha256:12"}, "digest: "),
        ({"digest": "sha256:" + "A" * 64}, "digest: "),
    ],
)
def test_a_broken_rule_is_named_with_its_value(fields: dict[str, object], rule: str) -> None:
    assert rule in refusal(manifest_json(**fields))


@pytest.mark.parametrize("size", [0, -1, True, 2.5, "20", None])
def test_a_shard_has_a_positive_size(size: object) -> None:
    document = manifest_json()
    document["shard_bytes"]["2"][1][0] = size
    message = refusal(document)
    assert "shard_bytes.2.1.0: " in message
    assert f"got {size!r}" in message


def test_a_short_row_is_named() -> None:
    document = manifest_json()
    document["shard_bytes"]["32"][1] = [322]
    assert "shard_bytes.32.1 must have 2 entries, one a slice, got 1" in refusal(document)


def test_the_digest_is_computed_with_the_field_absent() -> None:
    sealed = model(manifest_json())
    assert sealed.digest == ModelManifest.from_json(json.dumps(manifest_json())).content_digest()


def test_sealing_twice_changes_nothing() -> None:
    assert model(manifest_json()).sealed() == model(manifest_json())


def test_a_sealed_manifest_survives_its_own_json() -> None:
    sealed = model(manifest_json(store=stored_json()))
    assert ModelManifest.from_json(sealed.to_json()).sealed() == sealed


def test_a_wrong_digest_is_refused_with_both() -> None:
    manifest = ModelManifest.from_json(json.dumps(manifest_json(digest=OTHER_DIGEST)))
    with pytest.raises(DigestMismatchError) as caught:
        manifest.sealed()
    assert OTHER_DIGEST in str(caught.value)
    assert manifest.computed_digest() in str(caught.value)


def test_a_changed_size_changes_the_digest() -> None:
    document = manifest_json()
    document["shard_bytes"]["2"][0][0] = 19
    assert model(document).digest != model(manifest_json()).digest


def test_the_digest_of_a_known_manifest_stays_what_it_was() -> None:
    # Plans in the field name their model by it: a new optional field must not change it.
    assert model(e1_json()["model"]).digest == (
        "sha256:8329c2e194a5ae5059b51a6ee51967666bba4ef974f2a76a81b5a7d992fa4505"
    )


def test_an_index_whose_lengths_are_the_sizes_is_taken() -> None:
    store = model(manifest_json(store=stored_json())).store
    assert store is not None
    assert store.shards[32][1][1].offset == 320 + 321 + 322


def test_an_index_of_another_length_is_refused() -> None:
    store = stored_json()
    store["shards"]["32"][1][0]["length"] = 7
    message = refusal(manifest_json(store=store))
    assert "store.shards.32.1.0.length must equal shard_bytes 322, got 7" in message


def test_an_index_has_every_bitwidth() -> None:
    store = stored_json()
    del store["shards"]["2"]
    message = refusal(manifest_json(store=store))
    assert "store.shards must have the bitwidths [2, 32], got [32]" in message


def test_an_index_has_every_shard() -> None:
    store = stored_json()
    del store["shards"]["2"][0][1]
    message = refusal(manifest_json(store=store))
    assert "store.shards.2.0 must have 2 entries, one a slice, got 1" in message


@pytest.mark.parametrize("name", ["../shards.bin", "/etc/passwd", "a/b", "..", ".", "", ".hidden"])
def test_a_stored_file_lies_in_the_store(name: str) -> None:
    store = stored_json()
    store["resident"]["file"] = name
    assert "store.resident.file: String should match pattern" in refusal(manifest_json(store=store))
