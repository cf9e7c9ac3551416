"""The JSON Schema of every document; run as a program, it rewrites the golden files.

python tests/document_schemas.py
"""

from __future__ import annotations

import json
from pathlib import Path

import plan_contracts
from plan_contracts import Document

FOLDER = Path(__file__).parent / "golden" / "schemas"


def documents() -> dict[str, type[Document]]:
    """Every exported document by its name."""
    exported = {name: getattr(plan_contracts, name) for name in plan_contracts.__all__}
    return {
        name: value
        for name, value in exported.items()
        if isinstance(value, type) and issubclass(value, Document) and value is not Document
    }


def schema_text(document: type[Document]) -> str:
    """The document's JSON Schema, indented, its keys sorted."""
    return json.dumps(document.model_json_schema(), indent=2, sort_keys=True) + "\n"


def write_schemas(folder: Path) -> None:
    """Write every document's schema, and remove those of documents that are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        path.unlink()
    for name, document in documents().items():
        (folder / f"{name}.json").write_text(schema_text(document))


if __name__ == "__main__":
    write_schemas(FOLDER)
