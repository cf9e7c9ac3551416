"""A service where a small model can be planned, run and measured: a workshop for the page.

The model has a store that was written by hand, the device knows its layers at two lengths, and two
tasks have an importance table; plans are run on this machine, so that measured runs are measured.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from builders import WORTH, device_json, importance_json
from plan_contracts import DeviceProfile, Plan
from service import post, served
from shard_runtime.engine import load_engine
from shard_runtime.executor import run_plan
from shard_runtime.reader import PlainReader
from shard_runtime.store import ShardStore
from shard_runtime.tokens import pad_tokens
from stores import BITWIDTHS, Sizes
from tokenized_store import store_with_tokenizer

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import httpx

    from plan_contracts import ModelManifest

SIZES = Sizes(layers=4)
LENGTHS = (8, 16)
TASKS = ("first", "second")
DEVICE = "bench"
TOKENS = [1, 2, 1]
LATENCY_US = 6_000


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """The service's address, and what it knows the small model by."""

    url: str
    client: httpx.Client
    folder: Path
    model: str

    @property
    def query(self) -> str:
        """The address of a scenario that has a plan."""
        return (
            f"/?device={DEVICE}&model={self.model}&importance={self.model}/{TASKS[0]}"
            f"&latency_us={LATENCY_US}&preload_bytes=1024&sequence_length={LENGTHS[0]}"
        )

    def run(self, plan_id: str, *, times: int = 1) -> list[str]:
        """Run a stored plan on this machine and report it; the ids of the runs."""
        plan = Plan.from_json(self.client.get(f"/v1/plans/{plan_id}").text)
        store = ShardStore.open(self.folder)
        device = DeviceProfile.from_json(self.client.get(f"/v1/devices/{DEVICE}").text)
        tokens = pad_tokens(TOKENS, plan.target.sequence_length)
        reported: list[str] = []
        for _ in range(times):
            _, trace = run_plan(
                plan,
                store,
                load_engine("numpy", store),
                tokens,
                reader=PlainReader(),
                device=device,
            )
            answer = post(self.client, f"/v1/plans/{plan_id}/runs", json.loads(trace.to_json()))
            assert answer.status_code == 201
            reported.append(answer.json()["run_id"])
        return reported

    def plan(self) -> str:
        """Plan the scenario and keep the plan; its id."""
        return post(self.client, "/v1/plans", request_json(self.model)).json()["plan"]["id"]


@contextmanager
def workshop(folder: Path) -> Generator[Workshop]:
    """A workshop that keeps store and database in this folder."""
    manifest = store_with_tokenizer(folder / "store", sizes=SIZES)
    with served(folder, stores=(folder / "store",)) as client:
        for path, document in (
            ("/v1/devices", _device(manifest)),
            *(("/v1/importance", _importance(manifest, task)) for task in TASKS),
        ):
            assert post(client, path, document).status_code == 201
        url = str(client.base_url).rstrip("/")
        yield Workshop(url=url, client=client, folder=folder / "store", model=manifest.model)


def request_json(model: str) -> dict[str, Any]:
    """The scenario of `Workshop.query` as a request."""
    return {
        "device": DEVICE,
        "model": model,
        "importance": f"{model}/{TASKS[0]}",
        "target": {
            "latency_us": LATENCY_US,
            "preload_bytes": 1024,
            "sequence_length": LENGTHS[0],
        },
    }


def _device(manifest: ModelManifest) -> dict[str, Any]:
    """Jittery, with an entry for each length."""
    document = device_json(
        layer_us={1: 300, 2: 500, 3: 700},
        decode_us=dict.fromkeys(BITWIDTHS, 40),
        overhead_us=40,
        bandwidth=8_000_000,
        name=DEVICE,
    )
    document["storage"]["jitter"] = {"bandwidth_sigma": 0.1, "autocorrelation": 0.2}
    entry = document["compute"][0] | {"geometry": json.loads(manifest.geometry.model_dump_json())}
    document["compute"] = [
        entry | {"sequence_length": length, "fixed_us": 10 * length} for length in LENGTHS
    ]
    return document


def _importance(manifest: ModelManifest, task: str) -> dict[str, Any]:
    """Later layers are worth more for the first task, and less for the second."""
    layers, slices = manifest.layers, manifest.slices
    weights = np.arange(1, layers * slices + 1).reshape(layers, slices)
    if task == TASKS[1]:
        weights = weights[::-1]
    gain = {bits: (worth * weights).tolist() for bits, worth in zip(BITWIDTHS, WORTH, strict=True)}
    base = np.add.outer(np.arange(layers), np.arange(slices)).tolist()
    return importance_json(base, gain, model=manifest.model, task=task)
