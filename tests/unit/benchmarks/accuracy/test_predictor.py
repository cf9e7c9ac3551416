from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.accuracy.judge import Judge
from benchmarks.accuracy.predictor import (
    Prediction,
    measure,
    predicted_score,
    random_bits,
    sizes_of,
)
from checkpoints import Shape, write_checkpoint
from plan_contracts import ImportanceTable, PlannedLayer, PlannedShard
from shard_builder.checkpoint import read_checkpoint
from shard_builder.importance import ProfileRequest, profile_importance
from shard_builder.importance.submodel import Size
from shard_builder.store_writer import StoreOptions, build_store
from shard_builder.task_file import Task

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ("w1 w2 w3", "w4 w5", "w6 w7 w8 w9", "w14")
LENGTH = 8
SHAPE = Shape(layers=2, heads=4, hidden=32, ffn=32, positions=70)


class Trial(NamedTuple):
    """A table, and the judge of its store on the same words."""

    table: ImportanceTable
    judge: Judge


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    folder: Path = tmp_path_factory.mktemp("predictor")
    checkpoint = read_checkpoint(write_checkpoint(folder / "checkpoint", shape=SHAPE))
    options = StoreOptions(bitwidths=(2, 3, 4, 32), slice_selection="prefix")
    build_store(checkpoint, folder / "store", options=options)
    request = ProfileRequest(
        store=folder / "store",
        sentences=TEXTS,
        sequence_length=LENGTH,
        text="words",
        date=dt.date(2026, 11, 21),
    )
    table = profile_importance(request).table
    judge = Judge(folder / "store", Task(texts=TEXTS), folder / "answers")
    return Trial(table, judge)


def layers(*bits_by_layer: list[int]) -> tuple[PlannedLayer, ...]:
    return tuple(
        PlannedLayer(
            layer=layer,
            shards=tuple(
                PlannedShard(slice=index, bits=bits, bytes=1, preload=False)
                for index, bits in enumerate(row)
            ),
        )
        for layer, row in enumerate(bits_by_layer)
    )


@given(st.integers(1, 8), st.data())
def test_random_bits_have_the_mean_asked_for(shards: int, data: st.DataObject) -> None:
    total = data.draw(st.integers(2 * shards, 6 * shards))
    bits = random_bits((2, 3, 4, 5, 6), shards, total / shards, np.random.default_rng(0))
    assert (len(bits), sum(bits)) == (shards, total)
    assert set(bits) <= {2, 3, 4, 5, 6}


def test_every_choice_of_bits_is_as_likely() -> None:
    generator = np.random.default_rng(0)
    drawn = Counter(tuple(random_bits((2, 3, 6), 3, 3.0, generator)) for _ in range(3000))
    choices = {bits for bits in product((2, 3, 6), repeat=3) if sum(bits) == 9}
    assert set(drawn) == choices
    assert max(drawn.values()) < 1.3 * min(drawn.values())


def test_a_mean_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mean must be one that 2 shards of \[2, 4\] have"):
        random_bits((2, 4), 2, 2.5, np.random.default_rng(0))


def test_the_lowest_plan_is_predicted_at_base_and_the_highest_at_full(trial: Trial) -> None:
    manifest = trial.judge.store.manifest
    for depth, width in ((2, 4), (1, 3)):
        lowest, highest = (layers(*[[bits] * width] * depth) for bits in (2, 32))
        assert predicted_score(trial.table, manifest, lowest) == pytest.approx(
            trial.table.base[depth - 1][width - 1]
        )
        if (
            trial.table.full
            and trial.table.full[depth - 1][width - 1] > trial.table.base[depth - 1][width - 1]
        ):
            assert predicted_score(trial.table, manifest, highest) == pytest.approx(
                trial.table.full[depth - 1][width - 1]
            )


def test_sizes_are_the_whole_the_middle_and_the_small(trial: Trial) -> None:
    assert sizes_of(trial.judge.store.manifest) == (Size(2, 4), Size(2, 2), Size(1, 1))


def test_every_series_is_measured(trial: Trial) -> None:
    rows = measure(*trial, plans=2)
    assert len(rows) == 10
    assert [row.plans for row in rows] == [2] * 9 + [6]
    assert rows[-1].least == 0.9


def test_plans_of_one_size_are_held_against_their_own_submodel(trial: Trial) -> None:
    rows = measure(*trial, plans=2)
    assert [row.reference for row in rows] == ["the submodel"] * 9 + ["the full model"]


def test_the_submodel_of_the_full_size_is_the_full_model(trial: Trial) -> None:
    for row in (*(rows := measure(*trial, plans=4))[:3], rows[-1]):
        assert row.to_full_model == row.correlation
        assert row.full_model_halves == row.halves


def test_a_correlation_below_its_least_falls_short() -> None:
    row = Prediction(
        series="2 x 4 at 3.0 bit",
        plans=40,
        reference="the submodel",
        correlation=0.8,
        halves=0.9,
        to_full_model=0.95,
        full_model_halves=0.9,
        least=0.85,
        measured_worst=-1,
        measured_best=0,
    )
    assert row.shortfalls() == ["2 x 4 at 3.0 bit: rank correlation 0.80, not 0.85"]
