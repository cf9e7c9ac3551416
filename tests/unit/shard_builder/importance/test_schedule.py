from __future__ import annotations

import pytest

from shard_builder.importance.schedule import Schedule


def schedule(*bitwidths: int) -> Schedule:
    return Schedule(layers=2, slices=3, bitwidths=bitwidths, batches=2)


@pytest.mark.parametrize(
    ("bitwidths", "upgrade"),
    [((2, 3, 4, 5, 6, 32), 4), ((2, 3, 32), 3), ((2, 3, 5, 32), 3), ((4, 5, 6), 5), ((6, 32), 32)],
)
def test_an_upgrade_goes_to_4_bit_or_near_it(bitwidths: tuple[int, ...], upgrade: int) -> None:
    assert schedule(*bitwidths).upgrade == upgrade


def test_every_measurement_has_a_key_of_its_own() -> None:
    made = schedule(2, 4, 32)
    depths = [
        depth
        for width in range(1, 4)
        for bits in (2, 32)
        for depth in made.every_depth(bits, [range(width)] * 2)
    ]
    keys = {measurement.key for measurement in (*made.all_changes(), *depths)}
    assert len(keys) == made.total


def test_changes_of_one_model_stand_together_the_longest_first() -> None:
    changes = schedule(2, 4, 32).all_changes()
    groups = list(dict.fromkeys((change.batch, change.bits, change.layer) for change in changes))
    assert groups == [
        (batch, bits, layer) for batch in (0, 1) for bits in (2, 32) for layer in (0, 1)
    ]
