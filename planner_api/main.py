"""The service as an ASGI application; the only place that wires its parts together."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import CapacityLimiter
from fastapi import Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from plan_contracts import __version__
from planner_api.catalogue import shipped_documents
from planner_api.logs import RequestLog
from planner_api.registry.database import SqlRegistry, open_registry
from planner_api.routes import calibrations, docs, explore, health, page, plans, runs, trials
from planner_api.routes.access import require_key
from planner_api.routes.documents import PATH_OF, document_router
from planner_api.routes.openapi import openapi_of
from planner_api.routes.problems import handle_problems
from planner_api.routes.streams import Workers
from planner_api.stores import StoreFolders

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from planner_api.settings import Settings

DESCRIPTION = "Plans, proves and simulates transformer inference streamed from flash."
SMALLEST_GZIPPED_BYTES = 4096


def create_app(settings: Settings) -> FastAPI:
    """The application, its database up to date.

    ConfigurationError or UnavailableError if the database or a store cannot be used.
    """
    stores = StoreFolders(settings.stores)
    registry = open_registry(settings.database, shipped_documents(stores.manifests()))
    app = FastAPI(
        title="Shardstream",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's page loads from a CDN; ours works offline
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.registry = registry
    app.state.solve_limiter = CapacityLimiter(settings.concurrent_solves)
    app.state.stores = stores
    app.state.workers = Workers(settings.concurrent_explorations)
    protected = [Depends(require_key)]
    app.include_router(plans.router, dependencies=protected)
    app.include_router(explore.router, dependencies=protected)
    app.include_router(runs.router, dependencies=protected)
    app.include_router(trials.router, dependencies=protected)
    app.include_router(calibrations.router, dependencies=protected)  # before names with slashes
    for kind in PATH_OF:
        app.include_router(document_router(kind), dependencies=protected)
    app.include_router(health.router)
    app.include_router(docs.router)
    app.include_router(page.router)
    app.openapi = openapi_of(app, keys=bool(settings.api_keys))
    app.add_middleware(GZipMiddleware, minimum_size=SMALLEST_GZIPPED_BYTES, compresslevel=5)
    app.add_middleware(RequestLog)
    handle_problems(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Threads end, files and connections are closed when the server stops."""
    yield
    workers: Workers = app.state.workers
    workers.close()
    stores: StoreFolders = app.state.stores
    stores.close()
    registry: SqlRegistry = app.state.registry
    registry.close()
