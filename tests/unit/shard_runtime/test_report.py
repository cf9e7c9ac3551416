"""What the runtime's commands say."""

from __future__ import annotations

import datetime as dt

from plan_contracts import Provenance
from shard_runtime.report import describe_spread


def test_the_largest_spread_of_each_kind_is_said() -> None:
    provenance = Provenance(
        kind="measured",
        source="a test",
        date=dt.date(2026, 11, 21),
        samples=9,
        spread={
            "storage.bandwidth_bytes_per_s": 0.001,
            "compute.8.layer_us.3": 0.02,
            "compute.16.layer_us.12": 0.045,
            "compute.8.shard_decode_us.2": 0.1,
        },
    )
    assert describe_spread(provenance) == (
        "bandwidth_bytes_per_s 0.1%, layer_us 4.5%, shard_decode_us 10.0% at most, of 9 rounds"
    )
