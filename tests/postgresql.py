"""A PostgreSQL server of our own for tests: in an empty folder, on a Unix socket, gone afterwards.

Without PostgreSQL's programs the tests that need them are skipped; under CI they must be there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

SYSTEM_USER = "postgres"
START_OPTIONS = "-c listen_addresses='' -c fsync=off -c unix_socket_directories={folder}"


def programs() -> Path:
    """The folder of initdb and pg_ctl, which Debian keeps off the path."""
    on_path = shutil.which("initdb")
    beside = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = [Path(on_path).resolve()] if on_path else beside[-1:]
    if found:
        return found[0].parent
    if os.environ.get("CI") == "true":
        pytest.fail("CI needs PostgreSQL: initdb was not found")
    pytest.skip("PostgreSQL is not installed: initdb was not found")


def run(*command: str | Path, folder: Path) -> None:
    """Run one of its programs; it refuses to work for root, so as its own user then."""
    subprocess.run(
        list(map(str, command)),
        cwd=folder,
        user=SYSTEM_USER if os.geteuid() == 0 else None,
        check=True,
        capture_output=True,
    )


@contextmanager
def server() -> Generator[str]:
    """The URL of an empty database."""
    found = programs()
    # Not pytest's own folder: that is closed to other users, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, SYSTEM_USER)
    data, log = folder / "data", folder / "log"
    try:
        run(found / "initdb", "-D", data, "-U", "tests", "-A", "trust", "-N", folder=folder)
        control = (found / "pg_ctl", "-D", data, "-w")
        run(*control, "-l", log, "-o", START_OPTIONS.format(folder=folder), "start", folder=folder)
        try:
            yield f"postgresql://tests@/postgres?host={folder}"
        finally:
            run(*control, "-m", "immediate", "stop", folder=folder)
    finally:
        shutil.rmtree(folder)
