"""Devices, models and importance tables: registering them, and finding them again.

Content never changes: it is known by its digest. A name points to one content at a time; new
content under a known name makes a new version, and the name moves to it. The devices that come
with the product are known from the start, until somebody registers another under their name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from plan_contracts import DeviceProfile, ImportanceTable, ModelManifest, Part
from plan_contracts.units import Sha256
from planner_api.errors import InvalidRequestError, NotFoundError
from planner_api.services.ports import StoredDocument

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner_api.services.ports import DocumentEntry, DocumentSource, Kind, Registry

AnyDocument: TypeAlias = DeviceProfile | ModelManifest | ImportanceTable

TYPE_OF_KIND: dict[Kind, type[AnyDocument]] = {
    "device": DeviceProfile,
    "model": ModelManifest,
    "importance": ImportanceTable,
}
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._+/-]{0,198}[A-Za-z0-9._+-])?")
NAME_RULE = (
    "1 to 200 ASCII letters, digits and any of ' ._+/-', starting with a letter or digit and "
    "not ending with a space or slash"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """A registered document; `is_new` if its content or its name's aim was not known."""

    entry: DocumentEntry
    is_new: bool


def read_document(kind: Kind, body: str | bytes) -> AnyDocument:
    """The document of its JSON, a manifest with its digest; ContractError says what is wrong."""
    document = TYPE_OF_KIND[kind].from_json(body)
    return document.sealed() if isinstance(document, ModelManifest) else document


def to_stored(kind: Kind, document: AnyDocument) -> StoredDocument:
    """A document, manifests sealed, as it is kept: in full under its digest, null fields too."""
    return StoredDocument(kind=kind, digest=document.digest or "", content=document.to_json())


def own_name(document: AnyDocument) -> str:
    """The name a document gives itself; a table is named after its model and task."""
    match document:
        case DeviceProfile():
            return document.name
        case ModelManifest():
            return document.model
        case ImportanceTable():
            return f"{document.model}/{document.task}"


class CheckedDocument(Part):
    """A document that is in order; `is_known` if its content is stored already."""

    name: str
    digest: Sha256
    is_known: bool


def check(registry: Registry, kind: Kind, body: bytes, *, name: str | None) -> CheckedDocument:
    """What registering a document would come to, without doing it; ContractError as there."""
    document = read_document(kind, body)
    chosen = _checked_name(own_name(document) if name is None else name)
    digest = to_stored(kind, document).digest
    with registry.reading() as records:
        known = records.documents.by_digest(kind, digest)
    return CheckedDocument(name=chosen, digest=digest, is_known=known is not None)


def register(registry: Registry, kind: Kind, body: bytes, *, name: str | None) -> Registered:
    """Keep a document under `name`, or the name it gives itself."""
    document = read_document(kind, body)
    chosen = _checked_name(own_name(document) if name is None else name)
    stored = replace(to_stored(kind, document), name=chosen)
    with registry.writing() as records:
        current = records.documents.by_name(kind, chosen)
        if current is not None and current.digest == stored.digest:
            return Registered(entry=current, is_new=False)
        newer = replace(stored, version=1 + ((current and current.version) or 0))
        records.documents.add(newer)
    return Registered(entry=newer, is_new=True)


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        message = f"a name to register under must be {NAME_RULE}, got {name!r}"
        raise InvalidRequestError(message)
    return name


def find(source: DocumentSource, kind: Kind, reference: str) -> StoredDocument:
    """The document known by a name or digest; NotFoundError if there is none."""
    found = None
    if DIGEST.fullmatch(reference):
        found = source.by_digest(kind, reference)
    elif NAME.fullmatch(reference):
        found = source.by_name(kind, reference)
    if found is None:
        message = f"no {kind} is known by {reference!r}"
        raise NotFoundError(message)
    return found


def find_registered(registry: Registry, kind: Kind, reference: str) -> StoredDocument:
    """As `find`, in a transaction of its own."""
    with registry.reading() as records:
        return find(records.documents, kind, reference)


def list_documents(registry: Registry, kind: Kind) -> Sequence[DocumentEntry]:
    """What every name points to, by name."""
    with registry.reading() as records:
        return records.documents.named(kind)


class ShippedDocuments:
    """The documents that come with the product, as version 0 of the names they give themselves.

    Of two with the same name the later is known by it.
    """

    def __init__(self, documents: Iterable[AnyDocument]) -> None:
        stored = [_shipped(document) for document in documents]
        self._by_digest = {(found.kind, found.digest): found for found in stored}
        self._by_name = {(found.kind, found.name): found for found in stored}

    def by_digest(self, kind: Kind, digest: str) -> StoredDocument | None:
        """The shipped document of this digest."""
        return self._by_digest.get((kind, digest))

    def by_name(self, kind: Kind, name: str) -> StoredDocument | None:
        """The shipped document of this name."""
        return self._by_name.get((kind, name))

    def named(self, kind: Kind) -> Sequence[StoredDocument]:
        """All of this kind, by name."""
        found = [document for document in self._by_name.values() if document.kind == kind]
        return sorted(found, key=lambda document: document.name or "")


def _shipped(document: AnyDocument) -> StoredDocument:
    sealed = document.sealed() if isinstance(document, ModelManifest) else document
    kind: Kind = next(kind for kind, type_ in TYPE_OF_KIND.items() if isinstance(document, type_))
    return replace(to_stored(kind, sealed), name=own_name(sealed), version=0)
