"""The service for tests: on a fresh database, served over HTTP on a free loopback port."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import structlog
import uvicorn

from planner_api.catalogue import shipped_documents
from planner_api.main import create_app
from planner_api.registry.database import open_registry
from planner_api.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from fastapi import FastAPI

    from planner_api.registry.database import SqlRegistry

ANSWER_SECONDS = 60

structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # tests print no request lines


def database_url(folder: Path) -> str:
    """A database file in this folder."""
    return f"sqlite:///{folder}/service.sqlite3"


@contextmanager
def registry_in(folder: Path) -> Generator[SqlRegistry]:
    """A registry that keeps its database in this folder."""
    registry = open_registry(database_url(folder), shipped_documents())
    try:
        yield registry
    finally:
        registry.close()


@contextmanager
def served(folder: Path, **settings: object) -> Generator[httpx.Client]:
    """A client of a service that keeps its database in this folder."""
    with (
        running(create_app(load_settings(**{"database": database_url(folder), **settings}))) as url,
        httpx.Client(base_url=url, timeout=ANSWER_SECONDS) as client,
    ):
        yield client


@contextmanager
def running(app: FastAPI, *, port: int = 0) -> Generator[str]:
    """The URL of an application that runs in a thread of this process, at a free port or this."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    with socket.create_server(("127.0.0.1", port)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def post(client: httpx.Client, path: str, document: Mapping[str, Any]) -> httpx.Response:
    """Post a document as JSON."""
    return client.post(
        path, content=json.dumps(document), headers={"Content-Type": "application/json"}
    )
