"""The shipped profiles: valid, named after their files, honest about where numbers come from."""

from __future__ import annotations

import pytest

from builders import model, model_json
from device_profiles import catalog
from plan_contracts import ContractError, DeviceProfile, Geometry, ModelManifest

NAMES = catalog.names()
BERT_BASE = Geometry(hidden=768, heads=12, ffn=3072)
EXAMPLE_MODEL = Geometry(hidden=384, heads=12, ffn=1536)
WEIGHTS_OF_A_SHARD = 589_824


def test_the_catalogue_names_its_devices() -> None:
    assert NAMES == ["jetson-nano", "odroid-n2plus", "raspberry-pi-4", "rock-5b-emmc", "ufs4-phone"]


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_has_the_name_of_its_file(name: str) -> None:
    assert catalog.load(name).name == name


def test_an_unknown_name_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ContractError, match=r"odroid-n2plus, .*, got 'toaster'"):
        catalog.load("toaster")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sequence_length", [32, 64, 128])
def test_every_profile_has_an_entry_for_the_example_model(name: str, sequence_length: int) -> None:
    profile = catalog.load(name)
    for target in {entry.target for entry in profile.compute}:
        assert profile.compute_for(target, EXAMPLE_MODEL, sequence_length).layer_us


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_computes_on_its_cpu(name: str) -> None:
    assert catalog.load(name).compute_for("cpu", BERT_BASE, 128).layer_us


@pytest.mark.parametrize("name", NAMES)
def test_a_description_says_what_is_published_and_what_is_not(name: str) -> None:
    description = catalog.load(name).description.lower()
    assert "published" in description
    assert "estimated" in description or "taken as" in description


@pytest.mark.parametrize("name", NAMES)
def test_nothing_claims_to_be_measured(name: str) -> None:
    profile = catalog.load(name)
    parts = (profile.storage.provenance, *(entry.provenance for entry in profile.compute))
    assert "measured" not in {profile.provenance.kind, *(part.kind for part in parts if part)}


@pytest.mark.parametrize("name", NAMES)
def test_a_scaled_entry_is_what_the_rule_gives_today(name: str) -> None:
    shipped = catalog.load(name)
    own = tuple(entry for entry in shipped.compute if not entry.provenance)
    bare = shipped.model_copy(update={"compute": own})
    for entry in shipped.compute:
        if entry.provenance:
            model = model_of(entry.geometry)
            again = catalog.scale(bare, model, entry.target, entry.sequence_length)
            assert again.compute[-1] == entry


def model_of(geometry: Geometry) -> ModelManifest:
    document = model_json({2: [[1] * geometry.heads]}, geometry=geometry.model_dump())
    return model(document)


@pytest.mark.parametrize(
    ("bits", "milliseconds"),
    [(2, 1.7672), (3, 2.6509), (4, 3.5345), (5, 4.4181), (6, 5.3017), (32, 28.2758)],
)
def test_sti_reading_times_are_reproduced(bits: int, milliseconds: float) -> None:
    read_us = odroid().storage.read_us(WEIGHTS_OF_A_SHARD * bits // 8)
    assert read_us == pytest.approx(1000 * milliseconds, abs=1.5)


def odroid() -> DeviceProfile:
    return catalog.load("odroid-n2plus")


STI_WIDTHS = range(3, 13)
STI_COMPUTE_MS = (35, 44, 52, 58, 65, 70, 75, 83, 87, 95)
STI_COMPUTE_AND_DECODE_MS = (41, 52, 62, 70, 79, 86, 93, 103, 109, 119)


def test_sti_compute_times_are_reproduced() -> None:
    entry = odroid().compute_for("cpu", BERT_BASE, 128)
    layers_ms = [entry.layer_compute_us(width) / 1000 for width in STI_WIDTHS]
    assert layers_ms == list(STI_COMPUTE_MS)


def test_sti_compute_times_with_decoding_are_reproduced() -> None:
    entry = odroid().compute_for("cpu", BERT_BASE, 128)
    steps_us = [entry.layer_compute_us(m) + m * entry.decode_us(2) for m in STI_WIDTHS]
    assert [us / 1000 for us in steps_us] == list(STI_COMPUTE_AND_DECODE_MS)


def test_fp32_shards_need_no_decoding() -> None:
    assert odroid().compute_for("cpu", BERT_BASE, 128).decode_us(32) == 0


@pytest.mark.parametrize(
    ("kilobytes", "megabytes_per_s"), [(4, 450), (512, 4000)], ids=["4 KB", "512 KB"]
)
def test_the_phone_reads_as_fast_as_published(kilobytes: int, megabytes_per_s: int) -> None:
    size = 1024 * kilobytes
    assert catalog.load("ufs4-phone").storage.read_us(size) == -(-size // megabytes_per_s)


def test_the_raspberry_pi_reads_4_kib_as_fast_as_published() -> None:
    read_us = catalog.load("raspberry-pi-4").storage.read_us(4096)
    assert 4096 / read_us == pytest.approx(9.82, rel=0.005)
