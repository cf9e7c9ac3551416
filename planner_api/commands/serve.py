"""`shardstream serve`: the service in this process, until it is told to stop."""

from __future__ import annotations

import socket
import sys
import threading
from typing import TYPE_CHECKING

import structlog
import uvicorn

from planner_api.logs import configure_logs
from planner_api.main import create_app
from planner_api.optimizer.warm_up import load_solvers
from planner_api.settings import load_settings

if TYPE_CHECKING:
    from planner_api.stores import StoreFolders

BACKLOG = 2048
GRACE_SECONDS = 10
"""How long requests may take to end once the server is told to stop; explorations can be long."""
THREAD_TURN_S = 0.0005
"""How long a search may hold the interpreter while others wait for it: its own first answer to be
sent, and the next request to be read. Python's 5 ms, twice or thrice on a request's way, would be
felt at a slider."""


def serve(**given: object) -> None:
    """Serve with the given settings, the environment's in place of those that are None.

    ConfigurationError, UnavailableError or OSError if the service cannot start.
    """
    settings = load_settings(**given)
    configure_logs(settings)
    sys.setswitchinterval(THREAD_TURN_S)
    app = create_app(settings)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.create_server(
        (settings.host, settings.port), family=family, backlog=BACKLOG
    ) as listening:
        # Accepted sockets inherit it; else an event waits until the one before is acknowledged.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host, port = listening.getsockname()[:2]
        structlog.stdlib.get_logger("shardstream").info(
            "listening",
            url=f"http://{f'[{host}]' if ':' in host else host}:{port}",
            database=app.state.registry.name,
        )
        threading.Thread(target=_warm_up, args=(app.state.stores,), daemon=True).start()
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_SECONDS
        )
        uvicorn.Server(config).run(sockets=[listening])


def _warm_up(stores: StoreFolders) -> None:
    """Import and compile what takes seconds while nobody waits for it."""
    load_solvers()
    stores.warm_up()
