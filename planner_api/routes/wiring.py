"""What `create_app` put into the application, for the handlers."""

from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Request

from planner_api.services.ports import ModelStores, Registry
from planner_api.settings import Settings


async def settings_of(request: Request) -> Settings:
    """The settings of this application."""
    settings: Settings = request.app.state.settings
    return settings


async def registry_of(request: Request) -> Registry:
    """The registry of this application."""
    registry: Registry = request.app.state.registry
    return registry


async def solve_limiter_of(request: Request) -> CapacityLimiter:
    """Lets in as many solves at once as the settings allow."""
    limiter: CapacityLimiter = request.app.state.solve_limiter
    return limiter


async def stores_of(request: Request) -> ModelStores:
    """The shard stores that the settings name."""
    stores: ModelStores = request.app.state.stores
    return stores


UsedSettings = Annotated[Settings, Depends(settings_of)]
UsedRegistry = Annotated[Registry, Depends(registry_of)]
UsedLimiter = Annotated[CapacityLimiter, Depends(solve_limiter_of)]
UsedStores = Annotated[ModelStores, Depends(stores_of)]
