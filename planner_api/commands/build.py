"""`shardstream build` and `profile-importance`: long work, with progress, safe to interrupt."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from planner_api.commands.tables import in_unit, kibibytes, score
from shard_builder.calibration import EXAMPLE_TEXT, calibrate
from shard_builder.checkpoint import read_checkpoint
from shard_builder.commands import ProfileOptions, profile
from shard_builder.errors import CalibrationError
from shard_builder.example_model import MODEL_NAME, example_checkpoint, sentiment_checkpoint
from shard_builder.store_writer import StoreOptions, build_store

if TYPE_CHECKING:
    from collections.abc import Generator

    from shard_builder.calibration import Calibration
    from shard_builder.checkpoint import Checkpoint
    from shard_builder.progress import Progress as Report

EXAMPLE = "example"
SENTIMENT = "sentiment"


def build(  # noqa: PLR0913 - each is an option of the command
    checkpoint: str,
    out: Path,
    *,
    name: str | None,
    options: StoreOptions,
    calibration: Path | None,
    workers: int,
) -> None:
    """Write the shard store of a checkpoint folder or of an example model."""
    model = _checkpoint(checkpoint, name)
    if calibration is not None:
        options = replace(options, calibration=_calibrate(model, calibration, options))
    with progress("layers") as report:
        manifest = build_store(model, out, options=options, workers=workers, progress=report)
    totals = {bits: sum(map(sum, table)) for bits, table in manifest.shard_bytes.items()}
    sizes = ", ".join(f"{bits} bit {kibibytes(size)}" for bits, size in totals.items())
    console = Console()
    console.print(f"{manifest.model}: {manifest.layers} layers x {manifest.slices} slices in {out}")
    console.print(f"quantiser: {options.quantiser_name}")
    console.print(f"shards: {sizes}; resident: {kibibytes(manifest.resident_bytes)}")
    console.print(f"digest: {manifest.digest}")


def _calibrate(model: Checkpoint, text: Path, options: StoreOptions) -> Calibration:
    if options.quantiser not in {None, "compensated"}:
        message = f"quantiser {options.quantiser} takes no calibration text, got {text}"
        raise CalibrationError(message)
    text = EXAMPLE_TEXT if _names(EXAMPLE, str(text)) else text
    with progress("calibration") as report:
        return calibrate(model, text, warn=warn, progress=report)


def _checkpoint(place: str, name: str | None) -> Checkpoint:
    if _names(SENTIMENT, place):
        model = sentiment_checkpoint()
        return replace(model, model=name or model.model)
    if name is None and _names(EXAMPLE, place):
        name = MODEL_NAME
    return read_checkpoint(checkpoint_folder(place), model=name)


def checkpoint_folder(place: str) -> Path:
    """The folder of this path, or that of the installed example model."""
    return example_checkpoint() if _names(EXAMPLE, place) else Path(place)


def _names(word: str, place: str) -> bool:
    """Whether a place is this word, and no folder of that name."""
    return place == word and not Path(place).exists()


def profile_importance(store: Path, out: Path, *, options: ProfileOptions, workers: int) -> None:
    """Measure the importance table of a store; goes on where an interrupted run stopped."""
    with progress("measurements") as report:
        table, agreement = profile(
            store, out, options=options, workers=workers, progress=report, warn=warn
        )
    whole = (table.full or table.base)[-1][-1]
    console = Console()
    metric = in_unit(f"{table.metric} of {table.model}", table.unit)
    console.print(f"{metric}, {table.provenance.source}")
    console.print(f"lowest bitwidth: {score(table.base[-1][-1])}, highest: {score(whole)}")
    if agreement is not None:
        console.print(f"rank correlation of the tables of two halves of the text: {agreement:.2f}")
    console.print(f"written to {out}")


def warn(doubt: str) -> None:
    """Tell the user of input that can be used but should not be trusted."""
    Console(stderr=True).print(f"warning: {doubt}", soft_wrap=True, highlight=False)


@contextmanager
def progress(noun: str) -> Generator[Report]:
    """A function that moves a bar on stderr; the bar appears once there is something to tell."""
    columns = (TextColumn(noun), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task(noun, total=None)

    with ExitStack() as shown:

        def report(done: int, total: int) -> None:
            if not bar.live.is_started:
                shown.enter_context(bar)
            bar.update(task, completed=done, total=total)

        yield report
