from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from checkpoints import Shape, write_checkpoint
from plan_contracts import ImportanceTable, ModelManifest
from shard_builder.checkpoint import read_checkpoint
from shard_builder.errors import ProfileError
from shard_builder.evaluate import Evaluator
from shard_builder.importance import (
    ProfileRequest,
    profile_importance,
    relative_standard_error,
)
from shard_builder.importance.distance import kl_divergence
from shard_builder.importance.submodel import Size, Submodel
from shard_builder.importance.tokens import tokenise
from shard_builder.inputs import BATCH_INPUTS, many_at_a_time
from shard_builder.moments import second_moments
from shard_builder.store_writer import StoreOptions, build_store
from shard_builder.stored_checkpoint import stored_checkpoint
from shard_runtime.engine import load_engine
from shard_runtime.executor import uniform_layers
from shard_runtime.store import ShardStore
from slow_importance import SlowImportance

if TYPE_CHECKING:
    from pathlib import Path

    from checkpoints import Head
    from shard_runtime.weights import FloatArray

SENTENCES = ("w1 w2 w3", "w4 w5", "w6 w7 w8 w9 w10 w11 w12 w13", "w14")
LAYERS, SLICES = 2, 3
WHOLE = Size(LAYERS, SLICES)


def new_store(
    folder: Path, *, head: Head = "classifier", heads: int = SLICES, **options: object
) -> Path:
    shape = Shape(heads=heads)
    checkpoint = read_checkpoint(write_checkpoint(folder / "checkpoint", head=head, shape=shape))
    build_store(checkpoint, folder / "store", options=StoreOptions(**options))  # pyright: ignore[reportArgumentType] - fields by name
    return folder / "store"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_store(tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def table(store: Path) -> ImportanceTable:
    return profile_importance(request(store)).table


def request(store: Path) -> ProfileRequest:
    return ProfileRequest(
        store=store,
        sentences=SENTENCES,
        sequence_length=8,
        text="words.txt",
        date=dt.date(2026, 11, 21),
    )


class Outputs:
    """The same models as the profile runs, by itself."""

    def __init__(self, folder: Path) -> None:
        store = ShardStore.open(folder)
        batch = tokenise(store, SENTENCES, 8)
        self.model = Submodel(store, load_engine("numpy", store), [batch])
        self.reference = self.model.uniform(0, 32, WHOLE)

    def score(self, output: FloatArray) -> float:
        return -float(kl_divergence(self.reference, output).mean())


def test_a_table_fits_its_manifest(store: Path, table: ImportanceTable) -> None:
    manifest = ModelManifest.from_file(store / "manifest.json")
    assert table.bound_to(manifest) == table


def test_the_full_model_scores_0(table: ImportanceTable) -> None:
    assert table.full is not None
    assert table.full[LAYERS - 1][SLICES - 1] == 0
    assert math.copysign(1, table.full[LAYERS - 1][SLICES - 1]) == 1


def test_the_lowest_model_scores_its_distance(store: Path, table: ImportanceTable) -> None:
    outputs = Outputs(store)
    expected = outputs.score(outputs.model.uniform(0, 2, WHOLE))
    assert table.base[LAYERS - 1][SLICES - 1] == pytest.approx(expected, rel=1e-9)


def test_all_upgrades_together_gain_the_distance_of_the_lowest_model(
    table: ImportanceTable,
) -> None:
    gained = np.sum(table.gain[32]) - np.sum(table.gain[2])
    assert gained == pytest.approx(-table.base[LAYERS - 1][SLICES - 1])


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("width", [1, 2])
def test_base_and_full_are_measured_on_the_reference_slices(
    store: Path, table: ImportanceTable, depth: int, width: int
) -> None:
    outputs = Outputs(store)
    slices = [table.reference_slices(layer, width, "any") for layer in range(depth)]
    assert table.full is not None
    for bits, scores in ((2, table.base), (32, table.full)):
        expected = outputs.score(outputs.model.by_depth(0, bits, slices)[-1])
        assert scores[depth - 1][width - 1] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("slices", "small"), [(3, None), (6, (1, 2))])
