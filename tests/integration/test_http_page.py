"""The page and what it loads."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from service import served

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    with served(tmp_path_factory.mktemp("page")) as made:
        yield made


def test_a_file_comes_as_it_is(client: httpx.Client) -> None:
    found = client.get("/web/docs.css")
    assert found.content == files("planner_api.web").joinpath("docs.css").read_bytes()
    assert found.headers["Content-Type"].startswith("text/css")


def test_scripts_come_from_the_service_alone(client: httpx.Client) -> None:
    policy = client.get("/web/docs.css").headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "connect-src 'self'" in policy


def test_a_browser_that_has_a_file_gets_304(client: httpx.Client) -> None:
    tag = client.get("/web/docs.js").headers["ETag"]
    again = client.get("/web/docs.js", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_plotly_comes_out_of_its_wheel(client: httpx.Client) -> None:
    found = client.get("/web/plotly.min.js")
    assert found.headers["Content-Type"].startswith("text/javascript")
    assert found.headers["Content-Encoding"] == "gzip"
    assert "plotly.js v" in found.text[:200]


@pytest.mark.parametrize(
    "path", ["nothing.js", "__init__.py", "docs.css/more.css", "..%2fsettings.py", "", "%2e%2e/"]
)
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    found = client.get(f"/web/{path}")
    assert found.status_code == 404
    assert found.headers["Content-Type"] == "application/problem+json"
