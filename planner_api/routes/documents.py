"""Devices, models and importance tables by name or digest."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Response

from plan_contracts import ContractError
from planner_api.errors import InvalidRequestError
from planner_api.routes.body import JsonBody
from planner_api.routes.caching import IMMUTABLE, REVALIDATE, IfNoneMatch, json_or_304
from planner_api.routes.openapi import gives, takes
from planner_api.routes.problems import problem_of
from planner_api.routes.schemas import Check, DocumentList, ListedDocument
from planner_api.routes.wiring import UsedRegistry
from planner_api.services.documents import (
    TYPE_OF_KIND,
    check,
    find_registered,
    list_documents,
    register,
)
from planner_api.services.ports import Kind

PATH_OF: dict[Kind, str] = {
    "device": "/v1/devices",
    "model": "/v1/models",
    "importance": "/v1/importance",
}

NOUN_OF: dict[Kind, str] = {
    "device": "device profile",
    "model": "model manifest",
    "importance": "table of importance",
}

Reference = Annotated[str, Path(description="A registered name or a digest, sha256:…")]
NewName = Annotated[str | None, Query(description="Instead of the name the document gives itself")]


def document_router(kind: Kind) -> APIRouter:
    """The routes of one kind of document."""
    router = APIRouter(prefix=PATH_OF[kind], tags=[PATH_OF[kind].rpartition("/")[2]])
    document, noun = TYPE_OF_KIND[kind], NOUN_OF[kind]

    @router.post(
        "",
        summary=f"Register a {noun}",
        openapi_extra=takes(document),
        responses=gives(413, 415, 422, ok=ListedDocument, created=ListedDocument),
    )
    def post(body: JsonBody, registry: UsedRegistry, name: NewName = None) -> Response:
        """201 for new content, which the name then points to; 200 if it did already."""
        registered = register(registry, kind, body, name=name)
        listed = ListedDocument.of(registered.entry)
        return Response(
            listed.model_dump_json(),
            status_code=HTTPStatus.CREATED if registered.is_new else HTTPStatus.OK,
            media_type="application/json",
            headers={"Location": f"{PATH_OF[kind]}/{quote(listed.name)}"},
        )

    @router.post(
        "/check",
        summary=f"Check a {noun}",
        openapi_extra=takes(document),
        responses=gives(413, 415, ok=Check),
    )
    def post_check(body: JsonBody, registry: UsedRegistry, name: NewName = None) -> Response:
        """Whether it could be registered, or why not; nothing is stored."""
        try:
            answer = Check(document=check(registry, kind, body, name=name))
        except (ContractError, InvalidRequestError) as error:
            answer = Check(problem=problem_of(error))
        return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")

    @router.get("", summary=f"List every {noun}", responses=gives(ok=DocumentList))
    def list_all(registry: UsedRegistry) -> Response:
        """Every name and the content it points to."""
        items = tuple(ListedDocument.of(entry) for entry in list_documents(registry, kind))
        return Response(DocumentList(items=items).model_dump_json(), media_type="application/json")

    @router.get(
        "/{reference:path}",
        summary=f"Fetch a {noun}",
        responses=gives(404, ok=document, not_modified=True),
    )
    def get(
        reference: Reference, registry: UsedRegistry, if_none_match: IfNoneMatch = None
    ) -> Response:
        """The document with its digest as ETag."""
        found = find_registered(registry, kind, reference)
        return json_or_304(
            found.content,
            digest=found.digest,
            if_none_match=if_none_match,
            cache_control=IMMUTABLE if reference == found.digest else REVALIDATE,
        )

    return router
