"""The figures as tables, for a terminal and for docs/accuracy.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.accuracy.headline import FULL, OPTIMAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.accuracy.figures import GapFigure, PlannerFigure, QuantisedFigure
    from benchmarks.accuracy.paired import Interval
    from benchmarks.accuracy.predictor import Prediction

BEGIN = "<!-- figures: written by `python -m benchmarks accuracy --markdown` -->\n"
END = "<!-- end of the figures -->\n"
KIB = 1024
MICROSECONDS_PER_MS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """A table of text; the first `left` columns are words, the others numbers."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1

    def for_terminal(self) -> Table:
        """As a table of rich."""
        table = Table(title=self.title, title_justify="left")
        for place, head in enumerate(self.heads):
            table.add_column(head, justify="left" if place < self.left else "right")
        for row in self.rows:
            table.add_row(*row)
        return table

    def as_markdown(self) -> str:
        """As a section of a document."""
        rules = ["---" if place < self.left else "---:" for place in range(len(self.heads))]
        lines = [f"| {' | '.join(cells)} |" for cells in (self.heads, rules, *self.rows)]
        return "\n".join((f"### {self.title}\n", *lines, ""))


def quantised_sheet(figures: Iterable[QuantisedFigure], unit: str) -> Sheet:
    """Quantisers by size and bits."""
    return Sheet(
        title="Quantisers at uniform bits",
        heads=("submodel", "bits", "quantiser", "KiB", "accuracy", f"distance, {unit}"),
        rows=tuple(
            (
                f"{figure.depth}x{figure.width}",
                str(figure.bits),
                figure.quantiser,
                f"{figure.bytes / KIB:,.0f}",
                _accuracies(figure.accuracies),
                _interval(figure.distance),
            )
            for figure in sorted(figures, key=_by_size)
        ),
        left=3,
    )


def _by_size(figure: QuantisedFigure) -> tuple[int, int, int]:
    return -figure.depth, -figure.width, -figure.bits


def planner_sheet(figures: Iterable[PlannerFigure], unit: str) -> Sheet:
    """Every planner at every point."""
    return Sheet(
        title="Planners under the same deadlines",
        heads=(
            "device",
            "deadline ms",
            "preload KiB",
            "planner",
            "plan",
            "simulated ms",
            "accuracy",
            f"distance, {unit}",
            "beyond optimal",
            "optimal is",
            "McNemar p",
        ),
        rows=tuple(
            (
                figure.point.device,
                f"{figure.point.latency_us / MICROSECONDS_PER_MS:.0f}",
                f"{figure.point.preload_bytes / KIB:.0f}",
                figure.planner,
                ", ".join(dict.fromkeys(figure.names)),
                f"{figure.latency_us / MICROSECONDS_PER_MS:.1f}",
                _accuracies(figure.accuracies),
                f"{figure.distance.mean:.4f}",
                *_beside_optimal(figure),
            )
            for figure in figures
        ),
        left=5,
    )


def _beside_optimal(figure: PlannerFigure) -> tuple[str, str, str]:
    """Nothing for `optimal` itself, and the full model, which has no deadline."""
    if figure.planner in {OPTIMAL, FULL}:
        return "", "", ""
    chance = "" if figure.chance is None else f"{figure.chance:.3f}"
    return _interval(figure.more), figure.verdict, chance


def gap_sheet(figures: Iterable[GapFigure], unit: str) -> Sheet:
    """The mean gap of every planner to `optimal`."""
    return Sheet(
        title="Mean gap to optimal, over the points where a planner has a plan",
        heads=("planner", "points", f"distance more, {unit}", "share saved", "accuracy less"),
        rows=tuple(
            (
                figure.planner,
                str(figure.points),
                _interval(figure.more),
                _percent(figure.share),
                "-" if figure.accuracy is None else _percent(figure.accuracy),
            )
            for figure in figures
        ),
    )


def prediction_sheet(predictions: Iterable[Prediction], split_half: float | None) -> Sheet:
    """How well scores are predicted."""
    halves = (
        ()
        if split_half is None
        else (("two tables of half the text", "", "", f"{split_half:.3f}", "", "", "", ""),)
    )
    return Sheet(
        title="Predicted and measured scores of random plans: rank correlation",
        heads=(
            "plans",
            "distance to",
            "how many",
            "correlation",
            "of two halves",
            "to the full model",
            "of two halves",
            "measured scores",
        ),
        rows=halves
        + tuple(
            (
                found.series,
                found.reference,
                str(found.plans),
                f"{found.correlation:.3f}",
                f"{found.halves:.3f}",
                f"{found.to_full_model:.3f}",
                f"{found.full_model_halves:.3f}",
                f"{found.measured_worst:.4f} to {found.measured_best:.4f}",
            )
            for found in predictions
        ),
        left=2,
    )


def with_results(document: str, figures: str) -> str:
    """The document with the figures between its two marks, or at its end, written anew."""
    figures = f"{BEGIN}\n{figures}\n{END}"
    if BEGIN not in document:
        return f"{document}\n{figures}"
    before, rest = document.split(BEGIN)
    return before + figures + rest.split(END)[1]


def _accuracies(values: Sequence[float]) -> str:
    if not values:
        return "-"
    mean = sum(values) / len(values)
    spread = f" ({min(values):.1%} to {max(values):.1%})" if len(values) > 1 else ""
    return f"{mean:.1%}{spread}"


def _interval(found: Interval) -> str:
    return f"{found.mean:.4f} ({found.low:.4f} to {found.high:.4f})"


def _percent(found: Interval) -> str:
    return f"{found.mean:.1%} ({found.low:.1%} to {found.high:.1%})"
