"""Fetching plans from, and reporting runs to, a real HTTP server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

import pytest

from plan_contracts import ContractError, Plan, RunTrace
from shard_runtime.client import fetch_plan, post_run
from shard_runtime.errors import ServiceError
from store_plans import ANY_DIGEST, Chosen, make_plan
from stores import write_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Seen(NamedTuple):
    """One request."""

    method: str
    path: str
    etag: str | None
    body: bytes


@dataclass
class Service:
    """What the server answers, and what it was sent."""

    address: str
    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    etag: str | None = None
    seen: list[Seen] = field(default_factory=list[Seen])


def handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            offered = self.headers.get("If-None-Match")
            body = self.rfile.read(length)
            service.seen.append(Seen(self.command, self.path, offered, body))
            unchanged = service.etag is not None and offered == service.etag
            self.send_response(304 if unchanged else service.status)
            self.send_header("Content-Type", service.content_type)
            self.end_headers()
            if not unchanged:
                self.wfile.write(service.body)

        do_GET = do_POST = answer  # noqa: N815 - names of the base class

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Keep quiet."""

    return Handler


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service(address="")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(service))
    service.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    manifest = write_store(tmp_path_factory.mktemp("store")).manifest
    return make_plan(manifest, [[Chosen(0, 2)], [Chosen(1, 3)]])


def id_of(plan: Plan) -> str:
    assert plan.id is not None
    return plan.id


def serve_plan(service: Service, plan: Plan) -> None:
    service.body = plan.to_json().encode()
    service.etag = f'"{plan.id}"'


def test_a_plan_is_fetched_checked_and_written(
    service: Service, plan: Plan, tmp_path: Path
) -> None:
    serve_plan(service, plan)
    fetched = fetch_plan(service.address, id_of(plan), tmp_path / "plan.json")
    assert fetched == (plan, True)
    assert Plan.from_file(tmp_path / "plan.json") == plan
    assert service.seen[0][:3] == ("GET", f"/v1/plans/{plan.id}", None)


def test_an_unchanged_plan_does_not_travel_again(
    service: Service, plan: Plan, tmp_path: Path
) -> None:
    serve_plan(service, plan)
    fetch_plan(service.address, id_of(plan), tmp_path / "plan.json")
    before = (tmp_path / "plan.json").stat().st_mtime_ns
    fetched = fetch_plan(service.address, id_of(plan), tmp_path / "plan.json")
    assert fetched == (plan, False)
    assert service.seen[1][2] == f'"{plan.id}"'
    assert (tmp_path / "plan.json").stat().st_mtime_ns == before


def test_a_name_may_come_to_mean_another_plan(service: Service, plan: Plan, tmp_path: Path) -> None:
    serve_plan(service, plan)
    fetch_plan(service.address, "current plan", tmp_path / "plan.json")
    other = plan.model_copy(update={"device": "other", "id": None}).sealed()
    serve_plan(service, other)
    fetched = fetch_plan(service.address, "current plan", tmp_path / "plan.json")
    assert fetched == (other, True)
    assert service.seen[0][1] == "/v1/plans/current%20plan"


def test_a_damaged_copy_is_replaced(service: Service, plan: Plan, tmp_path: Path) -> None:
    serve_plan(service, plan)
    (tmp_path / "plan.json").write_text("{")
    fetch_plan(service.address, id_of(plan), tmp_path / "plan.json")
    assert Plan.from_file(tmp_path / "plan.json") == plan


def test_a_plan_that_is_not_what_its_id_says_is_refused(
    service: Service, plan: Plan, tmp_path: Path
) -> None:
    service.body = json.dumps({**json.loads(plan.to_json()), "device": "forged"}).encode()
    with pytest.raises(ServiceError, match="plan id must be"):
        fetch_plan(service.address, id_of(plan), tmp_path / "plan.json")
    assert not list(tmp_path.iterdir())


def test_another_plan_than_asked_for_is_refused(
    service: Service, plan: Plan, tmp_path: Path
) -> None:
    serve_plan(service, plan)
    with pytest.raises(ServiceError, match=f"asked for plan {ANY_DIGEST}, got {plan.id}"):
        fetch_plan(service.address, ANY_DIGEST, tmp_path / "plan.json")


def test_a_plan_without_an_id_is_refused(service: Service, plan: Plan, tmp_path: Path) -> None:
    service.body = plan.model_copy(update={"id": None}).to_json().encode()
    with pytest.raises(ServiceError, match="the plan has no id"):
        fetch_plan(service.address, "name", tmp_path / "plan.json")


def test_an_answer_that_is_no_plan_is_refused(service: Service, tmp_path: Path) -> None:
    service.body = b'{"depth": -1}'
    with pytest.raises(ContractError, match="Plan: "):
        fetch_plan(service.address, "name", tmp_path / "plan.json")
    assert not list(tmp_path.iterdir())


def test_a_refusal_is_told_in_the_service_s_words(service: Service, tmp_path: Path) -> None:
    service.status, service.content_type = 404, "application/problem+json"
    service.body = b'{"title": "Not found", "detail": "no plan is known as \'x\'"}'
    with pytest.raises(ServiceError, match="404 no plan is known as 'x'"):
        fetch_plan(service.address, "x", tmp_path / "plan.json")


@pytest.mark.parametrize("body", [b"oops", b"[]", b"{}"])
def test_a_refusal_without_words_is_told_by_its_status(
    service: Service, tmp_path: Path, body: bytes
) -> None:
    service.status, service.body = 500, body
    with pytest.raises(ServiceError, match="500 Internal Server Error"):
        fetch_plan(service.address, "x", tmp_path / "plan.json")


def test_a_service_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"http://127.0.0.1:1/v1/plans/x: no answer"):
        fetch_plan("http://127.0.0.1:1", "x", tmp_path / "plan.json")


@pytest.mark.parametrize("address", ["file:///etc/passwd", "127.0.0.1:80", "http://", ""])
def test_only_http_addresses_are_asked(address: str, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="must be an http or https address"):
        fetch_plan(address, "x", tmp_path / "plan.json")


def test_a_run_is_posted_to_its_plan(service: Service, plan: Plan) -> None:
    trace = RunTrace(
        plan_id=id_of(plan),
        source="measured",
        device="here",
        latency_us=5,
        peak_memory_bytes=6,
        spans=(),
    )
    service.body = b'{"run_id": "x"}'
    assert post_run(service.address + "/", trace) == '{"run_id": "x"}'
    method, path, _, body = service.seen[0]
    assert (method, path) == ("POST", f"/v1/plans/{plan.id}/runs")
    assert RunTrace.from_json(body) == trace
