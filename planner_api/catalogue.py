"""What the service knows from the start: the devices of the catalogue, and example models."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from device_profiles import catalog
from plan_contracts import ImportanceTable, ModelManifest
from planner_api.services.documents import AnyDocument, ShippedDocuments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def shipped_documents(stored: Iterable[ModelManifest] = ()) -> ShippedDocuments:
    """All devices and example models, and the manifests of the stores that are at hand."""
    devices = [catalog.load(name) for name in catalog.names()]
    return ShippedDocuments([*devices, *_examples(), *stored])


def _examples() -> Iterator[AnyDocument]:
    """Manifest and importance table of every example, measured; their stores are not shipped."""
    for example in (files("planner_api") / "example_models").iterdir():
        manifest = ModelManifest.from_json((example / "manifest.json").read_bytes()).sealed()
        yield manifest
        table = ImportanceTable.from_json((example / "importance.json").read_bytes())
        yield table.bound_to(manifest)
