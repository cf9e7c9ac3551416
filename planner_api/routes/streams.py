"""Work that goes on in a thread while its events are sent, and stops when the client hangs up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias

from fastapi import Depends, Request

from planner_api.errors import BusyError

if TYPE_CHECKING:
    from concurrent.futures import Future


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A named event; `data` is one line of JSON."""

    name: str
    data: str


Send: TypeAlias = Callable[[Event], None]
Work: TypeAlias = Callable[[Send, Callable[[], bool]], None]
"""Sends events until it is done, or until it is told that nobody listens any more."""
Describe: TypeAlias = Callable[[Exception], Event]
"""The last event of work that failed."""


class Workers:
    """Threads for streams, so many at once and no more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = threading.BoundedSemaphore(most)
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="explore")

    def start(self, work: Work, describe: Describe) -> Stream:
        """Start work on a thread of its own; BusyError if none is free."""
        if not self._free.acquire(blocking=False):
            message = (
                f"at most {self._most} explorations may run at once, and as many do; ask again"
            )
            raise BusyError(message)
        stream = Stream(asyncio.get_running_loop())
        done = self._pool.submit(stream.run, work, describe)
        done.add_done_callback(self._release)
        return stream

    def _release(self, _done: Future[None]) -> None:
        self._free.release()

    def close(self) -> None:
        """Wait for what still runs."""
        self._pool.shutdown(cancel_futures=True)


class Stream:
    """Events of a thread, for the event loop that it was started from."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._left = threading.Event()

    def run(self, work: Work, describe: Describe) -> None:
        """The thread's side: work, an event of what went wrong if anything did, the end."""
        try:
            work(self._put, self._left.is_set)
        except Exception as error:  # noqa: BLE001 - the stream has begun: the client is told in it
            self._put(describe(error))
        finally:
            self._put(None)

    def _put(self, event: Event | None) -> None:
        if not self._left.is_set():
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def events(self) -> AsyncIterator[Event]:
        """The events as they come, to the last."""
        while (event := await self._events.get()) is not None:
            yield event

    def leave(self) -> None:
        """Say that nobody listens any more: the work stops when it next looks up."""
        self._left.set()


async def workers_of(request: Request) -> Workers:
    """The workers of this application."""
    workers: Workers = request.app.state.workers
    return workers


UsedWorkers = Annotated[Workers, Depends(workers_of)]
