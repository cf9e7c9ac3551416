"""A tiny classifier through the whole benchmark, on a task made up of its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.accuracy.cases import Scale
from benchmarks.accuracy.command import main, results_of
from benchmarks.accuracy.headline import FULL, OPTIMAL, PREDICTED, require_in_time
from benchmarks.accuracy.material import Material
from benchmarks.accuracy.model_run import PARTS, Job, ModelRun, run_model
from checkpoints import Shape, write_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

SCALE = Scale(
    calibration=12,
    profile=6,
    choice=8,
    predicted=10,
    judged=20,
    devices=1,
    per_device=1,
    finalists=2,
    random_plans=4,
)


def write_task(folder: Path) -> Path:
    """Rows of a dozen words and labels by chance."""
    folder.mkdir(parents=True)
    source = np.random.default_rng(0)
    for name, count in (("train", 40), ("dev", 30)):
        rows = [
            f"{source.integers(3)}\t" + " ".join(f"w{source.integers(36)}" for _ in range(12))
            for _ in range(count)
        ]
        (folder / f"{name}.tsv").write_text("\n".join(["label\tsentence", *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accuracy")
    write_checkpoint(folder / "checkpoint", shape=Shape(positions=70))
    write_task(folder / "data/made-up")
    return folder


@pytest.fixture(scope="module")
def material(folder: Path) -> Material:
    return Material(
        checkpoint=folder / "checkpoint",
        data=folder / "data/made-up",
        work=folder / "work",
        scale=SCALE,
    )


@pytest.fixture(scope="module")
def run(material: Material) -> ModelRun:
    return run_model(Job(material=material, parts=PARTS))


def test_texts_to_calibrate_to_profile_and_to_choose_by_differ(material: Material) -> None:
    assert len(material.calibration) == 12
    assert len(material.profiled) == 6
    assert len(material.choice.texts) == 8
    assert len(material.predicted.texts) == 10
    unseen = {*material.choice.texts, *material.predicted.texts}
    assert not set(material.calibration) & set(material.profiled)
    assert not unseen & {*material.calibration, *material.profiled}


def test_every_quantiser_is_compared_at_every_size(run: ModelRun) -> None:
    assert {one.quantiser for one in run.quantised} == {
        "full precision",
        "gobo-layer",
        "gobo",
        "kmeans",
        "compensated",
    }
    assert len(run.quantised) == 3 * (1 + 4 * 3)
    assert all(one.distance > 0 for one in run.quantised if one.bits < 32)


def test_every_planner_in_time_has_an_outcome(run: ModelRun) -> None:
    planners = {one.planner for one in run.outcomes}
    assert {OPTIMAL, PREDICTED, "uniform", FULL} <= planners
    assert all(one.latency_us <= one.point.latency_us for one in run.outcomes)
    assert all(one.distances.shape == (20,) for one in run.outcomes)


def test_predictions_and_halves_are_measured(run: ModelRun) -> None:
    assert len(run.predictions) == 10
    assert run.split_half is not None


def test_stores_and_tables_are_made_once(material: Material, run: ModelRun) -> None:
    before = {path: path.stat().st_mtime_ns for path in material.work.rglob("*.json")}
    again = run_model(Job(material=material, parts=("planners",)))
    assert {path: path.stat().st_mtime_ns for path in material.work.rglob("*.json")} == before
    assert [one.distance for one in again.outcomes] == [one.distance for one in run.outcomes]


def test_results_have_all_tables(run: ModelRun) -> None:
    titles = [sheet.title for sheet in results_of("made-up", (run,)).sheets()]
    assert len(titles) == 4


def test_a_plan_that_is_late_stops_everything(run: ModelRun) -> None:
    point = run.outcomes[0].point
    with pytest.raises(RuntimeError, match=f"must take at most {point.latency_us} us"):
        require_in_time("uniform", point.latency_us + 1, point)


def test_data_that_is_not_there_is_said_to_be_missing(folder: Path) -> None:
    arguments = ["--data", str(folder / "nowhere"), "--checkpoint", str(folder / "checkpoint")]
    with pytest.raises(SystemExit, match=r"nothing was measured: .*sst2/train\.tsv"):
        main(arguments)
