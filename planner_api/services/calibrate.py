"""A device's profile as its own runs measured it, and the plans that no longer keep their word.

A calibration takes the measured runs that were reported since the profile's newest version, makes
a newer version of them, and judges every plan that was made for any version of the device: one is
stale when, on the newer profile, it keeps to its target in less of the runs than it should. That
is the target's quantile; a plan without one should as often as it was simulated to when it was
made, but no more than every other time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from plan_contracts import DeviceProfile, ModelManifest, Part, Plan, PlanResponse, RunTrace
from plan_contracts.units import Count, Positive, Sha256
from planner_api.errors import ChangedMeanwhileError, NotFoundError
from planner_api.services.documents import find, to_stored
from planner_api.services.ports import NewCalibration
from simulator.calibration import MeasuredRun, calibrate, hit_probability

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from planner_api.services.ports import Records, Registry, ReportedRun, StoredDocument
    from simulator.calibration import Calibration

MOST_RUNS = 200
JUDGED_RUNS = 1000
EVERY_OTHER_TIME = 0.5


class OutlyingRun(Part):
    """A run of which one part, left out, took `factor` times as long as usual."""

    run_id: Sha256
    part: str
    factor: float


class ChangedNumber(Part):
    """A number of the profile by its place; `before` is null if there was none."""

    field: str
    before: float | None
    after: float


class StalePlan(Part):
    """A plan that keeps to its target too seldom on a newer profile of its device."""

    plan_id: Sha256
    device_digest: Sha256
    wanted: float
    hit_probability: float


class CalibrationReport(Part):
    """What a calibration came to: the new version of the profile, and what follows from it."""

    device: str
    version: Positive
    before: Sha256
    after: Sha256
    runs: Count
    numbers: tuple[ChangedNumber, ...]
    outliers: tuple[OutlyingRun, ...]
    judged_plans: Count
    stale_plans: tuple[StalePlan, ...]


class DeviceCalibrations(Part):
    """All calibrations of a device, the oldest first."""

    device: str
    calibrations: tuple[CalibrationReport, ...]


def calibrate_device(registry: Registry, name: str, *, today: dt.date) -> CalibrationReport:
    """Make a newer version of a device's profile, and judge the plans made for it.

    NotFoundError for an unknown name, ContractError for too few measured runs,
    ChangedMeanwhileError if the device got another version in the meantime.
    """
    with registry.reading() as records:
        current = _named_device(records, name)
        digests = records.documents.versions("device", name)
        runs = list(_measured_runs(records, digests, since_us=current.created_us or 0))
        found = calibrate(DeviceProfile.from_json(current.content), runs, date=today)
        plans = [Plan.from_json(content) for content in records.calibrations.plans_for(digests)]
        stale = tuple(_stale_plans(records, plans, found.profile))
    report = _report(current, found, len(runs), plans, stale)
    with registry.writing() as records:
        if _named_device(records, name).digest != current.digest:
            message = f"device {name!r} must still be {current.digest}, and has a newer version"
            raise ChangedMeanwhileError(message)
        _remember(records, report, found, digests)
    return report


def calibrations_of(registry: Registry, name: str) -> DeviceCalibrations:
    """All calibrations of a device; NotFoundError for an unknown name."""
    with registry.reading() as records:
        _named_device(records, name)
        reports = records.calibrations.of_device(name)
    parsed = tuple(CalibrationReport.model_validate_json(report) for report in reports)
    return DeviceCalibrations(device=name, calibrations=parsed)


def _named_device(records: Records, name: str) -> StoredDocument:
    found = find(records.documents, "device", name)
    if found.name != name:
        message = f"no device is known by the name {name!r}"
        raise NotFoundError(message)
    return found


def _measured_runs(
    records: Records, device_digests: Sequence[str], *, since_us: int
) -> Iterator[MeasuredRun]:
    reported = records.calibrations.runs_on(device_digests, since_us=since_us, limit=MOST_RUNS)
    for run in reported:
        trace = RunTrace.from_json(run.trace)
        if trace.source == "measured":
            yield _measured_run(records, run, trace)


def _measured_run(records: Records, run: ReportedRun, trace: RunTrace) -> MeasuredRun:
    plan = Plan.from_json(run.plan)
    geometry = _model_of(records, plan).geometry
    return MeasuredRun(name=run.id, plan=plan, geometry=geometry, trace=trace)


def _model_of(records: Records, plan: Plan) -> ModelManifest:
    stored = find(records.documents, "model", plan.model_digest)
    return ModelManifest.from_json(stored.content)


def _stale_plans(
    records: Records, plans: Sequence[Plan], device: DeviceProfile
) -> Iterator[StalePlan]:
    for plan in plans:
        plan_id = plan.id or plan.computed_id()
        share = hit_probability(
            plan,
            device,
            _model_of(records, plan),
            runs=JUDGED_RUNS,
            seed=plan.provenance.seed,
        )
        wanted = _wanted_share(records, plan, plan_id)
        if share < wanted:
            yield StalePlan(
                plan_id=plan_id, device_digest=device.digest, wanted=wanted, hit_probability=share
            )


def _wanted_share(records: Records, plan: Plan, plan_id: str) -> float:
    """In what share of the runs a plan should keep to its target."""
    if plan.target.latency_quantile is not None:
        return plan.target.latency_quantile
    response = PlanResponse.from_json(records.plans.response(plan_id) or "")
    promised = response.simulation.hit_probability if response.simulation else 1.0
    return min(EVERY_OTHER_TIME, promised)


def _report(
    current: StoredDocument,
    found: Calibration,
    runs: int,
    plans: Sequence[Plan],
    stale: tuple[StalePlan, ...],
) -> CalibrationReport:
    return CalibrationReport(
        device=current.name or "",
        version=1 + (current.version or 0),
        before=current.digest,
        after=found.profile.digest,
        runs=runs,
        numbers=tuple(
            ChangedNumber(field=n.field, before=n.before, after=n.after) for n in found.numbers
        ),
        outliers=tuple(
            OutlyingRun(run_id=o.run, part=o.part, factor=o.factor) for o in found.outliers
        ),
        judged_plans=len(plans),
        stale_plans=stale,
    )


def _remember(
    records: Records, report: CalibrationReport, found: Calibration, digests: Sequence[str]
) -> None:
    stored = to_stored("device", found.profile)
    records.documents.add(replace(stored, name=report.device, version=report.version))
    records.calibrations.add(
        NewCalibration(
            device=report.device, device_digest=report.after, report=report.model_dump_json()
        )
    )
    reasons = {stale.plan_id: stale.model_dump_json() for stale in report.stale_plans}
    records.calibrations.mark(digests, reasons)
