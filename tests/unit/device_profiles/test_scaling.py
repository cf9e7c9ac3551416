"""The rule by which a compute entry is estimated from another."""

from __future__ import annotations

import pytest

from builders import PROVENANCE, device, device_json, model, model_json
from device_profiles.catalog import scale
from plan_contracts import Compute, ContractError, DeviceProfile, ModelManifest

LAYER_US = {4: 40_000, 8: 80_000, 12: 100_000}


def profile(**entry: object) -> DeviceProfile:
    document = device_json(layer_us=LAYER_US, decode_us={2: 1200, 32: 0})
    document["compute"][0] |= {
        "geometry": {"hidden": 96, "heads": 12, "ffn": 384},
        "sequence_length": 64,
        "fixed_us": 640,
        "activation_bytes": 4 * (64 * (6 * 96 + 384) + 12 * 64**2),
        **entry,
    }
    return device(document)


def manifest(*, hidden: int = 96, heads: int = 12, ffn: int = 384) -> ModelManifest:
    geometry = {"hidden": hidden, "heads": heads, "ffn": ffn}
    return model(model_json({2: [[1] * heads]}, geometry=geometry))


def scaled(length: int = 64, *, hidden: int = 96, heads: int = 12, ffn: int = 384) -> Compute:
    return scale(profile(), manifest(hidden=hidden, heads=heads, ffn=ffn), "cpu", length).compute[
        -1
    ]


def test_layers_follow_multiply_accumulates() -> None:
    wide, narrow = 96 * (4 * 96 + 2 * 384), 48 * (4 * 48 + 2 * 192)
    factor = (64 * narrow + 2 * 64**2 * 48) / (64 * wide + 2 * 64**2 * 96)
    assert scaled(hidden=48, ffn=192).layer_us[12] == pytest.approx(100_000 * factor, abs=1)


def test_longer_inputs_cost_more_than_in_proportion() -> None:
    assert scaled(128).layer_us[12] > 2 * 100_000


def test_widths_between_known_ones_are_interpolated() -> None:
    assert scaled(65).layer_us[6] == pytest.approx(60_000 * 65 / 64, rel=0.01)


def test_widths_outside_the_known_ones_are_left_out() -> None:
    assert sorted(scaled(32).layer_us) == list(range(4, 13))


def test_widths_of_another_number_of_heads_go_by_their_share() -> None:
    times = scaled(heads=6).layer_us
    assert sorted(times) == [2, 3, 4, 5, 6]
    assert (times[2], times[6]) == (40_000, 100_000)


def test_decoding_follows_the_weights_of_a_shard() -> None:
    assert scaled(hidden=48, ffn=192).shard_decode_us == {2: 300, 32: 0}
    assert scaled(heads=6).shard_decode_us == {2: 2400, 32: 0}


def test_the_fixed_part_follows_length_and_hidden_size() -> None:
    assert scaled(128, hidden=48, ffn=192).fixed_us == 640


def test_activation_memory_follows_the_tensors_of_a_layer() -> None:
    expected = 4 * (32 * (6 * 96 + 384) + 12 * 32**2)
    assert scaled(32).activation_bytes == expected


def test_times_are_rounded_up() -> None:
    fixed = profile(fixed_us=1)
    assert scale(fixed, manifest(), "cpu", 65).compute[-1].fixed_us == 2


def test_the_entry_says_that_it_is_estimated_and_how() -> None:
    provenance = scaled(32).provenance
    assert provenance is not None
    assert provenance.kind == "estimated"
    assert provenance.source.startswith(
        "scaled from (hidden 96, heads 12, ffn 384, sequence_length"
    )


def test_known_entries_stay_as_they_are() -> None:
    assert scale(profile(), manifest(), "cpu", 32).compute[:-1] == profile().compute


def test_the_new_entry_is_found_for_the_model() -> None:
    example = manifest(hidden=48, ffn=192)
    entry = scale(profile(), example, "cpu", 32).compute_for("cpu", example.geometry, 32)
    assert entry.provenance is not None


def test_the_nearest_length_of_the_same_geometry_is_scaled() -> None:
    with_short = with_entry(sequence_length=16, layer_us={"12": 7})
    assert set(scale(with_short, manifest(), "cpu", 24).compute[-1].layer_us) == {12}


def test_a_measured_entry_is_scaled_rather_than_an_estimated_nearer_one() -> None:
    estimated = {**PROVENANCE, "kind": "estimated"}
    nearer = with_entry(sequence_length=16, layer_us={"12": 7}, provenance=estimated)
    assert set(scale(nearer, manifest(), "cpu", 24).compute[-1].layer_us) > {12}


def with_entry(**fields: object) -> DeviceProfile:
    """The profile with its entry once more, some fields changed."""
    again = profile(**fields)
    return profile().model_copy(update={"compute": (*profile().compute, *again.compute)})


def test_an_entry_that_exists_is_not_estimated_again() -> None:
    with pytest.raises(ContractError, match="must not have an entry to estimate one"):
        scale(profile(), manifest(), "cpu", 64)


def test_an_unknown_compute_target_is_refused() -> None:
    with pytest.raises(ContractError, match=r"must be one of \['cpu'\], got 'npu'"):
        scale(profile(), manifest(), "npu", 32)
