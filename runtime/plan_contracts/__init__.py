"""The documents that planner, simulator, builder and runtime exchange (CONTRACTS)."""

from plan_contracts._version import __version__
from plan_contracts.device import (
    Compute,
    DeviceProfile,
    Geometry,
    OperatingPoint,
    Storage,
    StorageJitter,
)
from plan_contracts.digest import canonical_json, sha256_of
from plan_contracts.document import Document, Part
from plan_contracts.errors import ContractError, DigestMismatchError, explain_validation
from plan_contracts.importance import ImportanceTable
from plan_contracts.model import (
    Architecture,
    ModelManifest,
    StoredFile,
    StoredRange,
    StoreIndex,
)
from plan_contracts.plan import (
    LayerTimes,
    Plan,
    PlannedLayer,
    PlannedShard,
    PlanProvenance,
    Prediction,
    ShardRead,
)
from plan_contracts.provenance import Provenance
from plan_contracts.request import PlanOptions, PlanRequest, Policy, ShardRule, Target
from plan_contracts.response import (
    Baseline,
    Certificate,
    Infeasibility,
    PairBound,
    PlanResponse,
    ShadowPrices,
    SimulationSummary,
)
from plan_contracts.trace import RunTrace, Span

__all__ = [
    "Architecture",
    "Baseline",
    "Certificate",
    "Compute",
    "ContractError",
    "DeviceProfile",
    "DigestMismatchError",
    "Document",
    "Geometry",
    "ImportanceTable",
    "Infeasibility",
    "LayerTimes",
    "ModelManifest",
    "OperatingPoint",
    "PairBound",
    "Part",
    "Plan",
    "PlanOptions",
    "PlanProvenance",
    "PlanRequest",
    "PlanResponse",
    "PlannedLayer",
    "PlannedShard",
    "Policy",
    "Prediction",
    "Provenance",
    "RunTrace",
    "ShadowPrices",
    "ShardRead",
    "ShardRule",
    "SimulationSummary",
    "Span",
    "Storage",
    "StorageJitter",
    "StoreIndex",
    "StoredFile",
    "StoredRange",
    "Target",
    "__version__",
    "canonical_json",
    "explain_validation",
    "sha256_of",
]
