"""The planning service as its own process on a free loopback port, and a client for it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from plan_contracts import PlanResponse
from planner_api.errors import InvalidRequestError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from plan_contracts import Document, PlanRequest

START_SECONDS = 60
POLL_SECONDS = 0.05
ANSWER_SECONDS = 120


class Service:
    """What a build pipeline does with the service."""

    def __init__(self, url: str, client: httpx.Client) -> None:
        self.url = url
        self._client = client

    def register(self, collection: str, document: Document) -> None:
        """Give the service a device, model or importance table."""
        self._post(f"/v1/{collection}", document)

    def plan(self, request: PlanRequest) -> PlanResponse:
        """Ask for a plan."""
        return PlanResponse.from_json(self._post("/v1/plans", request))

    def _post(self, path: str, document: Document) -> bytes:
        answer = self._client.post(
            path, content=document.to_json(), headers={"Content-Type": "application/json"}
        )
        if answer.is_error:
            message = f"POST {path} was answered {answer.status_code}: {answer.text}"
            raise InvalidRequestError(message)
        return answer.content


@contextmanager
def running_service(folder: Path) -> Generator[Service]:
    """Start `shardstream serve` with a database in the folder; stop it at the end.

    UnavailableError, with the log's end, if it does not answer within a minute.
    """
    port = _free_port()
    log = folder / "service.log"
    arguments = ["serve", "--host", "127.0.0.1", "--port", str(port)]
    arguments += ["--database", f"sqlite:///{folder / 'service.db'}"]
    with (
        log.open("w") as output,
        subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "planner_api.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=ANSWER_SECONDS) as client,
    ):
        try:
            _wait_until_ready(client, process, log)
            yield Service(f"http://127.0.0.1:{port}", client)
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(POLL_SECONDS)
    message = f"the service did not start; its log {log} says: {log.read_text()[-1000:]}"
    raise UnavailableError(message)
