"""Calibrations and stale plans in SQL, and the runs and plans that they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from planner_api.registry import tables
from planner_api.registry.stores import insert_new, now_us
from planner_api.services.ports import ReportedRun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from planner_api.services.ports import NewCalibration


class SqlCalibrations:
    """Calibrations of devices, and the plans that they made stale."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, calibration: NewCalibration) -> None:
        """Keep a calibration."""
        insert_new(
            self._connection,
            tables.calibrations,
            device=calibration.device,
            device_digest=calibration.device_digest,
            report=calibration.report,
            created_us=now_us(),
        )

    def of_device(self, name: str) -> Sequence[str]:
        """The JSON of the reports of all calibrations of a device, the oldest first."""
        table = tables.calibrations
        statement = select(table.c.report).where(table.c.device == name).order_by(table.c.number)
        return list(self._connection.scalars(statement))

    def runs_on(
        self, device_digests: Sequence[str], *, since_us: int, limit: int
    ) -> Sequence[ReportedRun]:
        """The newest runs, reported after a moment, of plans for these devices."""
        runs, plans = tables.runs, tables.plans
        rows = self._connection.execute(
            select(runs.c.id, plans.c.content, runs.c.trace)
            .join_from(runs, plans)
            .where(plans.c.device_digest.in_(device_digests), runs.c.created_us > since_us)
            .order_by(runs.c.number.desc())
            .limit(limit)
        )
        return [ReportedRun(id=run_id, plan=plan, trace=trace) for run_id, plan, trace in rows]

    def plans_for(self, device_digests: Sequence[str]) -> Sequence[str]:
        """The JSON of all plans for these devices, the oldest first."""
        table = tables.plans
        statement = select(table.c.content).where(table.c.device_digest.in_(device_digests))
        return list(self._connection.scalars(statement.order_by(table.c.number)))

    def mark(self, device_digests: Sequence[str], stale: Mapping[str, str]) -> None:
        """Of all plans for these devices let just these be stale, each with JSON why."""
        marks, plans = tables.stale_plans, tables.plans
        judged = select(plans.c.id).where(plans.c.device_digest.in_(device_digests))
        self._connection.execute(delete(marks).where(marks.c.plan_id.in_(judged)))
        for plan_id, reason in stale.items():
            insert_new(self._connection, marks, plan_id=plan_id, reason=reason, created_us=now_us())

    def stale(self, plan_ids: Sequence[str]) -> Mapping[str, str]:
        """The JSON why, of those of the plans that are stale."""
        table = tables.stale_plans
        rows = self._connection.execute(select(table).where(table.c.plan_id.in_(plan_ids)))
        return {row.plan_id: row.reason for row in rows}
