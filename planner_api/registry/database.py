"""Connections and transactions, on a SQLite file or on PostgreSQL."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event, make_url, select
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    OperationalError,
)

from planner_api.errors import ConfigurationError, UnavailableError
from planner_api.registry.migrate import upgrade
from planner_api.registry.stores import SqlDocuments, SqlPlans, SqlRuns

if TYPE_CHECKING:
    from collections.abc import Generator
    from sqlite3 import Connection as SqliteConnection

    from sqlalchemy import URL, Connection, Engine

    from planner_api.services.ports import DocumentSource

BUSY_TIMEOUT_MS = 10_000
CHANGES = "changes"
PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA foreign_keys=ON",
)


class SqlRecords:
    """The stores of one transaction."""

    def __init__(self, connection: Connection, shipped: DocumentSource) -> None:
        self.documents = SqlDocuments(connection, shipped)
        self.plans = SqlPlans(connection)
        self.runs = SqlRuns(connection)


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
        with _translated(), self._engine.connect() as connection:
            yield SqlRecords(connection, self._shipped)

    @contextmanager
    def writing(self) -> Generator[SqlRecords]:
        """A transaction whose changes come all together at its end, or not at all."""
        with _translated(), self._engine.connect() as connection:
            marked = connection.execution_options(**{CHANGES: True})
            with marked.begin():
                yield SqlRecords(marked, self._shipped)

    def check(self) -> None:
        """UnavailableError unless the database answers."""
        with _translated(), self._engine.connect() as connection:
            connection.execute(select(1))

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._engine.dispose()


def open_registry(url: str, shipped: DocumentSource) -> SqlRegistry:
    """Connect and bring the tables up to date; `shipped` documents are found behind its own.

    ConfigurationError for a URL that names no database of ours, UnavailableError if it does not
    answer.
    """
    engine = _engine(_checked(url))
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


def _checked(url: str) -> URL:
    rule = "database must be sqlite:///FILE or postgresql://USER@HOST/NAME"
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        message = f"{rule}, got {url!r}"
        raise ConfigurationError(message) from error
    scheme = parsed.drivername.partition("+")[0]
    if scheme == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        return parsed.set(drivername="sqlite+pysqlite")
    if scheme in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    message = f"{rule}, got {parsed.render_as_string(hide_password=True)!r}"
    raise ConfigurationError(message)


def _engine(url: URL) -> Engine:
    try:
        engine = create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        message = f"{url.drivername} needs the extra shardstream[postgres]: {error}"
        raise ConfigurationError(message) from error
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: SqliteConnection, _record: object) -> None:
    """Write-ahead log, and transactions begun by us instead of by Python's driver."""
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(pragma).close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its turn at once: a reader that turned writer midway could only fail."""
    writes = connection.get_execution_options().get(CHANGES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
