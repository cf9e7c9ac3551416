from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from benchmarks.accuracy.cases import KIB, QUICK, WHOLE, Point, benches, points
from benchmarks.accuracy.command import as_json, results_of
from benchmarks.accuracy.figures import (
    accuracy_shortfalls,
    gap_figures,
    planner_figures,
    planner_shortfalls,
    quantised_figures,
    quantised_shortfalls,
)
from benchmarks.accuracy.headline import FULL, OPTIMAL, Outcome
from benchmarks.accuracy.model_run import ModelRun
from benchmarks.accuracy.plot import planner_plot
from benchmarks.accuracy.quantised import Quantised
from benchmarks.accuracy.report import BEGIN, END, gap_sheet, planner_sheet, with_results

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXTS = 200
TIGHT = Point("board", 20_000, 0)
LOOSE = Point("board", 40_000, 256 * KIB)


def outcome(
    planner: str, distance: float, *, point: Point = TIGHT, right: float | None = 0.9, seed: int = 0
) -> Outcome:
    """Distances scattered around a mean, and right answers in this share of the texts."""
    scatter = np.random.default_rng(seed).normal(0, 0.01, size=TEXTS)
    return Outcome(
        point=point,
        planner=planner,
        name="6x12 3.0b",
        latency_us=19_000,
        predicted=-distance,
        distances=distance + scatter - scatter.mean(),
        right=None if right is None else np.arange(TEXTS) < right * TEXTS,
    )


def quantised(quantiser: str, distance: float, *, size: int = 100, right: float = 0.9) -> Quantised:
    return Quantised(
        quantiser=quantiser,
        depth=6,
        width=12,
        bits=2,
        bytes=size,
        distances=np.full(TEXTS, distance),
        right=np.arange(TEXTS) < right * TEXTS,
    )


def run_of(outcomes: Sequence[Outcome] = (), quantised_: Sequence[Quantised] = ()) -> ModelRun:
    return ModelRun(
        model="seed0",
        digest="sha256:" + "0" * 64,
        texts=TEXTS,
        unit="nats",
        quantised=tuple(quantised_),
        predictions=(),
        split_half=None,
        outcomes=tuple(outcomes),
    )


def test_figures_are_means_over_the_models() -> None:
    models = [[outcome(OPTIMAL, 0.1, right=0.8)], [outcome(OPTIMAL, 0.3, right=0.9)]]
    (figure,) = planner_figures(models)
    assert figure.distance.mean == pytest.approx(0.2)
    assert figure.accuracy == pytest.approx(0.85)


def test_a_planner_is_compared_with_optimal_at_the_same_point() -> None:
    found = planner_figures([[outcome(OPTIMAL, 0.1), outcome("uniform", 0.3, seed=1)]])
    assert [figure.planner for figure in found] == [OPTIMAL, "uniform"]
    assert found[1].more.mean == pytest.approx(0.2)
    assert found[1].verdict == "closer"


@pytest.mark.parametrize(
    ("distance", "verdict"), [(0.3, "closer"), (0.1001, "tie"), (0.05, "farther")]
)
def test_a_verdict_looks_beyond_the_noise(distance: float, verdict: str) -> None:
    found = planner_figures([[outcome(OPTIMAL, 0.1), outcome("uniform", distance, seed=1)]])
    assert found[1].verdict == verdict


def test_the_same_answers_are_the_same() -> None:
    found = planner_figures([[outcome(OPTIMAL, 0.1), outcome("uniform", 0.1)]])
    assert found[1].verdict == "same"


def test_a_point_without_a_plan_for_every_model_is_left_out() -> None:
    models = [[outcome(OPTIMAL, 0.1), outcome("uniform", 0.2)], [outcome(OPTIMAL, 0.1)]]
    assert [figure.planner for figure in planner_figures(models)] == [OPTIMAL]


def test_a_planner_that_is_closer_or_more_accurate_is_a_shortfall() -> None:
    worse = outcome(OPTIMAL, 0.3, right=0.7)
    figures = planner_figures([[worse, outcome("uniform", 0.1, right=0.9, seed=1)]])
    found = list(planner_shortfalls(figures))
    assert len(found) == 2
    assert "uniform is closer to the full model by -0.2" in found[0]
    assert found[1].startswith("board, 20000 us, 0 bytes preloaded: uniform is more accurate (p = ")


