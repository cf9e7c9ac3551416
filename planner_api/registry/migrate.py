"""Brings the tables of a database up to date, at every start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from planner_api.errors import ConfigurationError
from planner_api.registry.engine import writing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(engine: Engine) -> None:
    """Run the migrations that the database lacks, one process at a time.

    ConfigurationError if the database was made by a newer version.
    """
    with writing(engine) as connection:
        config = _config(connection)
        _refuse_newer(connection, config)
        command.upgrade(config, "head")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _refuse_newer(connection: Connection, config: Config) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        message = (
            f"the database is at revision {current!r}, made by a newer version; this one knows "
            f"{sorted(known)}"
        )
        raise ConfigurationError(message)
