from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from builders import BITS, device, device_json, e1_json, importance, model
from plan_contracts import ContractError, DeviceProfile, PlanRequest
from planner_api.errors import InvalidRequestError, NotFoundError
from planner_api.services.documents import (
    ShippedDocuments,
    find_registered,
    list_documents,
    own_name,
    register,
)
from planner_api.services.make_plan import make_plan
from service import registry_in

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = "odroid-n2plus"


def profile(**fields: Any) -> bytes:  # noqa: ANN401 - any field of a profile
    document = device_json(layer_us={1: 60}, decode_us=dict.fromkeys(BITS, 0), **fields)
    return json.dumps(document).encode()


def test_devices_of_the_catalogue_are_known_from_the_start(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        found = find_registered(registry, "device", SHIPPED)
    assert (found.name, found.version, found.created_us) == (SHIPPED, 0, None)


def test_devices_of_the_catalogue_are_known_by_digest(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        by_name = find_registered(registry, "device", SHIPPED)
        assert find_registered(registry, "device", by_name.digest).content == by_name.content


def test_an_example_can_be_planned_from_the_start(tmp_path: Path) -> None:
    asked = {
        "device": SHIPPED,
        "model": "all-MiniLM-L6-v2",
        "importance": "all-MiniLM-L6-v2/label-free",
        "target": {"latency_us": 200_000},
    }
    with registry_in(tmp_path) as registry:
        made = make_plan(PlanRequest.from_json(json.dumps(asked)), registry)
    assert made.plan_id is not None


def test_of_two_shipped_documents_the_later_has_the_name() -> None:
    documents = [DeviceProfile.from_json(profile(memory_bytes=size)) for size in (1000, 2000)]
    shipped = ShippedDocuments(documents)
    assert [found.digest for found in shipped.named("device")] == [documents[1].digest]
    assert shipped.by_digest("device", documents[0].digest) is not None


def test_a_registered_device_is_found_by_name_and_digest(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        entry = register(registry, "device", profile(), name=None).entry
        by_name = find_registered(registry, "device", "tiny-device")
        by_digest = find_registered(registry, "device", entry.digest)
    assert by_name.content == by_digest.content == device(json.loads(profile())).to_json()


def test_the_same_content_again_changes_nothing(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        first = register(registry, "device", profile(), name=None)
        again = register(registry, "device", profile(), name=None)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.entry.version == 1


def test_new_content_under_a_name_is_a_new_version(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        register(registry, "device", profile(), name=None)
        newer = register(registry, "device", profile(description="newer"), name=None)
        found = find_registered(registry, "device", "tiny-device")
    assert (newer.is_new, newer.entry.version) == (True, 2)
    assert found.digest == newer.entry.digest


def test_a_name_can_move_back(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        first = register(registry, "device", profile(), name=None)
        register(registry, "device", profile(description="newer"), name=None)
        back = register(registry, "device", profile(), name=None)
    assert (back.is_new, back.entry.version) == (True, 3)
    assert back.entry.digest == first.entry.digest


def test_a_registered_device_hides_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        register(registry, "device", profile(), name=SHIPPED)
        versions = {e.name: e.version for e in list_documents(registry, "device")}
    assert versions[SHIPPED] == 1


def test_a_name_can_be_given(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        register(registry, "device", profile(), name="another name")
        assert find_registered(registry, "device", "another name").kind == "device"
        with pytest.raises(NotFoundError):
            find_registered(registry, "device", "tiny-device")


@pytest.mark.parametrize("name", ["", "sha256:ab", "/a", "a/", "a\nb", "a\0", "ä", "a" * 201])
def test_a_name_that_cannot_stand_in_a_url_is_refused(tmp_path: Path, name: str) -> None:
    with (
        registry_in(tmp_path) as registry,
        pytest.raises(InvalidRequestError, match="a name to register under must be"),
    ):
        register(registry, "device", profile(), name=name)


@pytest.mark.parametrize("reference", ["nobody", "sha256:" + "0" * 64, "", "a\0b", "é"])
def test_an_unknown_reference_is_named(tmp_path: Path, reference: str) -> None:
    with (
        registry_in(tmp_path) as registry,
        pytest.raises(NotFoundError, match="no model is known by"),
    ):
        find_registered(registry, "model", reference)


def test_a_document_of_another_kind_is_not_found(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        entry = register(registry, "device", profile(), name=None).entry
        with pytest.raises(NotFoundError):
            find_registered(registry, "model", entry.digest)


def test_a_manifest_is_kept_with_its_digest(tmp_path: Path) -> None:
    body = json.dumps(e1_json()["model"]).encode()
    with registry_in(tmp_path) as registry:
        entry = register(registry, "model", body, name=None).entry
        content = find_registered(registry, "model", "tiny-model").content
    assert json.loads(content)["digest"] == entry.digest == model(e1_json()["model"]).digest


def test_a_manifest_with_a_wrong_digest_is_refused(tmp_path: Path) -> None:
    body = json.dumps({**e1_json()["model"], "digest": "sha256:" + "0" * 64}).encode()
    with registry_in(tmp_path) as registry, pytest.raises(ContractError, match="digest must be"):
        register(registry, "model", body, name=None)


def test_nothing_of_a_refused_document_is_kept(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        with pytest.raises(ContractError):
            register(registry, "device", profile(memory_bytes=-1), name=None)
        assert all(entry.created_us is None for entry in list_documents(registry, "device"))


def test_a_table_is_named_after_its_model_and_task() -> None:
    assert own_name(importance(e1_json()["importance"])) == "tiny-model/made-up"
