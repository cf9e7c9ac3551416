"""Calibrations: a device's profile brought up to date by the runs it reported."""

import datetime as dt
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Response

from planner_api.routes.openapi import gives
from planner_api.routes.wiring import UsedRegistry
from planner_api.services.calibrate import (
    CalibrationReport,
    DeviceCalibrations,
    calibrate_device,
    calibrations_of,
)

router = APIRouter(prefix="/v1/devices", tags=["devices"])

DeviceName = Annotated[str, Path(description="A registered name")]


@router.post(
    "/{name:path}/calibrations",
    summary="Calibrate a device by its runs",
    status_code=HTTPStatus.CREATED,
    responses=gives(404, 409, 422, created=CalibrationReport),
)
def post_calibration(name: DeviceName, registry: UsedRegistry) -> Response:
    """A new version of its profile, from the measured runs reported since the newest one.

    Plans that keep to their target too seldom on it are marked stale.
    """
    report = calibrate_device(registry, name, today=dt.datetime.now(dt.UTC).date())
    return Response(
        report.model_dump_json(),
        status_code=HTTPStatus.CREATED,
        media_type="application/json",
        headers={"Location": f"/v1/devices/{quote(name)}"},
    )


@router.get(
    "/{name:path}/calibrations",
    summary="List the calibrations of a device",
    responses=gives(404, ok=DeviceCalibrations),
)
def list_calibrations(name: DeviceName, registry: UsedRegistry) -> Response:
    """What each came to, the oldest first."""
    return Response(
        calibrations_of(registry, name).model_dump_json(), media_type="application/json"
    )
