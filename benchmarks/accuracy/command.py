"""`python -m benchmarks accuracy`: quantisers, predictions and planners on a labelled task.

Each checkpoint is a model trained on the task with another seed; the figures are means over them.
The data folder has a folder for each task with train.tsv and dev.tsv in it; it is not part of the
repository. Stores and importance tables are kept in the work folder: remove it after a change of
the quantisers or of how importance is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks.accuracy.cases import QUICK, WHOLE
from benchmarks.accuracy.figures import (
    accuracy_shortfalls,
    gap_figures,
    planner_figures,
    planner_shortfalls,
    quantised_figures,
    quantised_shortfalls,
)
from benchmarks.accuracy.material import Material
from benchmarks.accuracy.model_run import PARTS, PREDICTOR, Job, run_model
from benchmarks.accuracy.plot import planner_plot
from benchmarks.accuracy.predictor import LEAST_SPLIT_HALF
from benchmarks.accuracy.report import (
    gap_sheet,
    planner_sheet,
    prediction_sheet,
    quantised_sheet,
    with_results,
)
from plan_contracts import __version__
from shard_builder.example_model import SENTIMENT_FOLDER
from shard_builder.process_pool import worker_pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.accuracy.figures import GapFigure, PlannerFigure, QuantisedFigure
    from benchmarks.accuracy.model_run import ModelRun
    from benchmarks.accuracy.report import Sheet

ROOT = Path(__file__).parents[2]
WORK = ROOT / "benchmarks/.work/accuracy"
DATA_VARIABLE = "SHARDSTREAM_DATA"
DATA = ROOT.parent / "shared/data"
WIDTH_IN_FILES = 200
EXAMPLE_TASK = "sst2"
"""What the model that ships is trained on."""
SEEDS = 3
"""Models that the figures which must be reached are means of."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """The figures of a task, over all its models."""

    task: str
    runs: tuple[ModelRun, ...]
    quantised: tuple[QuantisedFigure, ...]
    planners: tuple[PlannerFigure, ...]
    gaps: tuple[GapFigure, ...]

    def shortfalls(self) -> Iterator[str]:
        """What the figures should show and do not."""
        yield from quantised_shortfalls(self.quantised)
        if len(self.runs) >= SEEDS:
            yield from accuracy_shortfalls(self.quantised)
        for run in self.runs:
            for prediction in run.predictions:
                yield from prediction.shortfalls()
            if run.split_half is not None and run.split_half < LEAST_SPLIT_HALF:
                yield f"{run.model}: split halves must agree to .9, got {run.split_half:.2f}"
        yield from planner_shortfalls(self.planners)

    def sheets(self) -> Iterator[Sheet]:
        """All of it as tables."""
        unit = self.runs[0].unit
        if self.quantised:
            yield quantised_sheet(self.quantised, unit)
        for run in self.runs:
            if run.predictions:
                yield prediction_sheet(run.predictions, run.split_half)
        if self.planners:
            yield gap_sheet(self.gaps, unit)
            yield planner_sheet(self.planners, unit)

    def described(self) -> str:
        """What was measured on what."""
        models = ", ".join(f"{run.model} ({run.digest[:19]})" for run in self.runs)
        return (
            f"shardstream {__version__}, {self.task}: {self.runs[0].texts} texts of dev.tsv, "
            f"models {models}; intervals are 95 % of resampled texts and models"
        )


def main(arguments: Sequence[str]) -> None:
    """Measure, print the tables; with --check exit 1 if the figures fall short."""
    chosen = _parser().parse_args(arguments)
    task, checkpoints = chosen.task, chosen.checkpoint or [SENTIMENT_FOLDER]
    if task != EXAMPLE_TASK and not chosen.checkpoint:
        sys.exit(
            f"nothing was measured: the model that ships is trained on {EXAMPLE_TASK}; name one "
            f"that is trained on {task} with --checkpoint (shardstream elastic-train makes it)"
        )
    missing = [
        path
        for path in (*checkpoints, chosen.data / task / "train.tsv", chosen.data / task / "dev.tsv")
        if not path.exists()
    ]
    if missing:
        sys.exit(
            f"nothing was measured: {', '.join(map(str, missing))} must exist; "
            f"see --checkpoint, --data and {DATA_VARIABLE}"
        )
    results = measure(chosen, checkpoints)
    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH_IN_FILES)
    for sheet in results.sheets():
        console.print(sheet.for_terminal())
    shortfalls = list(results.shortfalls())
    console.print(results.described(), highlight=False)
    console.print("\n".join(shortfalls) or "the figures are as they should be", highlight=False)
    _write(chosen, results)
    if chosen.check and shortfalls:
        sys.exit(1)


def measure(chosen: argparse.Namespace, checkpoints: Sequence[Path]) -> Results:
    """Every model in a process of its own, as many at a time as there are workers."""
    make = partial(
        Material,
        data=chosen.data / chosen.task,
        work=chosen.work,
        scale=QUICK if chosen.quick else WHOLE,
    )
    jobs = [
        Job(material=make(checkpoint=path.absolute()), parts=_parts(chosen.part, index))
        for index, path in enumerate(checkpoints)
    ]
    with worker_pool(run_model, workers=chosen.workers) as run_all:
        runs = tuple(run_all(jobs))
    return results_of(chosen.task, runs)


def _parts(parts: Sequence[str], index: int) -> tuple[str, ...]:
    """The parts of the first model; of the others all but how well scores are predicted."""
    return tuple(part for part in parts if index == 0 or part != PREDICTOR)


def results_of(task: str, runs: tuple[ModelRun, ...]) -> Results:
    """The figures of the answers of all models."""
    outcomes = [run.outcomes for run in runs]
    return Results(
        task=task,
        runs=runs,
        quantised=tuple(quantised_figures([run.quantised for run in runs])),
        planners=tuple(planner_figures(outcomes)),
        gaps=tuple(gap_figures(outcomes)),
    )


def as_json(results: Results) -> dict[str, object]:
    """The figures without the answers to single texts."""
    return {
        "shardstream": __version__,
        "task": results.task,
        "models": [
            {
                "model": run.model,
                "digest": run.digest,
                "texts": run.texts,
                "unit": run.unit,
                "split_half": run.split_half,
                "predictions": [asdict(one) for one in run.predictions],
            }
            for run in results.runs
        ],
        "quantisers": [asdict(one) for one in results.quantised],
        "gaps": [asdict(one) for one in results.gaps],
        "planners": [{**asdict(one), "verdict": one.verdict} for one in results.planners],
        "shortfalls": list(results.shortfalls()),
    }


def _write(chosen: argparse.Namespace, results: Results) -> None:
    if chosen.json:
        chosen.json.write_text(json.dumps(as_json(results), indent=2) + "\n")
    if chosen.plot and results.planners:
        chosen.plot.write_text(planner_plot(results.planners, results.runs[0].unit))
    if chosen.markdown:
        before = chosen.markdown.read_text() if chosen.markdown.exists() else ""
        parts = [f"{results.described()}.\n", *(sheet.as_markdown() for sheet in results.sheets())]
        chosen.markdown.write_text(with_results(before, "\n".join(parts)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks accuracy", description=__doc__)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="once for each seed (default: the model that ships)",
    )
    parser.add_argument("--task", default="sst2", help="folder of the data folder: sst2, rte, …")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get(DATA_VARIABLE, DATA)), metavar="FOLDER"
    )
    parser.add_argument("--work", type=Path, default=WORK, metavar="FOLDER")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--quick", action="store_true", help="a few texts and cases")
    parser.add_argument("--workers", type=int, default=1, help="models measured at a time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write an SVG of the planners")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put the tables in there")
    parser.add_argument("--check", action="store_true", help="fail if the figures fall short")
    return parser
