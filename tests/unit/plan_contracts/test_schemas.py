"""The JSON Schemas clients build on change only on purpose (`make schemas` rewrites them)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from document_schemas import FOLDER, documents, schema_text


def test_there_is_a_golden_schema_for_every_document() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(documents())


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_schema_is_the_golden_one(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == schema_text(documents()[name])


def objects_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    parts = [schema, *schema.get("$defs", {}).values()]
    return [part for part in parts if part.get("type") == "object"]


@pytest.mark.parametrize("name", sorted(documents()))
def test_every_object_is_closed(name: str) -> None:
    schema = json.loads(schema_text(documents()[name]))
    assert all(part["additionalProperties"] is False for part in objects_of(schema))
