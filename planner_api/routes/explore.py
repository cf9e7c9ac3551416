"""Exploring: answers as events while the search goes on."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from planner_api.routes.body import JsonBody
from planner_api.routes.openapi import streams, takes
from planner_api.routes.problems import problem_of
from planner_api.routes.streams import Event, Send, Stream, UsedWorkers
from planner_api.routes.wiring import UsedRegistry
from planner_api.services.explore import (
    Explored,
    ExploredAnswer,
    ExploredFrontier,
    ExploreRequest,
    explore,
    prepare,
)

router = APIRouter(prefix="/v1/explore", tags=["explore"])

NAME_OF: dict[type[Explored], str] = {ExploredAnswer: "answer", ExploredFrontier: "frontier"}
NANOSECONDS_PER_MICROSECOND = 1000


def clock_us() -> int:
    """Microseconds since whenever."""
    return time.perf_counter_ns() // NANOSECONDS_PER_MICROSECOND


async def exploration_of(
    body: JsonBody, registry: UsedRegistry, workers: UsedWorkers
) -> AsyncGenerator[Stream]:
    """The stream that answers a body; whatever is wrong with that is found before it begins."""
    exploration = await run_in_threadpool(prepare, registry, body, clock_us=clock_us)

    def work(send: Send, cancelled: Callable[[], bool]) -> None:
        def tell(told: Explored) -> None:
            send(Event(name=NAME_OF[type(told)], data=told.model_dump_json()))

        explore(exploration, registry, tell=tell, cancelled=cancelled)

    stream = workers.start(work, _failed)
    try:
        yield stream
    finally:
        stream.leave()


def _failed(error: Exception) -> Event:
    return Event(name="problem", data=problem_of(error).model_dump_json(exclude_defaults=True))


@router.post(
    "",
    summary="Explore a plan or a frontier",
    response_class=EventSourceResponse,
    openapi_extra=takes(ExploreRequest),
    responses=streams(404, 413, 415, 422, events=tuple(NAME_OF)),
)
async def post_exploration(
    stream: Annotated[Stream, Depends(exploration_of)],
) -> AsyncIterator[ServerSentEvent]:
    """Server-Sent Events, each replacing the one before: `answer` or `frontier`, or a `problem`.

    The last one is `final`. Nothing is stored unless `store` is true; hanging up stops the search.
    """
    async for event in stream.events():
        yield ServerSentEvent(event=event.name, raw_data=event.data)