def test_a_table_under_prefix_is_the_slow_references(
    tmp_path: Path, slices: int, small: tuple[int, int] | None
) -> None:
    """Every gain, and base and full of every depth and width, by definition."""
    bitwidths = (2, 3, 4, 32)
    folder = new_store(tmp_path, heads=slices, slice_selection="prefix", bitwidths=bitwidths)
    table = profile_importance(replace(request(folder), sequence_length=10)).table
    store = ShardStore.open(folder)
    moments = second_moments(stored_checkpoint(store), tokenise(store, SENTENCES, 10))
    slow = SlowImportance(store, SENTENCES, moments)
    for bits, gains in slow.gains(upgrade=4, small=small).items():
        assert np.array(table.gain[bits]) == pytest.approx(gains, rel=1e-3, abs=1e-9)
    for bits, scores in ((2, table.base), (32, table.full)):
        expected = [
            [
                slow.score([dict.fromkeys(range(width), bits)] * depth)
                for width in range(1, slices + 1)
            ]
            for depth in (1, 2)
        ]
        assert np.array(scores) == pytest.approx(np.array(expected), rel=1e-3, abs=1e-9)


def test_a_table_says_in_which_submodel_shards_were_raised_too(tmp_path: Path) -> None:
    folder = new_store(tmp_path, heads=6, slice_selection="prefix", bitwidths=(2, 32))
    table = profile_importance(request(folder)).table
    assert "from 2 to 32 bit in the model and in its first 1 x 2, " in table.provenance.source


def test_base_and_full_are_the_scores_of_an_evaluator(store: Path, table: ImportanceTable) -> None:
    opened = ShardStore.open(store)
    inputs = many_at_a_time(opened, SENTENCES, 8)
    evaluator = Evaluator(opened, inputs, load_engine("numpy", opened))
    assert table.full is not None
    for bits, scores in ((2, table.base), (32, table.full)):
        expected = evaluator.score(uniform_layers(opened.manifest, bits)).mean
        assert scores[LAYERS - 1][SLICES - 1] == pytest.approx(expected, rel=1e-6)


def test_where_slices_are_chosen_presence_gains_a_tenth_of_the_worth(
    table: ImportanceTable,
) -> None:
    assert np.array(table.gain[2]) == pytest.approx(np.array(table.gain[32]) / 11)


def test_under_prefix_the_lowest_bitwidth_gains_nothing(tmp_path: Path) -> None:
    store = new_store(tmp_path, slice_selection="prefix")
    table = profile_importance(request(store)).table
    assert table.gain[2] == ((0,) * SLICES,) * LAYERS
    assert table.bound_to(ModelManifest.from_file(store / "manifest.json")) == table


def test_an_encoder_is_measured_by_cosine_distance(tmp_path: Path) -> None:
    table = profile_importance(request(new_store(tmp_path, head="encoder"))).table
    assert (table.metric, table.unit) == ("negative_cosine_distance", "1")


def test_a_table_says_where_it_comes_from(table: ImportanceTable) -> None:
    assert table.provenance.kind == "measured"
    assert table.provenance.samples == len(SENTENCES)
    assert "4 sentences of words.txt at sequence length 8" in table.provenance.source


def test_a_store_without_full_precision_is_measured_against_its_highest(tmp_path: Path) -> None:
    table = profile_importance(request(new_store(tmp_path, bitwidths=(2, 6)))).table
    assert table.full is not None
    assert table.full[LAYERS - 1][SLICES - 1] == 0


def test_sentences_beyond_a_batch_are_measured_too(store: Path, table: ImportanceTable) -> None:
    repeats = BATCH_INPUTS // len(SENTENCES) + 1
    many = profile_importance(replace(request(store), sentences=SENTENCES * repeats)).table
    assert np.array(many.gain[32]) == pytest.approx(np.array(table.gain[32]), rel=1e-4)


