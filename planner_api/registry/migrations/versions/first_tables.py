"""Documents, names, responses, plans, answers and runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
digest = sa.String(71)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "documents",
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("digest", digest, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "digest", name="pk_documents"),
    )
    op.create_table(
        "names",
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("digest", digest, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "version", name="pk_names"),
    )
    op.create_table(
        "responses",
        sa.Column("digest", digest, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_responses"),
    )
    _create_plans()
    _create_answers()
    _create_runs()


def _create_plans() -> None:
    op.create_table(
        "plans",
        sa.Column("number", counter, nullable=False),
        sa.Column("id", digest, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("response_digest", digest, nullable=False),
        sa.Column("device_digest", digest, nullable=False),
        sa.Column("model_digest", digest, nullable=False),
        sa.Column("importance_digest", digest, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_plans"),
        sa.UniqueConstraint("id", name="uq_plans_id"),
        sa.ForeignKeyConstraint(
            ["response_digest"], ["responses.digest"], name="fk_plans_response_digest"
        ),
    )


def _create_answers() -> None:
    op.create_table(
        "answers",
        sa.Column("request_digest", digest, nullable=False),
        sa.Column("planner_version", sa.String(40), nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("response_digest", digest, nullable=False),
        sa.Column("plan_id", digest, nullable=True),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("request_digest", "planner_version", name="pk_answers"),
        sa.ForeignKeyConstraint(
            ["response_digest"], ["responses.digest"], name="fk_answers_response_digest"
        ),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("number", counter, nullable=False),
        sa.Column("id", digest, nullable=False),
        sa.Column("plan_id", digest, nullable=False),
        sa.Column("trace", sa.Text, nullable=False),
        sa.Column("comparison", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_runs"),
        sa.UniqueConstraint("id", name="uq_runs_id"),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_runs_plan_id"),
    )
    op.create_index("ix_runs_plan_id", "runs", ["plan_id"])


def downgrade() -> None:
    """Drop the tables; everything remembered is lost."""
    for table in ("runs", "answers", "plans", "responses", "names", "documents"):
        op.drop_table(table)
