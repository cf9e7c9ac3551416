from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from planner_api.errors import ConfigurationError, UnavailableError
from planner_api.registry.database import open_registry
from planner_api.services.documents import ShippedDocuments
from planner_api.services.ports import NewAnswer, NewPlan, NewRun, StoredDocument
from service import registry_in

if TYPE_CHECKING:
    from pathlib import Path

    from planner_api.registry.database import SqlRecords

NOTHING = ShippedDocuments([])


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def document(letter: str, *, version: int = 1, name: str = "phone") -> StoredDocument:
    return StoredDocument(
        kind="device", digest=digest(letter), content=letter, name=name, version=version
    )


def plan(letter: str, response_digest: str) -> NewPlan:
    return NewPlan(
        id=digest(letter),
        content=f"plan {letter}",
        summary=f"summary {letter}",
        response_digest=response_digest,
        device_digest=digest("d"),
        model_digest=digest("e"),
        importance_digest=digest("f"),
    )


def add_plan(records: SqlRecords, letter: str) -> bool:
    return records.plans.add_plan(plan(letter, records.plans.add_response(f"response {letter}")))


def test_a_name_points_to_its_newest_version(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        with registry.writing() as records:
            records.documents.add(document("a", version=1))
            records.documents.add(document("b", version=2))
        with registry.reading() as records:
            found = records.documents.by_name("device", "phone")
    assert found is not None
    assert (found.version, found.content) == (2, "b")


def test_an_older_version_stays_under_its_digest(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        with registry.writing() as records:
            records.documents.add(document("a", version=1))
            records.documents.add(document("b", version=2))
        with registry.reading() as records:
            found = records.documents.by_digest("device", digest("a"))
    assert found is not None
    assert found.content == "a"


def test_a_name_is_of_one_kind(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        with registry.writing() as records:
            records.documents.add(document("a"))
        with registry.reading() as records:
            assert records.documents.by_name("model", "phone") is None


def test_names_are_listed_once_and_sorted(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        with registry.writing() as records:
            records.documents.add(document("a", name="zebra"))
            records.documents.add(document("a", name="ant", version=1))
            records.documents.add(document("b", name="ant", version=2))
        with registry.reading() as records:
            entries = [
                (e.name, e.version) for e in records.documents.named("device") if e.created_us
            ]
    assert entries == [("ant", 2), ("zebra", 1)]


def test_content_is_kept_as_it_came_first(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        with registry.writing() as records:
            assert add_plan(records, "a")
        with registry.writing() as records:
            response = records.plans.add_response("another")
            assert not records.plans.add_plan(plan("a", response))
        with registry.reading() as records:
            assert records.plans.response(digest("a")) == "response a"


def test_plans_are_listed_newest_first_below_a_number(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        with registry.writing() as records:
            for letter in "abcd":
                add_plan(records, letter)
        with registry.reading() as records:
            newest = records.plans.newest(before=None, limit=2)
            older = records.plans.newest(before=newest[-1].number, limit=9)
    assert [row.summary for row in newest] == ["summary d", "summary c"]
    assert [row.summary for row in older] == ["summary b", "summary a"]


def test_an_answer_is_of_one_version_of_the_planner(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        with registry.writing() as records:
            answer = NewAnswer(
                request_digest=digest("a"),
                planner_version="1.0",
                request="{}",
                response_digest=records.plans.add_response("old"),
                plan_id=None,
            )
            records.plans.add_answer(answer)
        with registry.reading() as records:
            known = records.plans.answer(digest("a"), "1.0")
            assert records.plans.answer(digest("a"), "2.0") is None
    assert known is not None
    assert (known.response, known.plan_id) == ("old", None)


def test_a_run_reported_twice_is_kept_once(tmp_path: Path) -> None:
    run = NewRun(id=digest("r"), plan_id=digest("a"), trace="{}", comparison="{}")
    with registry_in(tmp_path) as registry:
        with registry.writing() as records:
            add_plan(records, "a")
            assert records.runs.add(run)
            assert not records.runs.add(run)
        with registry.reading() as records:
            assert len(records.runs.of_plan(digest("a"))) == 1


def test_nothing_of_a_failed_transaction_stays(tmp_path: Path) -> None:
    def fail(records: SqlRecords) -> None:
        add_plan(records, "a")
        message = "on purpose"
        raise ValueError(message)

    with registry_in(tmp_path) as registry:
        with pytest.raises(ValueError, match="on purpose"), registry.writing() as records:
            fail(records)
        with registry.reading() as records:
            assert records.plans.plan(digest("a")) is None


def test_many_writers_at_once_all_get_their_turn(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:

        def write(number: int) -> None:
            with registry.writing() as records:
                current = records.documents.by_name("device", "phone")
                version = 1 + ((current and current.version) or 0)
                content = StoredDocument(
                    kind="device",
                    digest=digest(f"{number:x}"),
                    content="",
                    name="phone",
                    version=version,
                )
                records.documents.add(content)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(16)))
        with registry.reading() as records:
            found = records.documents.by_name("device", "phone")
    assert found is not None
    assert found.version == 16


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry, registry.writing() as records:
        records.documents.add(document("a"))
    with registry_in(tmp_path) as registry, registry.reading() as records:
        assert records.documents.by_digest("device", digest("a")) is not None


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "nonsense", "mysql://root@localhost/plans"]
)
def test_a_url_of_no_database_of_ours_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="database must be"):
        open_registry(url, NOTHING)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as error:
        open_registry("mysql://root:hunter2@localhost/plans", NOTHING)
    assert "hunter2" not in str(error.value)


def test_a_file_that_cannot_be_opened_is_said_to_be_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="unable to open database file"):
        open_registry(f"sqlite:///{tmp_path}/absent/service.sqlite3", NOTHING)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is no database, however long it may be" * 100)
    with pytest.raises(UnavailableError, match="not a database"):
        open_registry(f"sqlite:///{tmp_path}/text", NOTHING)


def test_the_log_is_written_ahead(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry, registry.writing() as records:
        records.documents.add(document("a"))
        assert (tmp_path / "service.sqlite3-wal").exists()
