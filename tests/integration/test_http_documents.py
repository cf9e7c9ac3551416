from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import BITS, device_json, e1_json, model
from service import post, served

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx

PATHS = {"device": "/v1/devices", "model": "/v1/models", "importance": "/v1/importance"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    with served(tmp_path_factory.mktemp("documents")) as made:
        yield made


def profile(name: str, memory_bytes: int = 1_000) -> dict[str, object]:
    document = device_json(layer_us={1: 60}, decode_us=dict.fromkeys(BITS, 0))
    return {**document, "name": name, "memory_bytes": memory_bytes}


@pytest.mark.parametrize("kind", PATHS)
def test_a_document_is_registered_and_found(client: httpx.Client, kind: str) -> None:
    made = post(client, PATHS[kind], e1_json()[kind])
    assert made.status_code == 201
    by_place = client.get(made.headers["Location"])
    by_digest = client.get(f"{PATHS[kind]}/{made.json()['digest']}")
    assert by_place.status_code == by_digest.status_code == 200
    assert by_place.content == by_digest.content
    assert by_place.headers["ETag"] == f'"{made.json()["digest"]}"'


@pytest.mark.parametrize("kind", PATHS)
def test_registered_names_are_listed(client: httpx.Client, kind: str) -> None:
    name = post(client, PATHS[kind], e1_json()[kind]).json()["name"]
    names = [item["name"] for item in client.get(PATHS[kind]).json()["items"]]
    assert name in names
    assert names == sorted(names)


def test_the_catalogue_is_listed(client: httpx.Client) -> None:
    items = {item["name"]: item for item in client.get("/v1/devices").json()["items"]}
    assert items["odroid-n2plus"]["origin"] == "catalogue"


def test_a_device_of_the_catalogue_is_found(client: httpx.Client) -> None:
    assert client.get("/v1/devices/odroid-n2plus").json()["name"] == "odroid-n2plus"


def test_the_same_content_again_is_known(client: httpx.Client) -> None:
    post(client, "/v1/devices", profile("same"))
    again = post(client, "/v1/devices", profile("same"))
    assert (again.status_code, again.json()["version"]) == (200, 1)


def test_new_content_moves_the_name_and_leaves_the_old_content(client: httpx.Client) -> None:
    old = post(client, "/v1/devices", profile("moving", 1_000)).json()
    new = post(client, "/v1/devices", profile("moving", 2_000))
    assert (new.status_code, new.json()["version"]) == (201, 2)
    assert client.get("/v1/devices/moving").json()["memory_bytes"] == 2_000
    assert client.get(f"/v1/devices/{old['digest']}").json()["memory_bytes"] == 1_000


def test_a_name_is_revalidated_and_a_digest_is_not(client: httpx.Client) -> None:
    made = post(client, "/v1/devices", profile("cached")).json()
    by_name = client.get("/v1/devices/cached").headers["Cache-Control"]
    by_digest = client.get(f"/v1/devices/{made['digest']}").headers["Cache-Control"]
    assert "no-cache" in by_name
    assert "immutable" in by_digest


def test_a_client_that_has_the_document_gets_304(client: httpx.Client) -> None:
    made = post(client, "/v1/devices", profile("known")).json()
    tag = {"If-None-Match": f'"{made["digest"]}"'}
    assert client.get("/v1/devices/known", headers=tag).status_code == 304


def test_a_name_with_a_slash_is_found_at_its_location(client: httpx.Client) -> None:
    made = post(client, "/v1/devices", profile("maker/board 2"))
    assert made.headers["Location"] == "/v1/devices/maker/board%202"
    assert client.get(made.headers["Location"]).json()["name"] == "maker/board 2"


def test_a_name_can_be_given(client: httpx.Client) -> None:
    made = post(client, "/v1/importance?name=my%20table", e1_json()["importance"])
    assert made.json()["name"] == "my table"


def test_a_manifest_gets_its_digest(client: httpx.Client) -> None:
    made = post(client, "/v1/models?name=sealed", e1_json()["model"])
    assert made.json()["digest"] == model(e1_json()["model"]).digest
    assert client.get("/v1/models/sealed").json()["digest"] == made.json()["digest"]


@pytest.mark.parametrize("kind", PATHS)
def test_a_checked_document_is_not_stored(client: httpx.Client, kind: str) -> None:
    body = {**e1_json()[kind], "name" if kind == "device" else "model": f"checked-{kind}"}
    checked = post(client, f"{PATHS[kind]}/check", body)
    assert checked.status_code == 200
    found = checked.json()["document"]
    assert not found["is_known"]
    assert client.get(f"{PATHS[kind]}/{found['digest']}").status_code == 404


def test_a_checked_document_has_the_name_and_digest_that_it_would_get(
    client: httpx.Client,
) -> None:
    checked = post(client, "/v1/devices/check", profile("checked")).json()["document"]
    made = post(client, "/v1/devices", profile("checked")).json()
    assert (checked["name"], checked["digest"]) == (made["name"], made["digest"])
    assert post(client, "/v1/devices/check", profile("checked")).json()["document"]["is_known"]


def test_what_a_check_finds_has_a_place(client: httpx.Client) -> None:
    checked = post(client, "/v1/devices/check", profile("wrong", memory_bytes=0))
    assert checked.status_code == 200
    problem = checked.json()["problem"]
    assert problem["status"] == 422
    assert [error["pointer"] for error in problem["errors"]] == ["/memory_bytes"]
    assert "got 0" in problem["errors"][0]["detail"]


def test_a_check_says_what_registering_would(client: httpx.Client) -> None:
    wrong = profile("wrong", memory_bytes=0)
    refused = post(client, "/v1/devices", wrong)
    said = post(client, "/v1/devices/check", wrong).json()["problem"]
    assert said == {"type": "about:blank", **refused.json()}
