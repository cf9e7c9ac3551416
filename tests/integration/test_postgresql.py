"""The registry keeps on PostgreSQL what it keeps on SQLite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from builders import e1_json
from planner_api.registry.database import open_registry
from planner_api.registry.tables import metadata
from planner_api.services.documents import ShippedDocuments
from planner_api.services.ports import NewAnswer, NewPlan, NewRun, StoredDocument
from postgresql import server
from service import post, served

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from planner_api.registry.database import SqlRegistry


@pytest.fixture(scope="module")
def database() -> Generator[str]:
    with server() as url:
        yield url


@pytest.fixture(scope="module")
def registry(database: str) -> Generator[SqlRegistry]:
    opened = open_registry(database, ShippedDocuments([]))
    yield opened
    opened.close()


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def new_plan(letter: str, response_digest: str) -> NewPlan:
    return NewPlan(
        id=digest(letter),
        content=f"plan {letter}",
        summary=f"summary {letter}",
        response_digest=response_digest,
        device_digest=digest("d"),
        model_digest=digest("e"),
        importance_digest=digest("f"),
    )


def test_migrations_make_the_tables_that_the_stores_use(
    database: str, registry: SqlRegistry
) -> None:
    registry.check()
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_name_points_to_its_newest_version(registry: SqlRegistry) -> None:
    with registry.writing() as records:
        for version, letter in ((1, "a"), (2, "b")):
            records.documents.add(
                StoredDocument(
                    kind="device",
                    digest=digest(letter),
                    content=letter,
                    name="phone",
                    version=version,
                )
            )
    with registry.reading() as records:
        newest = records.documents.by_name("device", "phone")
        older = records.documents.by_digest("device", digest("a"))
        names = [entry.name for entry in records.documents.named("device")]
    assert (newest and newest.version, older and older.content, names) == (2, "a", ["phone"])


def test_a_plan_its_answer_and_its_runs_are_found_again(registry: SqlRegistry) -> None:
    with registry.writing() as records:
        response = records.plans.add_response("response")
        assert records.plans.add_plan(new_plan("1", response))
        records.plans.add_answer(
            NewAnswer(
                request_digest=digest("9"),
                planner_version="0",
                request="request",
                response_digest=response,
                plan_id=digest("1"),
            )
        )
        run = NewRun(id=digest("7"), plan_id=digest("1"), trace="trace", comparison="near")
        assert records.runs.add(run)
        assert not records.runs.add(run)
    with registry.reading() as records:
        answer = records.plans.answer(digest("9"), "0")
        assert records.plans.plan(digest("1")) == "plan 1"
        assert records.plans.response(digest("1")) == "response"
        assert answer is not None
        assert answer.plan_id == digest("1")
        assert [found.comparison for found in records.runs.of_plan(digest("1"))] == ["near"]


def test_of_writers_of_the_same_plan_one_is_first(registry: SqlRegistry) -> None:
    def write(_: int) -> bool:
        with registry.writing() as records:
            return records.plans.add_plan(new_plan("2", records.plans.add_response("same")))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(write, range(8))) == 1


def test_a_transaction_that_fails_leaves_nothing(registry: SqlRegistry) -> None:
    def broken() -> None:
        with registry.writing() as records:
            records.plans.add_plan(new_plan("3", records.plans.add_response("lost")))
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    with registry.reading() as records:
        assert records.plans.plan(digest("3")) is None


def test_writers_of_one_name_take_turns(registry: SqlRegistry) -> None:
    def write(number: int) -> None:
        with registry.writing() as records:
            current = records.documents.by_name("device", "contested")
            version = 1 + ((current and current.version) or 0)
            records.documents.add(
                StoredDocument(
                    kind="device",
                    digest=digest(f"{number:x}"),
                    content="",
                    name="contested",
                    version=version,
                )
            )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(16)))
    with registry.reading() as records:
        found = records.documents.by_name("device", "contested")
    assert found is not None
    assert found.version == 16


def test_a_reader_sees_one_state(registry: SqlRegistry) -> None:
    document = StoredDocument(kind="device", digest=digest("9"), content="", name="late", version=1)
    with registry.reading() as records:
        assert records.documents.by_name("device", "late") is None
        with registry.writing() as others:
            others.documents.add(document)
        assert records.documents.by_name("device", "late") is None


def test_the_service_answers_with_its_plans_on_postgresql(database: str, tmp_path: Path) -> None:
    document = e1_json()
    document["device"]["name"] = "zero \0 and beyond ASCII é"
    with served(tmp_path, database=database) as client:
        first = post(client, "/v1/plans", document)
        again = post(client, "/v1/plans", document)
        listed = client.get("/v1/plans?limit=1").json()["items"][0]["plan"]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content
    assert listed["device"] == document["device"]["name"]
