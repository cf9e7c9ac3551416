"""Calibrations of devices, and the plans that they made stale."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
digest = sa.String(71)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "calibrations",
        sa.Column("number", counter, nullable=False),
        sa.Column("device", sa.String(200), nullable=False),
        sa.Column("device_digest", digest, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_calibrations"),
    )
    op.create_index("ix_calibrations_device", "calibrations", ["device"])
    op.create_table(
        "stale_plans",
        sa.Column("plan_id", digest, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("plan_id", name="pk_stale_plans"),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_stale_plans_plan_id"),
    )


def downgrade() -> None:
    """Drop the tables; calibrations and marks are lost."""
    op.drop_table("stale_plans")
    op.drop_table("calibrations")