def test_one_of_many_comparisons_may_look_like_a_difference() -> None:
    points = [Point("board", 1000 * step, 0) for step in range(1, 41)]
    pairs = [(outcome(OPTIMAL, 0.1, point=p), outcome("uniform", 0.1, point=p)) for p in points]
    a_little_closer = outcome("uniform", 0.0978, point=TIGHT, seed=1)
    models = [[*chain.from_iterable(pairs), outcome(OPTIMAL, 0.1), a_little_closer]]
    figures = planner_figures([models[0]])
    assert "farther" in {figure.verdict for figure in figures if figure.point == TIGHT}
    assert list(planner_shortfalls(figures)) == []
    alone = [figure for figure in figures if figure.point == TIGHT]
    assert len(list(planner_shortfalls(alone))) == 1


def test_the_full_model_may_be_better() -> None:
    figures = planner_figures([[outcome(OPTIMAL, 0.3, right=0.7), outcome(FULL, 0.0)]])
    assert list(planner_shortfalls(figures)) == []


def test_gaps_are_means_over_the_points() -> None:
    found = gap_figures(
        [
            [
                outcome(OPTIMAL, 0.1),
                outcome("uniform", 0.2),
                outcome(OPTIMAL, 0.1, point=LOOSE),
                outcome("uniform", 0.4, point=LOOSE),
            ]
        ]
    )
    (gap,) = found
    assert (gap.planner, gap.points) == ("uniform", 2)
    assert gap.more.mean == pytest.approx(0.2)
    assert gap.share.mean == pytest.approx(2 / 3)
    assert gap.accuracy is not None
    assert gap.accuracy.mean == 0


def test_without_labels_there_is_no_accuracy() -> None:
    models = [[outcome(OPTIMAL, 0.1, right=None), outcome("uniform", 0.2, right=None)]]
    assert [figure.accuracy for figure in planner_figures(models)] == [None, None]
    assert gap_figures(models)[0].accuracy is None


def test_a_quantiser_that_is_twice_as_close_at_no_more_bytes_falls_short_of_nothing() -> None:
    figures = quantised_figures([[quantised("gobo-layer", 0.2), quantised("compensated", 0.1)]])
    assert list(quantised_shortfalls(figures)) == []


def test_a_quantiser_that_is_not_is_named() -> None:
    ours = quantised("compensated", 0.11, size=101)
    figures = quantised_figures([[quantised("gobo-layer", 0.2), ours]])
    assert list(quantised_shortfalls(figures)) == [
        "6x12 at 2 bit: bytes must be at most 100, got 101",
        "6x12 at 2 bit: distance must be 2.0 times lower, got 1.82 times",
    ]


def test_a_model_that_is_not_accurate_enough_is_named() -> None:
    figures = quantised_figures([[quantised("compensated", 0.1, right=0.8)]])
    assert list(accuracy_shortfalls(figures)) == [
        "6x12 at 2 bit: accuracy must be at least 87.0%, got 80.00%"
    ]


def test_figures_replace_those_between_the_marks() -> None:
    document = f"# Words\n{BEGIN}old\n{END}after\n"
    assert with_results(document, "new") == f"# Words\n{BEGIN}\nnew\n{END}after\n"


def test_sheets_are_tables_of_markdown() -> None:
    models = [[outcome(OPTIMAL, 0.1), outcome("uniform", 0.3)]]
    text = planner_sheet(planner_figures(models), "nats").as_markdown()
    row = next(line for line in text.splitlines() if "uniform" in line)
    assert row.startswith("| board | 20 | 0 | uniform | 6x12 3.0b | 19.0 | 90.0% | 0.3000 | 0.2")
    assert "| closer |" in row
    assert "| uniform | 1 |" in gap_sheet(gap_figures(models), "nats").as_markdown()


def test_the_picture_is_an_svg_with_every_planner() -> None:
    models = [[outcome(OPTIMAL, 0.1), outcome("uniform", 0.3)]]
    picture = ET.fromstring(planner_plot(planner_figures(models), "nats"))  # noqa: S314 - ours
    circles = picture.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(circles) == 4


def test_json_has_figures_and_shortfalls_and_no_single_texts() -> None:
    run = run_of([outcome(OPTIMAL, 0.3), outcome("uniform", 0.1, seed=1)])
    found = as_json(results_of("sst2", (run,)))
    assert found["models"] == [
        {
            "model": "seed0",
            "digest": run.digest,
            "texts": TEXTS,
            "unit": "nats",
            "split_half": None,
            "predictions": [],
        }
    ]
    assert "uniform is closer" in str(found["shortfalls"])


def test_every_device_has_points_with_and_without_preload() -> None:
    assert len(points(WHOLE)) == 18
    assert len(points(QUICK)) == 4
    assert {bench.device.name for bench in benches(WHOLE)} == {
        "odroid-n2plus",
        "slow-emmc",
        "ufs4-phone",
    }
