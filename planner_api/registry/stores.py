"""Documents, plans and runs in SQL; each store works within one open transaction."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, select
from sqlalchemy.dialects import postgresql, sqlite

from plan_contracts import sha256_of
from planner_api.registry import tables
from planner_api.services.ports import (
    DocumentEntry,
    Listed,
    StoredAnswer,
    StoredDocument,
    StoredRun,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Connection, Table

    from planner_api.services.ports import DocumentSource, Kind, NewAnswer, NewPlan, NewRun

MICROSECOND_NS = 1000


def now_us() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // MICROSECOND_NS


def insert_new(connection: Connection, table: Table, **values: object) -> bool:
    """Insert a row; False, and nothing changed, if its key is taken."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(values).on_conflict_do_nothing()
    # An insert may return its generated number, and its row count is then not kept unasked.
    counted = statement.execution_options(preserve_rowcount=True)
    return connection.execute(counted).rowcount == 1


class SqlDocuments:
    """Documents by digest, and the versions of each name; behind them those that ship."""

    def __init__(self, connection: Connection, shipped: DocumentSource) -> None:
        self._connection = connection
        self._shipped = shipped

    def by_digest(self, kind: Kind, digest: str) -> StoredDocument | None:
        """The document of this digest."""
        table = tables.documents
        rows = self._connection.execute(
            select(table).where(table.c.kind == kind, table.c.digest == digest)
        )
        found = rows.mappings().one_or_none()
        return StoredDocument(**found) if found else self._shipped.by_digest(kind, digest)

    def by_name(self, kind: Kind, name: str) -> StoredDocument | None:
        """The newest version of this name."""
        names, documents = tables.names, tables.documents
        same = and_(names.c.kind == documents.c.kind, names.c.digest == documents.c.digest)
        rows = self._connection.execute(
            select(names, documents.c.content)
            .join_from(names, documents, same)
            .where(names.c.kind == kind, names.c.name == name)
            .order_by(names.c.version.desc())
            .limit(1)
        )
        found = rows.mappings().one_or_none()
        return StoredDocument(**found) if found else self._shipped.by_name(kind, name)

    def named(self, kind: Kind) -> Sequence[DocumentEntry]:
        """The newest version of every name, by name."""
        names = tables.names
        newest = (
            select(names.c.name, func.max(names.c.version).label("version"))
            .where(names.c.kind == kind)
            .group_by(names.c.name)
            .subquery()
        )
        same = and_(names.c.name == newest.c.name, names.c.version == newest.c.version)
        rows = self._connection.execute(
            select(names).join(newest, same).where(names.c.kind == kind)
        )
        registered = [DocumentEntry(**row) for row in rows.mappings()]
        every = {entry.name or "": entry for entry in (*self._shipped.named(kind), *registered)}
        return [every[name] for name in sorted(every)]

    def add(self, document: StoredDocument) -> None:
        """Keep a document, and if it has a name let the name point to it as its `version`."""
        created_us = now_us()
        key = {"kind": document.kind, "digest": document.digest, "created_us": created_us}
        insert_new(self._connection, tables.documents, **key, content=document.content)
        if document.name is not None:
            insert_new(
                self._connection,
                tables.names,
                **key,
                name=document.name,
                version=document.version,
            )

    def versions(self, kind: Kind, name: str) -> Sequence[str]:
        """Digests of everything that the name has ever pointed to."""
        names = tables.names
        statement = select(names.c.digest).where(names.c.kind == kind, names.c.name == name)
        registered = self._connection.scalars(statement.order_by(names.c.version))
        shipped = self._shipped.by_name(kind, name)
        return [*([shipped.digest] if shipped else []), *registered]


class SqlPlans:
    """Plans, and the responses that requests were given."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def plan(self, plan_id: str) -> str | None:
        """The JSON of a plan."""
        table = tables.plans
        return self._connection.scalar(select(table.c.content).where(table.c.id == plan_id))

    def response(self, plan_id: str) -> str | None:
        """The JSON of the first response that brought a plan."""
        statement = select(tables.responses.c.content).join(tables.plans)
        return self._connection.scalar(statement.where(tables.plans.c.id == plan_id))

    def newest(self, *, before: int | None, limit: int) -> Sequence[Listed]:
        """Summaries of plans numbered below `before`, the newest first."""
        table = tables.plans
        return _newest(self._connection, table, table.c.summary, before=before, limit=limit)

    def answer(self, request_digest: str, planner_version: str) -> StoredAnswer | None:
        """What a planner of this version answered to a request."""
        answers, responses = tables.answers, tables.responses
        row = self._connection.execute(
            select(responses.c.content, answers.c.plan_id)
            .join_from(answers, responses)
            .where(
                answers.c.request_digest == request_digest,
                answers.c.planner_version == planner_version,
            )
        ).one_or_none()
        return None if row is None else StoredAnswer(response=row[0], plan_id=row[1])

    def add_response(self, response: str) -> str:
        """Keep the JSON of a response; returns its digest."""
        digest = sha256_of(response.encode())
        insert_new(self._connection, tables.responses, digest=digest, content=response)
        return digest

    def add_plan(self, plan: NewPlan) -> bool:
        """Keep a plan; False if it was known."""
        return insert_new(
            self._connection,
            tables.plans,
            id=plan.id,
            content=plan.content,
            summary=plan.summary,
            response_digest=plan.response_digest,
            device_digest=plan.device_digest,
            model_digest=plan.model_digest,
            importance_digest=plan.importance_digest,
            created_us=now_us(),
        )

    def add_answer(self, answer: NewAnswer) -> None:
        """Remember what a request was answered; a known request keeps its first answer."""
        insert_new(
            self._connection,
            tables.answers,
            request_digest=answer.request_digest,
            planner_version=answer.planner_version,
            request=answer.request,
            response_digest=answer.response_digest,
            plan_id=answer.plan_id,
            created_us=now_us(),
        )


class SqlRuns:
    """Runs that devices reported."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, run: NewRun) -> bool:
        """Keep a run; False if it was known."""
        return insert_new(
            self._connection,
            tables.runs,
            id=run.id,
            plan_id=run.plan_id,
            trace=run.trace,
            comparison=run.comparison,
            created_us=now_us(),
        )

    def of_plan(self, plan_id: str) -> Sequence[StoredRun]:
        """All runs of a plan, the oldest first."""
        table = tables.runs
        rows = self._connection.execute(
            select(table.c.comparison, table.c.created_us)
            .where(table.c.plan_id == plan_id)
            .order_by(table.c.number)
        )
        return [
            StoredRun(comparison=comparison, created_us=created_us)
            for comparison, created_us in rows
        ]

    def newest(self, *, before: int | None, limit: int) -> Sequence[Listed]:
        """Comparisons of runs numbered below `before`, the newest first."""
        table = tables.runs
        return _newest(self._connection, table, table.c.comparison, before=before, limit=limit)

    def trace(self, run_id: str) -> str | None:
        """The JSON of the trace of a run."""
        table = tables.runs
        return self._connection.scalar(select(table.c.trace).where(table.c.id == run_id))


def _newest(
    connection: Connection, table: Table, column: Column[str], *, before: int | None, limit: int
) -> list[Listed]:
    """Rows numbered below `before`, one column as their summary, the newest first."""
    statement = select(table.c.number, column, table.c.created_us)
    if before is not None:
        statement = statement.where(table.c.number < before)
    rows = connection.execute(statement.order_by(table.c.number.desc()).limit(limit))
    return [
        Listed(number=number, summary=summary, created_us=created_us)
        for number, summary, created_us in rows
    ]
