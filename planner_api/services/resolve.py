"""From a request with names, digests or documents to the documents themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias, TypeVar, cast

from plan_contracts import DeviceProfile, Document, ImportanceTable, ModelManifest, PlanRequest
from planner_api.errors import InvalidRequestError
from planner_api.optimizer.problem import PlanInputs
from planner_api.services.ports import Kind, StoredDocument

AnyDocument = TypeVar("AnyDocument", bound=Document)
KEPT_DOCUMENTS = 32

Lookup: TypeAlias = Callable[[Kind, str], StoredDocument]
"""Finds a document by kind and by name or digest; raises NotFoundError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedRequest:
    """A request whose documents were found, checked against each other and bound together.

    `request` names them by digest, so that its digest stands for everything that was asked.
    """

    inputs: PlanInputs
    request: PlanRequest
    digest: str


def resolve(request: PlanRequest, lookup: Lookup) -> ResolvedRequest:
    """Find the documents of a request, seal the manifest and bind the table to it.

    NotFoundError for an unknown name or digest; ContractError or InvalidRequestError for
    documents that do not belong together.
    """
    device = _found("device", DeviceProfile, request.device, lookup)
    model = _found("model", ModelManifest, request.model, lookup)
    table = _found("importance", ImportanceTable, request.importance, lookup)
    if isinstance(request.model, str) or isinstance(request.importance, str):
        _require_same_model(table, model)
    importance = table.bound_to(model)
    digests = {"device": device.digest, "model": model.digest, "importance": importance.digest}
    by_digest = request.model_copy(update=digests)
    inputs = PlanInputs(
        device=device,
        model=model,
        importance=importance,
        target=request.target,
        options=request.options,
    )
    return ResolvedRequest(inputs=inputs, request=by_digest, digest=by_digest.content_digest())


def on_device(resolved: ResolvedRequest, device: DeviceProfile) -> ResolvedRequest:
    """The same request for another device."""
    request = resolved.request.model_copy(update={"device": device.digest})
    inputs = replace(resolved.inputs, device=device)
    return ResolvedRequest(inputs=inputs, request=request, digest=request.content_digest())


def _found(
    kind: Kind, type_: type[AnyDocument], reference: str | AnyDocument, lookup: Lookup
) -> AnyDocument:
    """The document, a manifest with its digest."""
    if isinstance(reference, str):
        return cast("AnyDocument", _read(type_, lookup(kind, reference).content))
    return _sealed(reference)


@lru_cache(maxsize=KEPT_DOCUMENTS)
def _read(type_: type[Document], content: str) -> Document:
    """A stored document; whoever moves a slider asks for the same ones again and again."""
    return _sealed(type_.from_json(content))


def _sealed(document: AnyDocument) -> AnyDocument:
    return document.sealed() if isinstance(document, ModelManifest) else document


def _require_same_model(table: ImportanceTable, model: ModelManifest) -> None:
    """A table without a digest belongs to the manifest beside it, or else to its namesake."""
    if table.model_digest is None and table.model != model.model:
        message = (
            f"importance.model must be {model.model!r} as long as model_digest is null and the "
            f"documents are not both in the request, got {table.model!r}"
        )
        raise InvalidRequestError(message)
