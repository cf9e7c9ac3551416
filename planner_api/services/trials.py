"""Plans tried on a text, beside the full model, where a store of the model is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Discriminator, Field, Tag

from plan_contracts import Document, Part, Plan, RunTrace
from plan_contracts.model import HeadKind
from plan_contracts.request import name_or_document
from plan_contracts.units import Bytes, Microseconds, Positive, Sha256
from planner_api.services.plans import plan_json

if TYPE_CHECKING:
    from planner_api.services.ports import ModelStores, Registry

PlanRef = Annotated[
    Annotated[Sha256, Tag("<name>")] | Annotated[Plan, Tag("<document>")],
    Discriminator(name_or_document),
]


class TrialRequest(Document):
    """A plan, by its id or whole, and a text; what is too long for the plan may be cut."""

    plan: PlanRef
    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    truncate: bool = False


class TriedRun(Part):
    """One measured run of a text: what came out and what it took.

    `plan_id` is null for the full model, which is loaded whole and then run. `label` and
    `probabilities` are null unless the model is a classifier. The latency counts neither
    tokenising nor preloading.
    """

    plan_id: Sha256 | None
    label: str | None
    probabilities: dict[str, float] | None
    latency_us: Microseconds
    preload_us: Microseconds
    peak_memory_bytes: Bytes


class Trial(Part):
    """A plan and the full model on the same text; `similarity`: cosine between their outputs."""

    model: str
    model_digest: Sha256
    tokens: Positive
    similarity: float
    plan: TriedRun
    full: TriedRun
    trace: RunTrace


class TriableModel(Part):
    """A model that can be tried here."""

    model: str
    model_digest: Sha256
    head: HeadKind
    labels: tuple[str, ...]


class TriableModels(Part):
    """All models that can be tried here, by name."""

    items: tuple[TriableModel, ...]


def try_plan(registry: Registry, stores: ModelStores, body: bytes) -> Trial:
    """Run a text by a plan and by the full model.

    ContractError for a body that breaks a rule, NotFoundError for an unknown plan, NoStoreError
    without the model's store, InvalidRequestError for a plan or text that the store does not fit.
    """
    asked = TrialRequest.from_json(body)
    plan = asked.plan
    if isinstance(plan, str):
        plan = Plan.from_json(plan_json(registry, plan))
    return stores.run(plan.sealed(), asked.text, truncate=asked.truncate)


def triable_models(stores: ModelStores) -> TriableModels:
    """All models that can be tried here, by name."""
    return TriableModels(items=tuple(sorted(stores.models(), key=lambda model: model.model)))
