"""The tables; what they look like in an older database is in migrations/."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

DIGEST_CHARACTERS = 71
NAME_CHARACTERS = 200

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite counts up by itself only for INTEGER, PostgreSQL's INTEGER ends at 2^31.
counter = BigInteger().with_variant(Integer(), "sqlite")
digest = String(DIGEST_CHARACTERS)

documents = Table(
    "documents",
    metadata,
    Column("kind", String(10), primary_key=True),
    Column("digest", digest, primary_key=True),
    Column("content", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

names = Table(
    "names",
    metadata,
    Column("kind", String(10), primary_key=True),
    Column("name", String(NAME_CHARACTERS), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", digest, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

responses = Table(
    "responses",
    metadata,
    Column("digest", digest, primary_key=True),
    Column("content", Text, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("number", counter, primary_key=True, autoincrement=True),
    Column("id", digest, nullable=False, unique=True),
    Column("content", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("response_digest", digest, ForeignKey(responses.c.digest), nullable=False),
    Column("device_digest", digest, nullable=False),
    Column("model_digest", digest, nullable=False),
    Column("importance_digest", digest, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("request_digest", digest, primary_key=True),
    Column("planner_version", String(40), primary_key=True),
    Column("request", Text, nullable=False),
    Column("response_digest", digest, ForeignKey(responses.c.digest), nullable=False),
    Column("plan_id", digest, nullable=True),
    Column("created_us", BigInteger, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("number", counter, primary_key=True, autoincrement=True),
    Column("id", digest, nullable=False, unique=True),
    Column("plan_id", digest, ForeignKey(plans.c.id), nullable=False),
    Column("trace", Text, nullable=False),
    Column("comparison", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Index(None, "plan_id"),
)

calibrations = Table(
    "calibrations",
    metadata,
    Column("number", counter, primary_key=True, autoincrement=True),
    Column("device", String(NAME_CHARACTERS), nullable=False),
    Column("device_digest", digest, nullable=False),
    Column("report", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Index(None, "device"),
)

stale_plans = Table(
    "stale_plans",
    metadata,
    Column("plan_id", digest, ForeignKey(plans.c.id), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)
