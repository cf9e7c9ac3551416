from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service import served

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx

KEYS = ("0123456789abcdef", "another-key-of-ours")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    with served(tmp_path_factory.mktemp("access"), api_keys=",".join(KEYS)) as made:
        yield made


@pytest.mark.parametrize("key", KEYS)
def test_every_key_lets_in(client: httpx.Client, key: str) -> None:
    answer = client.get("/v1/plans", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", f"Basic {KEYS[0]}", KEYS[0], f"Bearer {KEYS[0]}x"]
)
def test_anything_else_does_not(client: httpx.Client, header: str) -> None:
    answer = client.get("/v1/plans", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["plans", "devices", "models", "importance"])
def test_everything_of_the_api_needs_a_key(client: httpx.Client, method: str, path: str) -> None:
    assert client.request(method, f"/v1/{path}").status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json"])
def test_health_and_documentation_need_none(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_the_openapi_document_says_that_a_key_is_needed(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
