from __future__ import annotations

import pytest
from pydantic import ValidationError

from device_profiles import catalog
from plan_contracts import ContractError, DeviceProfile, Storage
from planner_api.services.what_if import WhatIf, changed

DEVICE = catalog.load("odroid-n2plus")


def faster(device: DeviceProfile = DEVICE, **factors: float) -> DeviceProfile:
    return changed(device, WhatIf.model_validate(factors))


def test_factors_of_one_leave_the_device_as_it_is() -> None:
    assert faster() is DEVICE


def test_twice_the_bandwidth_halves_transfers() -> None:
    before, after = DEVICE.storage, faster(bandwidth_factor=2.0).storage
    assert after.transfer_us(1_000_000) == -(-before.transfer_us(1_000_000) // 2)
    assert after.request_overhead_us == before.request_overhead_us


def test_a_measured_table_of_reads_is_scaled_whole() -> None:
    table = Storage(read_us_by_bytes={1000: 7, 2000: 12})
    slower = faster(DEVICE.model_copy(update={"storage": table}), bandwidth_factor=0.5)
    assert slower.storage.read_us_by_bytes == {1000: 14, 2000: 24}


def test_compute_and_decode_are_rounded_up() -> None:
    before, after = DEVICE.compute[0], faster(compute_factor=3.0).compute[0]
    assert after.layer_us[12] == -(-before.layer_us[12] // 3)
    assert after.shard_decode_us[2] == -(-before.shard_decode_us[2] // 3)


def test_the_profile_says_what_it_was_made_of() -> None:
    made = faster(bandwidth_factor=2.0, compute_factor=0.5)
    assert made.provenance.kind == "estimated"
    assert made.provenance.source == (
        "what if: flash bandwidth x 2, compute and decode x 0.5, of device 'odroid-n2plus' "
        f"{DEVICE.digest}"
    )
    assert made.name == "odroid-n2plus flash x2 compute x0.5"
    assert made.storage.provenance is None
    assert made.compute[0].provenance is None


def test_equal_factors_make_equal_documents() -> None:
    assert faster(compute_factor=1.5).digest == faster(compute_factor=1.5).digest


@pytest.mark.parametrize("factor", [0.0, -1.0, 0.009, 101.0, float("nan")])
def test_factors_stay_within_reason(factor: float) -> None:
    with pytest.raises(ValidationError):
        WhatIf(bandwidth_factor=factor)


def test_what_leaves_its_range_is_named() -> None:
    largest = DEVICE.model_copy(update={"storage": Storage(bandwidth_bytes_per_s=2**53 - 1)})
    with pytest.raises(ContractError, match=r"bandwidth_bytes_per_s.*less than or equal"):
        faster(largest, bandwidth_factor=2.0)
