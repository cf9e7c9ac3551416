"""Shapes that exist over HTTP only."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from planner_api.routes.problems import Problem
from planner_api.services.documents import CheckedDocument
from planner_api.services.ports import DocumentEntry


class ListedDocument(BaseModel):
    """What a name points to; `created_us` in microseconds since 1970 UTC."""

    model_config = ConfigDict(frozen=True)

    name: str
    digest: str
    version: int
    origin: Literal["registered", "catalogue"]
    created_us: int | None

    @classmethod
    def of(cls, entry: DocumentEntry) -> "ListedDocument":
        """The entry of a named document."""
        return cls(
            name=entry.name or entry.digest,
            digest=entry.digest,
            version=entry.version or 0,
            origin="catalogue" if entry.created_us is None else "registered",
            created_us=entry.created_us,
        )


class DocumentList(BaseModel):
    """Every name of a kind, by name."""

    items: tuple[ListedDocument, ...]


class Check(BaseModel):
    """What registering a document would come to: the document, or what is wrong with it."""

    document: CheckedDocument | None = None
    problem: Problem | None = None
