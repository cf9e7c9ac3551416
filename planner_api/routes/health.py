"""Is the process alive, and can it serve."""

from fastapi import APIRouter

from planner_api.routes.openapi import gives
from planner_api.routes.wiring import UsedRegistry

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process is alive")
async def healthz() -> dict[str, str]:
    """Always, as long as requests are served at all."""
    return {"status": "ok"}


@router.get("/readyz", summary="The database answers", responses=gives())
def readyz(registry: UsedRegistry) -> dict[str, str]:
    """503 while the database does not answer."""
    registry.check()
    return {"status": "ok"}
