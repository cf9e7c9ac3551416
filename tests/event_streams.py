"""Server-Sent Events as a client reads them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    import httpx


class Received(NamedTuple):
    """One event; `data` is its JSON."""

    name: str
    data: dict[str, Any]


@contextmanager
def exploring(client: httpx.Client, body: Mapping[str, Any]) -> Generator[Iterator[Received]]:
    """The events of an exploration as they come; the client hangs up at the end of the block."""
    with client.stream("POST", "/v1/explore", json=body) as answer:
        assert answer.status_code == 200
        yield _received(answer.iter_lines())


def explored(client: httpx.Client, body: Mapping[str, Any]) -> list[Received]:
    """All events of an exploration."""
    with exploring(client, body) as events:
        return list(events)


def _received(lines: Iterator[str]) -> Iterator[Received]:
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        if field == "data":
            yield Received(name, json.loads(value))
