"""Engines and transactions: the same promises on a SQLite file and on PostgreSQL.

A reader sees one state. Writers take turns, so that what one looks up stays true until it ends.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from planner_api.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator
    from sqlite3 import Connection as SqliteConnection

    from sqlalchemy import URL, Connection, Engine

BUSY_TIMEOUT_MS = 10_000
PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA foreign_keys=ON",
)
WRITES = "writes"
WRITERS_LOCK = text("SELECT pg_advisory_xact_lock(357694526020)")
"""The number is ours alone: the letters SHARD."""


def engine_of(url: str) -> Engine:
    """The engine of a database; ConfigurationError for a URL that names none of ours."""
    checked = _checked(url)
    try:
        engine = create_engine(checked, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        message = f"{checked.drivername} needs the extra shardstream[postgres]: {error}"
        raise ConfigurationError(message) from error
    if checked.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """A transaction that sees one state and changes nothing."""
    snapshot = {"isolation_level": "REPEATABLE READ"} if _is_postgresql(engine) else {}
    with engine.connect().execution_options(**snapshot) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Generator[Connection]:
    """A transaction whose changes come all together at its end, or not at all."""
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        if _is_postgresql(engine):
            connection.execute(WRITERS_LOCK)
        yield connection


def _is_postgresql(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


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


def _prepare_sqlite(connection: SqliteConnection, _record: object) -> None:
    """Write-ahead log, and transactions begun by us instead of by Python's driver."""
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(pragma).close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its turn at once: a reader that turned writer midway could only fail."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
