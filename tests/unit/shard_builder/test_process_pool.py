from __future__ import annotations

import multiprocessing
import os
import time
from typing import TYPE_CHECKING

import pytest

from pool_tasks import blas_threads, fail_at_2, square, touch, touch_in_two_processes
from shard_builder.errors import BuilderError
from shard_builder.process_pool import worker_pool

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    with worker_pool(square, workers=workers) as run:
        assert list(run(range(9))) == [number**2 for number in range(9)]
        assert list(run([3])) == [9]


def test_workers_have_one_blas_thread_and_the_parent_its_own_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with worker_pool(blas_threads, workers=2) as run:
        assert list(run([0])) == [["1", "1", "1"]]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_task_is_raised_at_its_place(workers: int) -> None:
    with worker_pool(fail_at_2, workers=workers) as run:
        results = run(range(4))
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match="two"):
            next(results)


LONG_S = 1.5


def wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.02)


def test_an_interruption_ends_the_tasks_in_progress(tmp_path: Path) -> None:
    def press_in_the_midst() -> None:
        with worker_pool(touch, workers=2) as run:
            next(run([(f"{tmp_path}/short", 0.0), (f"{tmp_path}/long", LONG_S)] * 2))
            wait_for(tmp_path / "long.begun")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        press_in_the_midst()
    assert not (tmp_path / "long.done").exists()


def test_workers_end_with_the_process_they_work_for(tmp_path: Path) -> None:
    arguments = (f"{tmp_path}/long", LONG_S)
    parent = multiprocessing.get_context("spawn").Process(
        target=touch_in_two_processes, args=arguments
    )
    parent.start()
    wait_for(tmp_path / "long.begun")
    parent.kill()
    time.sleep(2 * LONG_S)
    assert not (tmp_path / "long.done").exists()


def test_there_must_be_a_worker() -> None:
    with (
        pytest.raises(BuilderError, match="workers must be at least 1, got 0"),
        worker_pool(square, workers=0),
    ):
        pass
