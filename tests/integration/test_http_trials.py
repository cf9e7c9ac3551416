"""Plans tried on a text over HTTP, on a small store written by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from plan_contracts import RunTrace
from planner_api.errors import ConfigurationError
from planner_api.main import create_app
from planner_api.settings import load_settings
from planner_api.stores import StoreFolders
from service import database_url, post, served
from shard_runtime.engine import load_engine
from shard_runtime.execution import Machine
from shard_runtime.executor import load_then_run, run_plan, uniform_layers
from shard_runtime.reader import PlainReader
from shard_runtime.store import ShardStore
from shard_runtime.tokens import pad_tokens
from store_plans import Chosen, make_plan, some_device
from tokenized_store import store_with_tokenizer

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import httpx

    from plan_contracts import ModelManifest, Plan

LENGTH = 8
TEXT = "a b a"
TOKENS = pad_tokens([1, 2, 1], LENGTH)


def plan_of(manifest: ModelManifest) -> Plan:
    layers = [[Chosen(0, 3), Chosen(2, 6, preload=True)], [Chosen(0, 2), Chosen(1, 4)]]
    return make_plan(manifest, layers, sequence_length=LENGTH)


def body_of(plan: Plan, **fields: object) -> dict[str, Any]:
    return {"plan": json.loads(plan.to_json()), "text": TEXT, **fields}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def plan(folder: Path) -> Plan:
    return plan_of(store_with_tokenizer(folder))


@pytest.fixture(scope="module")
def client(
    plan: Plan, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[httpx.Client]:
    del plan  # its store must have been written
    with served(tmp_path_factory.mktemp("trials"), stores=(folder,)) as made:
        yield made


@pytest.fixture(scope="module")
def trial(client: httpx.Client, plan: Plan) -> dict[str, Any]:
    answer = post(client, "/v1/trials", body_of(plan))
    assert answer.status_code == 200
    return answer.json()


def machine_of(folder: Path) -> Machine:
    store = ShardStore.open(folder)
    return Machine(store=store, engine=load_engine("auto", store), reader=PlainReader())


def shares(logits: np.ndarray[Any, Any]) -> list[float]:
    return (np.exp(logits) / np.exp(logits).sum()).tolist()


def test_the_plan_answers_as_on_the_device(trial: dict[str, Any], plan: Plan, folder: Path) -> None:
    machine = machine_of(folder)
    output, _ = run_plan(
        plan, machine.store, machine.engine, TOKENS, reader=machine.reader, device=some_device()
    )
    assert list(trial["plan"]["probabilities"]) == ["no", "yes"]
    assert list(trial["plan"]["probabilities"].values()) == pytest.approx(shares(output[0]))


def test_the_full_model_answers_beside_it(trial: dict[str, Any], folder: Path) -> None:
    machine = machine_of(folder)
    run = load_then_run(uniform_layers(machine.store.manifest, 32), machine, TOKENS)
    assert list(trial["full"]["probabilities"].values()) == pytest.approx(shares(run.output[0]))
    assert trial["full"]["plan_id"] is None


def test_a_label_is_the_likeliest(trial: dict[str, Any]) -> None:
    probabilities = trial["plan"]["probabilities"]
    assert trial["plan"]["label"] == max(probabilities, key=probabilities.get)


def test_the_run_is_measured(trial: dict[str, Any], plan: Plan) -> None:
    trace = RunTrace.from_json(json.dumps(trial["trace"]))
    assert (trace.source, trace.plan_id) == ("measured", plan.id)
    assert trace.latency_us == trial["plan"]["latency_us"] > 0
    assert trial["tokens"] == 3


def test_an_embedding_has_a_similarity_and_no_label(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    manifest = store_with_tokenizer(folder, head="mean_embedding")
    with served(tmp_path, stores=(folder,)) as client:
        trial = post(client, "/v1/trials", body_of(plan_of(manifest))).json()
    assert (trial["plan"]["label"], trial["plan"]["probabilities"]) == (None, None)
    assert -1 <= trial["similarity"] < 1


def test_models_that_can_be_tried_are_listed(client: httpx.Client, plan: Plan) -> None:
    assert client.get("/v1/trials").json() == {
        "items": [
            {
                "model": "small-random",
                "model_digest": plan.model_digest,
                "head": "classifier",
                "labels": ["no", "yes"],
            }
        ]
    }


def test_the_model_of_a_store_is_known_by_name(client: httpx.Client, plan: Plan) -> None:
    assert client.get("/v1/models/small-random").json()["digest"] == plan.model_digest


def test_without_a_store_it_is_said_how_to_give_one(tmp_path: Path, plan: Plan) -> None:
    with served(tmp_path) as bare:
        answer = post(bare, "/v1/trials", body_of(plan))
        assert bare.get("/v1/trials").json() == {"items": []}
    assert answer.status_code == 409
    assert "--store FOLDER" in answer.json()["detail"]


def test_an_unknown_plan_is_not_found(client: httpx.Client) -> None:
    unknown = {"plan": "sha256:" + "0" * 64, "text": TEXT}
    assert post(client, "/v1/trials", unknown).status_code == 404


def test_a_text_too_long_is_refused_unless_it_may_be_cut(client: httpx.Client, plan: Plan) -> None:
    long = {"text": "a " * (LENGTH + 1)}
    refused = post(client, "/v1/trials", body_of(plan, **long))
    assert refused.status_code == 422
    assert f"at most {LENGTH} tokens, got {LENGTH + 1}" in refused.json()["detail"]
    assert post(client, "/v1/trials", body_of(plan, **long, truncate=True)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "pointer"), [({"text": ""}, "/text"), ({"plan": "mine"}, "/plan")]
)
def test_what_breaks_a_rule_has_a_place(
    client: httpx.Client, plan: Plan, changes: dict[str, str], pointer: str
) -> None:
    refused = post(client, "/v1/trials", {**body_of(plan), **changes})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


def test_a_store_that_was_damaged_since_cannot_be_used(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    plan = plan_of(store_with_tokenizer(folder))
    with served(tmp_path, stores=(folder,)) as client:
        shards = folder / "shards-2.bin"
        shards.write_bytes(bytes(shards.stat().st_size))
        answer = post(client, "/v1/trials", body_of(plan))
    assert answer.status_code == 503
    assert "must have digest" in answer.json()["detail"]


def test_a_store_can_be_warmed_up(folder: Path, plan: Plan) -> None:
    stores = StoreFolders([folder])
    stores.warm_up()
    assert stores.run(plan, TEXT, truncate=False).tokens == 3
    stores.close()


def test_a_folder_without_a_store_is_named_at_the_start(tmp_path: Path) -> None:
    settings = load_settings(database=database_url(tmp_path), stores=(tmp_path,))
    with pytest.raises(ConfigurationError, match=r"must hold manifest\.json"):
        create_app(settings)


def test_stores_of_the_environment_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHARDSTREAM_STORES", "one, two")
    assert [str(store) for store in load_settings().stores] == ["one", "two"]
