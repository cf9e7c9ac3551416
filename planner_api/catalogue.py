"""The devices of the catalogue as the service keeps documents."""

from __future__ import annotations

from device_profiles import catalog
from planner_api.services.documents import ShippedDocuments


def shipped_documents() -> ShippedDocuments:
    """Every device of the catalogue, known by name from the start."""
    return ShippedDocuments(catalog.load(name) for name in catalog.names())
