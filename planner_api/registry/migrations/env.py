"""Run by alembic: migrate over the connection that `upgrade` has opened."""

from __future__ import annotations

from alembic import context

from planner_api.registry.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
