"""A slider moved over the service: how long until its first answer, and where the time goes."""

from __future__ import annotations

import json
import socket
import tempfile
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from benchmarks.instances import Kind, Size, generate, least_latency
from planner_api.demo.service import running_service

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner_api.optimizer.problem import PlanInputs

KIND = Kind(size=Size(layers=12, slices=12), spread=0.2)
SEED = 3
MOVES = 100
WARM_UP = 5
TIGHTEST, SLACKEST = 1.05, 3.0
MOST_P50_MS, MOST_P95_MS = 60.0, 100.0
"""What the whole way to the repainted page may take: the service must leave room for the page."""
MICROSECONDS_PER_MS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """How long one part of the way took over all moves."""

    part: str
    p50_ms: float
    p95_ms: float

    def shortfalls(self) -> list[str]:
        """None: only the whole way has a limit."""
        return []


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstAnswer(Share):
    """From the request to the first answer, read whole by the client."""

    def shortfalls(self) -> list[str]:
        """A first answer that leaves the page no time at all."""
        taken_ms = {"p50": (self.p50_ms, MOST_P50_MS), "p95": (self.p95_ms, MOST_P95_MS)}
        return [
            f"explore: first answer {name} {ms:.1f} ms, at most {most:.0f} ms are allowed"
            for name, (ms, most) in taken_ms.items()
            if ms > most
        ]


class Arrival(NamedTuple):
    """An answer, and the milliseconds from its request until it was read."""

    answer: dict[str, Any]
    after_ms: float


def measure() -> tuple[Share, ...]:
    """100 latency targets at 12x12, one after the other, by a client over loopback.

    The service is a process of its own and knows the documents by name; five moves before the
    first warm it up. `transfer` is what the parts that the service names leave of the way.
    """
    inputs = generate(KIND, SEED)
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder)) as service:
        for path, document in (
            ("devices", inputs.device),
            ("models", inputs.model),
            ("importance", inputs.importance),
        ):
            service.register(path, document)
        moves = [list(_explored(service.url, body)) for body in _bodies(inputs)]
    return tuple(_shares(moves[WARM_UP:]))


def _bodies(inputs: PlanInputs) -> Iterator[bytes]:
    """Requests of a slider that is dragged from one end to the other."""
    least = least_latency(inputs.model, inputs.device)
    for share in np.linspace(TIGHTEST, SLACKEST, WARM_UP + MOVES).tolist():
        target = inputs.target.model_copy(update={"latency_us": round(least * share)})
        request = {
            "device": inputs.device.name,
            "model": inputs.model.model,
            "importance": f"{inputs.importance.model}/{inputs.importance.task}",
            "target": target.model_dump(mode="json"),
        }
        yield json.dumps({"request": request}).encode()


def _explored(url: str, body: bytes) -> Iterator[Arrival]:
    connection = HTTPConnection(urlsplit(url).netloc)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    started = time.perf_counter()
    connection.request("POST", "/v1/explore", body, {"Content-Type": "application/json"})
    for line in connection.getresponse():
        if line.startswith(b"data: "):
            answer = json.loads(line.removeprefix(b"data: "))
            yield Arrival(answer, 1000 * (time.perf_counter() - started))
    connection.close()


def _shares(moves: list[list[Arrival]]) -> Iterator[Share]:
    firsts = [arrivals[0] for arrivals in moves]
    spent = [arrival.answer["elapsed_us"] for arrival in firsts]
    for part in ("prepare", "solve", "simulate"):
        yield share_of(Share, part, (us[part] / MICROSECONDS_PER_MS for us in spent))
    transfers = (
        first.after_ms - sum(us.values()) / MICROSECONDS_PER_MS
        for first, us in zip(firsts, spent, strict=True)
    )
    yield share_of(Share, "transfer", transfers)
    yield share_of(FirstAnswer, "first answer", (first.after_ms for first in firsts))
    yield share_of(Share, "final answer", (arrivals[-1].after_ms for arrivals in moves))


def share_of(kind: type[Share], part: str, taken_ms: Iterable[float]) -> Share:
    """One part: the median and the 95th percentile of all moves, in milliseconds."""
    p50, p95 = np.quantile(list(taken_ms), (0.5, 0.95)).tolist()
    return kind(part=part, p50_ms=p50, p95_ms=p95)
