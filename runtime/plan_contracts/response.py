"""PlanResponse: the plan, how good it is proven to be, and what the simulator says of it."""

from __future__ import annotations

from typing import Any, Literal, Self

from plan_contracts.digest import canonical_json, sha256_of
from plan_contracts.document import Document, Part
from plan_contracts.errors import DigestMismatchError
from plan_contracts.plan import Plan
from plan_contracts.request import Policy
from plan_contracts.units import (
    Bytes,
    Count,
    Microseconds,
    Positive,
    Sha256,
)

Status = Literal["optimal", "feasible", "infeasible", "rejected_by_simulation"]
Limit = Literal["compute", "io", "preload", "memory"]


class PairBound(Part):
    """An upper bound on the score of every plan of one (depth, width).

    `table`: the sum of the best gains, no multipliers. `lagrangian`: recomputed from the
    non-negative multipliers `path` (one a layer; with a read-ahead limit the flow from reads to
    compute), `buffer` (with a read-ahead limit: the flow from the compute of layer l-w to the
    reads of layer l, one a layer), `memory` (one a layer, per byte), `preload` (per byte) and
    `decode` (per microsecond of all decode; it is a multiple of what all bitwidths' decode times
    are multiples of). See PLANNING, "Bound by layers". `solver`: the bound is the word of a
    solver; its multipliers leave few plans that could score more, so that these can be gone
    through.
    """

    depth: Positive
    width: Positive
    upper_bound: float
    kind: Literal["table", "lagrangian", "solver"]
    path: tuple[float, ...] = ()
    buffer: tuple[float, ...] | None = None
    memory: tuple[float, ...] | None = None
    preload: float = 0.0
    decode: float | None = None


class Certificate(Part):
    """How far the plan can be from the best: relative_gap = (upper_bound - objective) / range.

    `digest` is that of the canonical JSON of the other fields, null ones left out: multipliers
    that give the same bound as others are still not the ones the planner found.
    """

    digest: Sha256 | None = None
    objective: float
    upper_bound: float
    relative_gap: float
    range: float
    bounds: tuple[PairBound, ...]

    def computed_digest(self) -> str:
        """Digest of the certificate with `digest` absent."""
        plain: dict[str, Any] = self.model_dump(mode="json", exclude_none=True, exclude={"digest"})
        return sha256_of(canonical_json(plain))

    def sealed(self) -> Self:
        """The certificate with its digest filled in; DigestMismatchError if it has another."""
        digest = self.computed_digest()
        if self.digest is not None and self.digest != digest:
            message = f"digest of the certificate must be {digest}, got {self.digest}"
            raise DigestMismatchError(message)
        return self.model_copy(update={"digest": digest})


class SimulationSummary(Part):
    """The simulator's verdict; quantiles and hit probability over `runs` seeded samples."""

    latency_us: Microseconds
    stall_us: Microseconds
    io_busy_us: Microseconds
    compute_busy_us: Microseconds
    peak_memory_bytes: Bytes
    quantiles_us: dict[str, Microseconds]
    hit_probability: float
    runs: Count


class Baseline(Part):
    """What another policy makes of the same request; nulls when it has no plan at all."""

    policy: Policy
    objective: float | None
    latency_us: Microseconds | None
    feasible: bool


class ShadowPrices(Part):
    """What one more unit would buy, in the table's unit, to first order at the plan's pair."""

    score_per_ms: float
    score_per_kib_preload: float


class Infeasibility(Part):
    """What would do instead: each least with the other limits as given, null if none would."""

    least_latency_us: Microseconds | None
    least_preload_bytes: Bytes | None
    least_memory_bytes: Bytes | None
    binding: Limit
    message: str


class PlanResponse(Document):
    """The answer to a PlanRequest."""

    status: Status
    plan: Plan | None
    certificate: Certificate | None
    simulation: SimulationSummary | None
    baselines: tuple[Baseline, ...] = ()
    shadow_prices: ShadowPrices | None = None
    skipped_widths: tuple[Positive, ...] = ()
    infeasibility: Infeasibility | None = None
