"""Shard stores of this machine, on which plans can be tried."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import RunTrace
from planner_api.errors import (
    ConfigurationError,
    InvalidRequestError,
    NoStoreError,
    UnavailableError,
)
from planner_api.services.trials import TriableModel, Trial, TriedRun
from shard_runtime.engine import load_engine
from shard_runtime.errors import ShardRuntimeError
from shard_runtime.execution import Machine
from shard_runtime.executor import check_model, load_then_run, uniform_layers
from shard_runtime.pipeline import Pipeline, Schedule
from shard_runtime.reader import PlainReader
from shard_runtime.store import ShardStore
from shard_runtime.tokens import pad_tokens, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from plan_contracts import Architecture, ModelManifest, Plan
    from shard_runtime.execution import Run
    from shard_runtime.tokens import Tokens
    from shard_runtime.weights import FloatArray

THIS_DEVICE = "this server"
SHORTEST_INPUT = 1


class StoreFolders:
    """Opened stores by the digest of their model; ConfigurationError for a folder that is none.

    One trial runs at a time, so that none slows another's measured time. Reads come from this
    machine's disk, or its page cache, as fast as they may.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        stores = [_opened(folder) for folder in folders]
        self._stores = {store.digest: store for store in stores}
        self._machines: dict[str, Machine] = {}
        self._one_at_a_time = threading.Lock()

    def warm_up(self) -> None:
        """Let every store's engine compile what the first trial would otherwise wait for."""
        for store in self._stores.values():
            layers = uniform_layers(store.manifest, min(store.manifest.bitwidths), depth=1, width=1)
            with self._one_at_a_time:
                load_then_run(layers, self._machine(store), pad_tokens([0], SHORTEST_INPUT))

    def _machine(self, store: ShardStore) -> Machine:
        """What runs the store's plans; to be asked for one at a time."""
        if store.digest not in self._machines:
            engine = load_engine("auto", store)
            self._machines[store.digest] = Machine(store=store, engine=engine, reader=PlainReader())
        return self._machines[store.digest]

    def manifests(self) -> list[ModelManifest]:
        """The manifests of all stores."""
        return [store.manifest for store in self._stores.values()]

    def models(self) -> Sequence[TriableModel]:
        """The models that there is a store of."""
        return [
            TriableModel(
                model=store.manifest.model,
                model_digest=digest,
                head=store.architecture.head,
                labels=store.architecture.labels,
            )
            for digest, store in self._stores.items()
        ]

    def run(self, plan: Plan, text: str, *, truncate: bool) -> Trial:
        """A text by a sealed plan and by the full model.

        NoStoreError, InvalidRequestError if plan or text do not fit the store, UnavailableError
        if the store is damaged.
        """
        store = self._stores.get(plan.model_digest)
        if store is None:
            message = (
                f"the plan is for model {plan.model!r} {plan.model_digest}, and no store of it is "
                "at hand; start the server with --store FOLDER, or name it in SHARDSTREAM_STORES"
            )
            raise NoStoreError(message)
        try:
            check_model(plan, store)
            tokens = pad_tokens(
                tokenize(store, text),
                plan.target.sequence_length,
                pad_token=store.architecture.pad_token,
                truncate=truncate,
            )
        except ShardRuntimeError as error:
            raise InvalidRequestError(str(error)) from error
        try:
            with self._one_at_a_time:
                return _trial(plan, self._machine(store), tokens)
        except (ShardRuntimeError, OSError) as error:
            message = f"the store of model {plan.model!r} cannot be used: {error}"
            raise UnavailableError(message) from error

    def close(self) -> None:
        """Close the files."""
        for machine in self._machines.values():
            machine.reader.close()


def _opened(folder: Path) -> ShardStore:
    try:
        return ShardStore.open(folder)
    except (ShardRuntimeError, OSError) as error:
        message = f"a store to try plans on cannot be used: {error}"
        raise ConfigurationError(message) from error


def _trial(plan: Plan, machine: Machine, tokens: Tokens) -> Trial:
    pipeline = Pipeline(_schedule(plan), machine)
    planned = pipeline.run(tokens)
    store = machine.store
    manifest, architecture = store.manifest, store.architecture
    full = load_then_run(uniform_layers(manifest, max(manifest.bitwidths)), machine, tokens)
    plan_id = plan.computed_id()
    return Trial(
        model=manifest.model,
        model_digest=store.digest,
        tokens=int(tokens.mask.sum()),
        similarity=_cosine(planned.output[0], full.output[0]),
        plan=_tried(planned, architecture, plan_id=plan_id, preload_us=pipeline.preload_us),
        full=_tried(full, architecture, plan_id=None, preload_us=0),
        trace=RunTrace(
            plan_id=plan_id,
            source="measured",
            device=THIS_DEVICE,
            latency_us=planned.latency_us,
            peak_memory_bytes=planned.peak_memory_bytes,
            spans=planned.spans,
        ),
    )


def _schedule(plan: Plan) -> Schedule:
    return Schedule(
        layers=plan.layers,
        read_ahead_layers=plan.target.read_ahead_layers,
        sequence_length=plan.target.sequence_length,
    )


def _tried(
    run: Run, architecture: Architecture, *, plan_id: str | None, preload_us: int
) -> TriedRun:
    probabilities = _probabilities(run.output[0], architecture)
    label = max(probabilities, key=probabilities.__getitem__) if probabilities else None
    return TriedRun(
        plan_id=plan_id,
        label=label,
        probabilities=probabilities,
        latency_us=run.latency_us,
        preload_us=preload_us,
        peak_memory_bytes=run.peak_memory_bytes,
    )


def _probabilities(logits: FloatArray, architecture: Architecture) -> dict[str, float] | None:
    """By label, or by number where labels have no names; None for an embedding."""
    if architecture.head != "classifier":
        return None
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    labels = architecture.labels or tuple(map(str, range(shares.size)))
    return {label: float(share) for label, share in zip(labels, shares, strict=True)}


def _cosine(one: FloatArray, other: FloatArray) -> float:
    """Of two outputs; 0 beside an output of zeros."""
    norms = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one @ other) / norms if norms > 0 else 0.0
