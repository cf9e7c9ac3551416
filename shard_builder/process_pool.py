"""Worker processes with one BLAS thread each, and a plain loop for a single worker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from shard_builder.errors import BuilderError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

THREAD_COUNT_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
AHEAD_PER_WORKER = 2
"""Tasks handed out before their turn, so that no worker waits and few results pile up."""

Task = TypeVar("Task")
Result = TypeVar("Result")

_work_of_this_process: list[Callable[[Any], Any]] = []
"""In a worker process: the one function it was started for."""


@contextmanager
def worker_pool(
    work: Callable[[Task], Result], *, workers: int
) -> Generator[Callable[[Iterable[Task]], Iterator[Result]]]:
    """A function that maps `work` over tasks in parallel, with results in the tasks' order.

    One worker works in this process. Otherwise `work` is pickled once for each process, so what
    it builds up inside itself stays with the process. On an error or Ctrl-C all processes end where
    they are, and so they do if this one is killed. BuilderError if there is no worker.
    """
    if workers < 1:
        message = f"workers must be at least 1, got {workers}"
        raise BuilderError(message)
    if workers == 1:
        yield partial(map, work)
        return
    context = multiprocessing.get_context("spawn")
    lifeline, held_here = context.Pipe(duplex=False)
    with _one_blas_thread_each(), held_here:
        pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_start_worker, initargs=(work, lifeline)
        )
        try:
            yield partial(_map_in_order, pool, ahead=workers * AHEAD_PER_WORKER)
        except BaseException:
            held_here.close()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _map_in_order(pool: ProcessPoolExecutor, tasks: Iterable[Any], *, ahead: int) -> Iterator[Any]:
    waiting: deque[Future[Any]] = deque()
    for task in tasks:
        waiting.append(pool.submit(_work_on, task))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _start_worker(work: Callable[[Any], Any], lifeline: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle.
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    _work_of_this_process.append(work)


def _end_with(lifeline: Connection) -> None:
    """End this process once nobody holds the other end: it is closed, or its holder is dead."""
    lifeline.poll(None)
    os._exit(1)  # from a thread, in the midst of a task


def _work_on(task: object) -> object:
    return _work_of_this_process[0](task)


@contextmanager
def _one_blas_thread_each() -> Generator[None]:
    """Let processes started meanwhile begin with one BLAS thread: BLAS reads this only once."""
    before = {name: os.environ.get(name) for name in THREAD_COUNT_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_COUNT_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
