from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import model, model_json, uniform_bytes
from shard_builder.importance.schedule import Schedule, small_size
from shard_builder.importance.submodel import Size

if TYPE_CHECKING:
    from collections.abc import Sequence


def schedule(*bitwidths: int) -> Schedule:
    return Schedule(layers=2, slices=3, bitwidths=bitwidths, batches=2, small=Size(1, 2))


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
    lowest = [one for size in made.upgraded_sizes for one in made.at_lowest(size)]
    keys = {measurement.key for measurement in (*lowest, *made.all_changes(), *depths)}
    assert len(keys) == made.total


def test_changes_of_one_submodel_stand_together_the_longest_first() -> None:
    changes = schedule(2, 4, 32).all_changes()
    whole, small = Size(2, 3), Size(1, 2)
    of_a_batch = [
        (2, whole, 0),
        (2, whole, 1),
        (2, small, 0),
        (32, whole, 0),
        (32, whole, 1),
    ]
    groups = [(change.batch, change.bits, change.size, change.shard[0]) for change in changes]
    assert list(dict.fromkeys(groups)) == [
        (batch, *group) for batch in (0, 1) for group in of_a_batch
    ]


def small(
    layers: int, slices: int, *, slice_selection: str = "prefix", **fields: Sequence[int]
) -> Size | None:
    tables = uniform_bytes(layers, slices, (20, 30, 40, 50, 60, 320))
    document = model_json(tables, slice_selection=slice_selection, **fields)
    return small_size(model(document))


def test_the_small_submodel_has_half_the_depth_and_a_quarter_of_the_width() -> None:
    assert small(6, 12) == (3, 3)


def test_the_small_submodel_is_an_allowed_one() -> None:
    assert small(6, 12, depths=[2, 4, 6], widths=[1, 2, 4, 12]) == (4, 4)


def test_the_whole_model_is_no_small_submodel() -> None:
    assert small(6, 12, depths=[6], widths=[12]) is None


def test_a_single_shard_is_no_submodel() -> None:
    assert small(2, 2) is None


def test_where_slices_are_chosen_there_is_no_small_submodel() -> None:
    assert small(6, 12, slice_selection="any") is None
