"""Everything the service remembers, in one database."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError

from planner_api.errors import UnavailableError
from planner_api.registry.calibrations import SqlCalibrations
from planner_api.registry.engine import engine_of, reading, writing
from planner_api.registry.migrate import upgrade
from planner_api.registry.stores import SqlDocuments, SqlPlans, SqlRuns

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Connection, Engine

    from planner_api.services.ports import DocumentSource


class SqlRecords:
    """The stores of one transaction."""

    def __init__(self, connection: Connection, shipped: DocumentSource) -> None:
        self.documents = SqlDocuments(connection, shipped)
        self.plans = SqlPlans(connection)
        self.runs = SqlRuns(connection)
        self.calibrations = SqlCalibrations(connection)


class SqlRegistry:
    """Everything the service remembers, in one database."""

    def __init__(self, engine: Engine, shipped: DocumentSource) -> None:
        self._engine = engine
        self._shipped = shipped

    @property
    def name(self) -> str:
        """The URL of the database without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Generator[SqlRecords]:
        """A transaction that sees one state and changes nothing."""
        with _translated(), reading(self._engine) as connection:
            yield SqlRecords(connection, self._shipped)

    @contextmanager
    def writing(self) -> Generator[SqlRecords]:
        """A transaction whose changes come all together at its end, or not at all."""
        with _translated(), writing(self._engine) as connection:
            yield SqlRecords(connection, self._shipped)

    def check(self) -> None:
        """UnavailableError unless the database answers."""
        with _translated(), reading(self._engine) as connection:
            connection.execute(select(1))

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._engine.dispose()


def open_registry(url: str, shipped: DocumentSource) -> SqlRegistry:
    """Connect and bring the tables up to date; `shipped` documents are found behind its own.

    ConfigurationError for a URL that names no database of ours, UnavailableError if it does not
    answer.
    """
    engine = engine_of(url)
    with _translated(DatabaseError):
        upgrade(engine)
    return SqlRegistry(engine, shipped)


@contextmanager
def _translated(*kinds: type[DBAPIError]) -> Generator[None]:
    """Errors of a database that cannot be used, in the terms of the service."""
    try:
        yield
    except (OperationalError, InterfaceError, *kinds) as error:
        message = f"the database does not answer: {error.orig}"
        raise UnavailableError(message) from error