def test_two_workers_measure_the_same(store: Path, table: ImportanceTable) -> None:
    assert profile_importance(request(store), workers=2).table == table


@pytest.mark.parametrize("stop_after", [0, 1, 7, 15])
def test_an_interrupted_profile_goes_on_to_the_same_table(
    tmp_path: Path, store: Path, table: ImportanceTable, stop_after: int
) -> None:
    def interrupt(done: int, _total: int) -> None:
        if done == stop_after:
            raise KeyboardInterrupt

    log_path = tmp_path / "log.jsonl"
    with pytest.raises(KeyboardInterrupt):
        profile_importance(request(store), log_path=log_path, progress=interrupt)
    seen: list[int] = []
    resumed = profile_importance(
        request(store), log_path=log_path, progress=lambda done, _: seen.append(done)
    ).table
    assert resumed == table
    assert seen[0] == stop_after


def test_finished_measurements_are_not_made_again(
    tmp_path: Path, store: Path, table: ImportanceTable
) -> None:
    log_path = tmp_path / "log.jsonl"
    profile_importance(request(store), log_path=log_path)
    before = log_path.read_bytes()
    assert profile_importance(request(store), log_path=log_path).table == table
    assert log_path.read_bytes() == before


def test_progress_ends_at_its_total(store: Path) -> None:
    seen: list[tuple[int, int]] = []
    profile_importance(request(store), progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (19, 19)


def test_measurements_of_another_text_are_refused(tmp_path: Path, store: Path) -> None:
    log_path = tmp_path / "log.jsonl"
    profile_importance(request(store), log_path=log_path)
    with pytest.raises(ProfileError, match="must hold measurements of model"):
        profile_importance(replace(request(store), sentences=("w1",)), log_path=log_path)


def test_one_figure_sums_up_the_standard_errors(table: ImportanceTable) -> None:
    assert table.stderr is not None
    expected = np.sum(table.stderr[32]) / np.sum(table.gain[32])
    assert relative_standard_error(table) == pytest.approx(expected)
    assert expected > 0


def test_without_errors_there_is_no_figure(table: ImportanceTable) -> None:
    assert relative_standard_error(table.model_copy(update={"stderr": None})) is None


def test_no_sentences_are_refused(store: Path) -> None:
    with pytest.raises(ProfileError, match="at least 1 sentence, got none"):
        profile_importance(replace(request(store), sentences=()))


@pytest.mark.parametrize("length", [0, 2, 21])
def test_a_length_of_no_word_or_beyond_the_positions_is_refused(store: Path, length: int) -> None:
    rule = rf"sequence_length must be 3\.\.20 for this model, got {length}"
    with pytest.raises(ProfileError, match=rule):
        profile_importance(replace(request(store), sequence_length=length))


def test_a_store_of_one_bitwidth_is_refused(tmp_path: Path) -> None:
    store = new_store(tmp_path, bitwidths=(32,))
    with pytest.raises(ProfileError, match=r"at least 2 bitwidths, got \[32\]"):
        profile_importance(request(store))


def test_a_store_without_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint", tokenizer=False)
    build_store(read_checkpoint(folder), tmp_path / "store")
    with pytest.raises(ProfileError, match=r"must hold a tokenizer\.json, it has none"):
        profile_importance(request(tmp_path / "store"))


def test_a_regression_model_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint", shape=Shape(labels=1))
    build_store(read_checkpoint(folder), tmp_path / "store")
    with pytest.raises(ProfileError, match="at least 2 labels to be profiled, got 1"):
        profile_importance(request(tmp_path / "store"))


def test_a_table_is_json_that_reads_back(table: ImportanceTable) -> None:
    assert ImportanceTable.from_json(table.to_json()) == table
    assert json.loads(table.to_json())["task"] == "label-free"
