"""What the use cases ask of whatever remembers things, and of whatever runs models.

The registry implements these in SQL, and planner_api/stores.py with the device's runtime. They
stand here because the use cases may know neither: the arrow of imports points to the services.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from plan_contracts import Plan
    from planner_api.services.trials import TriableModel, Trial

Kind = Literal["device", "model", "importance"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentEntry:
    """What a document is known by; `name` and `version` are None if it has no name.

    `created_us`: microseconds since 1970 UTC, None for documents that ship with the product.
    """

    kind: Kind
    digest: str
    name: str | None = None
    version: int | None = None
    created_us: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredDocument(DocumentEntry):
    """A document as it is kept, and what it is known by; `content` is JSON."""

    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NewPlan:
    """A plan as it is stored; `summary` and `content` are JSON."""

    id: str
    content: str
    summary: str
    response_digest: str
    device_digest: str
    model_digest: str
    importance_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NewAnswer:
    """What a planner of this version answered to a request; `request` is JSON."""

    request_digest: str
    planner_version: str
    request: str
    response_digest: str
    plan_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAnswer:
    """The response that a request was given, byte for byte."""

    response: str
    plan_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRun:
    """One reported run; `id` is the digest of its trace, `trace` and `comparison` are JSON."""

    id: str
    plan_id: str
    trace: str
    comparison: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredRun:
    """One reported run beside its simulation, as JSON."""

    comparison: str
    created_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedRun:
    """One reported run of a plan; `plan` and `trace` are JSON."""

    id: str
    plan: str
    trace: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCalibration:
    """What a calibration of a device came to; `report` is JSON, `device` the name of the device."""

    device: str
    device_digest: str
    report: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """One row of a list; `number` counts up in the order rows came in."""

    number: int
    summary: str
    created_us: int


class DocumentSource(Protocol):
    """Where documents are found: those that ship with the product, or the registry."""

    def by_digest(self, kind: Kind, digest: str) -> StoredDocument | None:
        """The document of this digest."""
        ...

    def by_name(self, kind: Kind, name: str) -> StoredDocument | None:
        """The newest version of this name."""
        ...

    def named(self, kind: Kind) -> Sequence[DocumentEntry]:
        """The newest version of every name, by name."""
        ...


class DocumentRecords(DocumentSource, Protocol):
    """Immutable documents by digest, and names that move from version to version."""

    def add(self, document: StoredDocument) -> None:
        """Keep a document, and if it has a name let the name point to it as its `version`."""
        ...

    def versions(self, kind: Kind, name: str) -> Sequence[str]:
        """Digests of everything that the name has ever pointed to."""
        ...


class PlanRecords(Protocol):
    """Immutable plans, and the answers that requests were given."""

    def plan(self, plan_id: str) -> str | None:
        """The JSON of a plan."""
        ...

    def response(self, plan_id: str) -> str | None:
        """The JSON of the first response that brought a plan."""
        ...

    def newest(self, *, before: int | None, limit: int) -> Sequence[Listed]:
        """Summaries of plans numbered below `before`, the newest first."""
        ...

    def answer(self, request_digest: str, planner_version: str) -> StoredAnswer | None:
        """What a planner of this version answered to a request."""
        ...

    def add_response(self, response: str) -> str:
        """Keep the JSON of a response; returns its digest."""
        ...

    def add_plan(self, plan: NewPlan) -> bool:
        """Keep a plan; False if it was known."""
        ...

    def add_answer(self, answer: NewAnswer) -> None:
        """Remember what a request was answered; a known request keeps its first answer."""
        ...


class RunRecords(Protocol):
    """Runs that devices reported."""

    def add(self, run: NewRun) -> bool:
        """Keep a run; False if it was known."""
        ...

    def of_plan(self, plan_id: str) -> Sequence[StoredRun]:
        """All runs of a plan, the oldest first."""
        ...

    def newest(self, *, before: int | None, limit: int) -> Sequence[Listed]:
        """Comparisons of runs numbered below `before`, the newest first."""
        ...

    def trace(self, run_id: str) -> str | None:
        """The JSON of the trace of a run."""
        ...


class CalibrationRecords(Protocol):
    """Calibrations of devices, and the plans that they made stale."""

    def add(self, calibration: NewCalibration) -> None:
        """Keep a calibration."""
        ...

    def of_device(self, name: str) -> Sequence[str]:
        """The JSON of the reports of all calibrations of a device, the oldest first."""
        ...

    def runs_on(
        self, device_digests: Sequence[str], *, since_us: int, limit: int
    ) -> Sequence[ReportedRun]:
        """The newest runs, reported after a moment, of plans for these devices."""
        ...

    def plans_for(self, device_digests: Sequence[str]) -> Sequence[str]:
        """The JSON of all plans for these devices, the oldest first."""
        ...

    def mark(self, device_digests: Sequence[str], stale: Mapping[str, str]) -> None:
        """Of all plans for these devices let just these be stale, each with JSON why."""
        ...

    def stale(self, plan_ids: Sequence[str]) -> Mapping[str, str]:
        """The JSON why, of those of the plans that are stale."""
        ...


class Records(Protocol):
    """Everything remembered, within one transaction."""

    @property
    def documents(self) -> DocumentRecords:
        """Devices, models and importance tables."""
        ...

    @property
    def plans(self) -> PlanRecords:
        """Plans and answers."""
        ...

    @property
    def runs(self) -> RunRecords:
        """Reported runs."""
        ...

    @property
    def calibrations(self) -> CalibrationRecords:
        """Calibrations, and stale plans."""
        ...


class Registry(Protocol):
    """Opens transactions; UnavailableError if the database does not answer."""

    def reading(self) -> AbstractContextManager[Records]:
        """A transaction that sees one state and changes nothing."""
        ...

    def writing(self) -> AbstractContextManager[Records]:
        """A transaction whose changes come all together at its end, or not at all."""
        ...

    def check(self) -> None:
        """UnavailableError unless the database answers."""
        ...


class ModelStores(Protocol):
    """The shard stores that plans can be tried on."""

    def models(self) -> Sequence[TriableModel]:
        """The models that there is a store of."""
        ...

    def run(self, plan: Plan, text: str, *, truncate: bool) -> Trial:
        """A text by a sealed plan and by the full model; NoStoreError, InvalidRequestError."""
        ...
