"""What holds for every document: strict, closed, frozen, finite, read and written as JSON."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from builders import BITS, device, device_json, e1_json
from plan_contracts import ContractError, DeviceProfile, Document, PlanRequest

if TYPE_CHECKING:
    from pathlib import Path


def tiny_device() -> dict[str, Any]:
    return device_json(layer_us={1: 60, 2: 100}, decode_us=dict.fromkeys(BITS, 0))


def changed(document: dict[str, Any], where: str, value: object) -> str:
    """The JSON text of the document with the field at the dotted path set to the value."""
    result = copy.deepcopy(document)
    *parents, last = where.split(".")
    inner: Any = result
    for name in parents:
        inner = inner[int(name) if isinstance(inner, list) else name]
    inner[last] = value
    return json.dumps(result)


def refusal(text: str | bytes, document: type[Document] = DeviceProfile) -> str:
    with pytest.raises(ContractError) as caught:
        document.from_json(text)
    return str(caught.value)


@pytest.mark.parametrize("value", ["3", 3.0, 3.5, True, None, float("nan"), [], {}])
def test_an_integer_is_nothing_else(value: object) -> None:
    assert "memory_bytes" in refusal(changed(tiny_device(), "memory_bytes", value))


@pytest.mark.parametrize("value", ["0.5", False, None, float("nan"), float("inf"), -0.5])
def test_a_number_is_finite_and_nothing_else(value: object) -> None:
    text = changed(tiny_device(), "compute.0.jitter_sigma", value)
    assert "compute.0.jitter_sigma" in refusal(text)


@pytest.mark.parametrize("value", [0, 1, "true", None])
def test_a_boolean_is_nothing_else(value: object) -> None:
    request: dict[str, Any] = {**e1_json(), "options": {}}
    rules = [{"layer": 0, "slice": 0, "preload": value}]
    if value is None:
        assert PlanRequest.from_json(changed(request, "options.pins", rules))
    else:
        message = refusal(changed(request, "options.pins", rules), PlanRequest)
        assert f"options.pins.0.preload: Input should be a valid boolean, got {value!r}" in message


@pytest.mark.parametrize("value", [0, 2, 1.0, True, "1", None])
def test_the_schema_version_is_the_integer_1(value: object) -> None:
    assert f"got {value!r}" in refusal(changed(tiny_device(), "schema_version", value))


def test_the_schema_version_may_be_left_out() -> None:
    document = tiny_device()
    del document["schema_version"]
    assert DeviceProfile.from_json(json.dumps(document)).schema_version == 1


@pytest.mark.parametrize("where", ["colour", "storage.colour", "compute.0.colour"])
def test_unknown_fields_are_refused_by_name(where: str) -> None:
    message = refusal(changed(tiny_device(), where, "red"))
    assert f"{where}: Extra inputs are not permitted, got 'red'" in message


@pytest.mark.parametrize("key", ["02", " 2", "+2", "2.0", "2_0", "-2", "", "two", "9" * 5000])
def test_an_integer_key_has_one_spelling(key: str) -> None:
    message = refusal(changed(tiny_device(), "compute.0.layer_us", {"2": 60, key: 70}))
    assert "keys must be plain decimal integers" in message


def test_integers_stop_where_json_readers_round() -> None:
    largest = 2**53 - 1
    assert DeviceProfile.from_json(changed(tiny_device(), "memory_bytes", largest))
    assert str(largest) in refusal(changed(tiny_device(), "memory_bytes", largest + 1))


@pytest.mark.parametrize("date", ["21.11.2026", "2026-11-21T10:00:00", "2026-13-01", 0])
def test_a_date_is_a_day(date: object) -> None:
    assert "provenance.date" in refusal(changed(tiny_device(), "provenance.date", date))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"name": ', b"\xff\xfe"])
def test_text_that_is_no_object_is_refused(text: str | bytes) -> None:
    assert refusal(text).startswith("DeviceProfile: document: ")


def test_a_document_is_frozen() -> None:
    profile = DeviceProfile.from_json(json.dumps(tiny_device()))
    with pytest.raises(ValidationError, match="frozen"):
        profile.name = "other"  # pyright: ignore[reportAttributeAccessIssue] -- what is tested


def test_a_document_survives_its_own_json() -> None:
    profile = DeviceProfile.from_json(json.dumps(tiny_device()))
    assert DeviceProfile.from_json(profile.to_json(indent=2)) == profile


def test_null_fields_are_in_the_json_but_not_in_the_canonical_form() -> None:
    profile = DeviceProfile.from_json(json.dumps(tiny_device()))
    assert json.loads(profile.to_json())["operating_points"] is None
    assert b"null" not in profile.canonical()


def test_a_null_field_and_an_absent_one_have_the_same_digest() -> None:
    absent = DeviceProfile.from_json(json.dumps(tiny_device()))
    null = DeviceProfile.from_json(changed(tiny_device(), "operating_points", None))
    assert absent.content_digest() == null.content_digest()


def test_order_and_spelling_of_numbers_do_not_reach_the_digest() -> None:
    document = tiny_device()
    turned = dict(reversed(document.items()))
    turned["compute"][0]["jitter_sigma"] = 0
    assert (
        DeviceProfile.from_json(json.dumps(turned)).digest
        == DeviceProfile.from_json(json.dumps(document, indent=4)).digest
    )


def test_a_changed_number_changes_the_digest() -> None:
    other = DeviceProfile.from_json(changed(tiny_device(), "memory_bytes", 1))
    assert other.digest != DeviceProfile.from_json(json.dumps(tiny_device())).digest


def test_reading_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "board.json"
    path.write_text(changed(tiny_device(), "memory_bytes", -1))
    with pytest.raises(ContractError, match=r"board\.json: DeviceProfile: memory_bytes.*got -1"):
        DeviceProfile.from_file(path)


def test_reading_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "board.json"
    path.write_text(json.dumps(tiny_device()))
    assert DeviceProfile.from_file(path).name == "tiny-device"


def test_a_missing_file_is_an_operating_system_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DeviceProfile.from_file(tmp_path / "absent.json")


def test_a_copy_has_its_own_digest() -> None:
    one = device(e1_json()["device"])
    before = one.digest
    other = one.model_copy(update={"name": "other"})
    assert other.digest == DeviceProfile.from_json(other.to_json()).digest
    assert other.digest != before
    assert one.model_copy().digest == before


def test_a_digest_that_was_asked_for_changes_nothing() -> None:
    asked, unasked = device(e1_json()["device"]), device(e1_json()["device"])
    assert asked.digest == asked.content_digest()
    assert asked == unasked
    assert asked.to_json() == unasked.to_json()
