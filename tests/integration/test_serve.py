"""`shardstream serve` as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import httpx

from builders import e1_json
from service import database_url, post

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

STOP_SECONDS = 30


def lines(log: IO[str]) -> Generator[dict[str, object]]:
    for line in log:
        yield json.loads(line)


@contextmanager
def serving(folder: Path) -> Generator[tuple[subprocess.Popen[str], str, IO[str]]]:
    """The process, its URL and its log, once it listens on a free port."""
    arguments = ["--port", "0", "--database", database_url(folder), "--log-format", "json"]
    # A shell starts its background jobs deaf to Ctrl-C, tests too, and they their own processes.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [sys.executable, "-m", "planner_api.cli", "serve", *arguments],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        signal.signal(signal.SIGINT, before)
        log = process.stderr
        assert log is not None
        try:
            listening = next(line for line in lines(log) if line["event"] == "listening")
            yield process, str(listening["url"]), log
        finally:
            process.kill()


def test_it_serves_logs_and_stops(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, url, log):
        with httpx.Client(base_url=url, timeout=60) as client:
            assert client.get("/readyz").json() == {"status": "ok"}
            assert post(client, "/v1/plans", e1_json()).status_code == 201
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 130
        logged = [line for line in lines(log) if line["event"] == "request"]
    assert [(line["method"], line["path"], line["status"]) for line in logged] == [
        ("GET", "/readyz", 200),
        ("POST", "/v1/plans", 201),
    ]


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, url, _):
        port = url.rpartition(":")[2]
        arguments = ["--port", port, "--database", database_url(tmp_path)]
        done = subprocess.run(
            [sys.executable, "-m", "planner_api.cli", "serve", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("shardstream: Address already in use")
    assert port in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_comes_without_the_heavy_libraries() -> None:
    program = (
        "import sys, planner_api.cli\n"
        "heavy = {'numpy', 'ortools', 'sqlalchemy', 'fastapi', 'pydantic', 'simpy', 'httpx'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
