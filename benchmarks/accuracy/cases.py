"""What is measured: bitwidths, devices, latency targets and preload buffers; frozen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from device_profiles import catalog
from plan_contracts import ContractError, Provenance, Storage, Target

if TYPE_CHECKING:
    from plan_contracts import DeviceProfile, ModelManifest

SEQUENCE_LENGTH = 64
TARGET = "cpu"
KIB = 1024
COMPARED_BITS = (2, 3, 4)
PRELOADS_BYTES = (0, 256 * KIB)
"""STI's buffer of 1 MB is six tenths of a layer of its model at 2 bit; so is this of ours."""


class Scale(NamedTuple):
    """How much is measured: texts to calibrate, to profile, to choose plans by, and so on.

    `predicted`: texts that predictions are held against. `judged`: those that plans are judged by;
    None: all there are. `per_device`: latency targets of each device. `finalists`: best plans of
    distinct pairs that are measured before one is taken.
    """

    calibration: int
    profile: int
    choice: int
    predicted: int
    judged: int | None
    devices: int
    per_device: int
    finalists: int
    random_plans: int


WHOLE = Scale(
    calibration=512,
    profile=512,
    choice=512,
    predicted=2048,
    judged=None,
    devices=3,
    per_device=3,
    finalists=5,
    random_plans=40,
)
QUICK = Scale(
    calibration=64,
    profile=32,
    choice=64,
    predicted=64,
    judged=160,
    devices=1,
    per_device=2,
    finalists=2,
    random_plans=6,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """A device and the latency targets that plans are made for on it, in microseconds."""

    device: DeviceProfile
    latencies_us: tuple[int, ...]


class Point(NamedTuple):
    """One request: a device by name, a latency target and a preload buffer."""

    device: str
    latency_us: int
    preload_bytes: int


def benches(scale: Scale) -> tuple[Bench, ...]:
    """The devices: STI's board, a slow eMMC where reading binds, UFS where computing does.

    Targets reach from a small submodel to nearly the whole model.
    """
    every = (
        Bench(device=catalog.load("odroid-n2plus"), latencies_us=(40_000, 20_000, 80_000)),
        Bench(device=slow_emmc(), latencies_us=(60_000, 30_000, 120_000)),
        Bench(device=catalog.load("ufs4-phone"), latencies_us=(12_000, 6_000, 20_000)),
    )
    return tuple(
        replace(bench, latencies_us=tuple(sorted(bench.latencies_us[: scale.per_device])))
        for bench in every[: scale.devices]
    )


def points(scale: Scale) -> tuple[Point, ...]:
    """Every latency target of every device with every preload buffer."""
    return tuple(
        Point(bench.device.name, latency_us, preload_bytes)
        for bench in benches(scale)
        for latency_us in bench.latencies_us
        for preload_bytes in PRELOADS_BYTES
    )


def made_for(device: DeviceProfile, model: ModelManifest) -> DeviceProfile:
    """The device with times for this model at our length, estimated if it has none."""
    try:
        device.compute_for(TARGET, model.geometry, SEQUENCE_LENGTH)
    except ContractError:
        return catalog.scale(device, model, TARGET, SEQUENCE_LENGTH)
    return device


def slow_emmc() -> DeviceProfile:
    """The Rock 5B of the catalogue behind an eMMC of 40 MB/s and 300 us a request."""
    rock = catalog.load("rock-5b-emmc")
    storage = Storage(
        bandwidth_bytes_per_s=40_000_000,
        request_overhead_us=300,
        provenance=Provenance(
            kind="synthetic",
            source="an eMMC about as slow as they come",
            date=rock.provenance.date,
        ),
    )
    return rock.model_copy(update={"name": "slow-emmc", "storage": storage})


def target_of(point: Point) -> Target:
    """The target of a request at this point; reads may run ahead without limit, as STI's do."""
    return Target(
        compute_target=TARGET,
        latency_us=point.latency_us,
        preload_bytes=point.preload_bytes,
        sequence_length=SEQUENCE_LENGTH,
    )
