"""Documents named on the command line: by file, store folder, name or digest."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from plan_contracts import ContractError, DeviceProfile, ModelManifest, PlanRequest
from planner_api.catalogue import shipped_documents
from planner_api.services.documents import find, find_registered, read_document

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from planner_api.registry.database import SqlRegistry
    from planner_api.services.documents import AnyDocument
    from planner_api.services.ports import Kind
    from planner_api.services.resolve import Lookup

MANIFEST = "manifest.json"
STANDARD_INPUT = "-"


@contextmanager
def local_registry(url: str | None) -> Generator[SqlRegistry | None]:
    """The database of this URL, None without one; closed at the end."""
    if url is None:
        yield None
        return
    from planner_api.registry.database import (  # noqa: PLC0415 - slow, for databases only
        open_registry,
    )

    registry = open_registry(url, shipped_documents())
    try:
        yield registry
    finally:
        registry.close()


def lookup_in(registry: SqlRegistry | None) -> Lookup:
    """Finds names and digests in the database if there is one, and in the catalogue."""
    if registry is None:
        return partial(find, shipped_documents())
    return partial(find_registered, registry)


def given_documents(
    *, device: str | None, model: str | None, importance: str | None
) -> dict[Kind, str]:
    """The references that options gave, by kind."""
    every: dict[Kind, str | None] = {"device": device, "model": model, "importance": importance}
    return {kind: reference for kind, reference in every.items() if reference is not None}


def read_request(place: str, given: Mapping[Kind, str], lookup: Lookup) -> PlanRequest:
    """The request of a file (`-`: standard input), `given` documents in place of its own.

    ContractError names the file and what is wrong in it.
    """
    piped = place == STANDARD_INPUT
    text = sys.stdin.read() if piped else Path(place).read_bytes()
    try:
        return PlanRequest.from_json(_with_given(text, given, lookup))
    except ContractError as error:
        message = f"{'standard input' if piped else place}: {error}"
        raise ContractError(message) from error


def _with_given(text: str | bytes, given: Mapping[Kind, str], lookup: Lookup) -> str | bytes:
    if not given:
        return text
    request = _object(text)
    for kind, reference in given.items():
        request[kind] = json.loads(document_of(kind, reference, lookup).to_json())
    return json.dumps(request)


def _object(text: str | bytes) -> dict[str, object]:
    try:
        value: object = json.loads(text)
    except ValueError as error:
        message = f"must be JSON: {error}"
        raise ContractError(message) from error
    if not isinstance(value, dict):
        message = f"must be a JSON object, got {type(value).__name__}"
        raise ContractError(message)
    return cast("dict[str, object]", value)


def document_of(kind: Kind, reference: str, lookup: Lookup) -> AnyDocument:
    """The document in a file or store folder of this path, else the one known by this name."""
    path = Path(reference)
    if path.is_dir():
        path /= MANIFEST
    elif not path.exists():
        return read_document(kind, lookup(kind, reference).content)
    try:
        return read_document(kind, path.read_bytes())
    except ContractError as error:
        message = f"{path}: {error}"
        raise ContractError(message) from error


def device_of(reference: str, lookup: Lookup) -> DeviceProfile:
    """The device of a file, name or digest."""
    return cast("DeviceProfile", document_of("device", reference, lookup))


def model_of(reference: str, lookup: Lookup) -> ModelManifest:
    """The model of a file, store folder, name or digest."""
    return cast("ModelManifest", document_of("model", reference, lookup))
