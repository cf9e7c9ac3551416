"""Documents registered on the page: checked first, errors at the field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from builders import e1_json
from device_profiles import catalog

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from browser import Visit


def choose(page: Page, file: Path, kind: str = "devices") -> None:
    """Choose a file, and wait for what the service says of it."""
    page.select_option("#upload-kind", kind)
    page.set_input_files("#upload-file", file)
    expect(page.locator("#upload-state")).not_to_be_empty()


@pytest.mark.parametrize(
    ("content", "pointer", "rule"),
    [
        ({"memory_bytes": -5}, "/memory_bytes", "-5"),
        ({"memory_bytes": "4"}, "/memory_bytes", "4"),
        ({"storage": {"bandwidth_bytes_per_s": 0}}, "/storage", "0"),
        ({"colour": "red"}, "/colour", "colour"),
    ],
)
def test_a_broken_rule_is_shown_with_its_field(
    visit: Visit, tmp_path: Path, content: dict[str, object], pointer: str, rule: str
) -> None:
    page = visit.open()
    profile = json.loads(catalog.load("odroid-n2plus").to_json()) | content
    file = tmp_path / "device.json"
    file.write_text(json.dumps(profile), encoding="utf-8")
    choose(page, file)
    errors = page.inner_text("#upload-errors")
    assert pointer in errors
    assert rule in errors
    assert page.is_disabled("#upload-register")


def test_what_is_not_json_is_named(visit: Visit, tmp_path: Path) -> None:
    page = visit.open()
    file = tmp_path / "device.json"
    file.write_text("name: odroid", encoding="utf-8")
    choose(page, file)
    assert "JSON" in page.inner_text("#upload-body")
    assert page.is_disabled("#upload-register")


def test_a_document_in_order_is_registered_and_can_be_chosen(visit: Visit, tmp_path: Path) -> None:
    page = visit.open()
    profile = json.loads(catalog.load("odroid-n2plus").to_json()) | {"name": "mine"}
    file = tmp_path / "device.json"
    file.write_text(json.dumps(profile), encoding="utf-8")
    choose(page, file)
    page.click("#upload-register")
    page.wait_for_selector("#device option[value='mine']", state="attached")
    assert "Registered: mine" in page.inner_text("#upload-state")


@pytest.mark.parametrize(("kind", "control"), [("models", "#model"), ("importance", "#importance")])
def test_every_kind_of_document_is_registered(
    visit: Visit, tmp_path: Path, kind: str, control: str
) -> None:
    page = visit.open()
    document = e1_json()["model" if kind == "models" else "importance"]
    file = tmp_path / "document.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    choose(page, file, kind)
    page.click("#upload-register")
    page.wait_for_selector(f"{control} option[value^='tiny-model']", state="attached")


def test_a_file_is_chosen_anew_for_another_kind(visit: Visit, tmp_path: Path) -> None:
    page = visit.open()
    file = tmp_path / "device.json"
    file.write_text(catalog.load("odroid-n2plus").to_json(), encoding="utf-8")
    choose(page, file)
    page.select_option("#upload-kind", "models")
    assert page.input_value("#upload-file") == ""
    assert page.is_disabled("#upload-register")
