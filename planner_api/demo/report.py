"""What the demo found, as a document and as tables for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from plan_contracts import Document, Part
from planner_api.commands.tables import kibibytes, milliseconds

if TYPE_CHECKING:
    from rich.console import Console


class Phase(Part):
    """One part of the demo and how long it took."""

    name: str
    seconds: float


class Row(Part):
    """One way to run the model: a policy's plan, or load-then-run.

    `weight_bytes`: accounted peak of encoded, decoded and preloaded weights; resident tensors and
    working arrays excluded. `rss_bytes`: memory of the process above one that has run a tiny
    product. `measured_us`: every run. `score`: negative distance to the full model at full
    precision on held-out sentences, `score_error` its standard error.
    """

    name: str
    depth: int
    width: int
    mean_bits: float
    read_bytes: int
    peak_memory_bytes: int
    weight_bytes: int
    rss_bytes: int
    simulated_us: int
    measured_us: tuple[int, ...]
    median_us: int
    meets_deadline: bool
    predicted_score: float | None
    score: float
    score_error: float

    @property
    def signed_error(self) -> float:
        """(measured median - simulated) / simulated."""
        return (self.median_us - self.simulated_us) / self.simulated_us


class DemoReport(Document):
    """The inputs of the demo, its rows and its phases."""

    model: str
    flash_bandwidth: str
    sequence_length: int
    deadline_us: int
    preload_bytes: int
    read_ahead_layers: int
    importance_sentences: int
    importance_relative_error: float | None
    score_sentences: int
    relative_gap: float
    bandwidth_bytes_per_s: int
    rows: tuple[Row, ...]
    phases: tuple[Phase, ...]


COLUMNS = (
    ("", "left"),
    ("n x m", "right"),
    ("mean bits", "right"),
    ("read", "right"),
    ("weights in memory", "right"),
    ("RSS", "right"),
    ("simulated", "right"),
    ("measured", "right"),
    ("error", "right"),
    ("in time", "left"),
    ("score", "right"),
)


def show(console: Console, report: DemoReport) -> None:
    """The table, the sentence that sums it up, and the time of each phase."""
    console.print(_rows(report))
    console.print(
        f"simulated from a profile measured just before: {report.bandwidth_bytes_per_s / 1e6:.1f} "
        f"MB/s; measured: median of {len(report.rows[0].measured_us)} runs. score: minus "
        "the distance to the full model's output\n"
        f"at full precision, mean of {report.score_sentences} other sentences ± standard error. "
        "RSS: above a process that has run one tiny product."
    )
    console.print(_in_short(report), style="bold")
    phases = ", ".join(f"{phase.name} {phase.seconds:.1f} s" for phase in report.phases)
    console.print(f"time: {phases}", style="dim")


def _rows(report: DemoReport) -> Table:
    title = (
        f"{report.model} within {report.deadline_us / 1000:.0f} ms, flash at "
        f"{report.flash_bandwidth}, {report.sequence_length} tokens, "
        f"{kibibytes(report.preload_bytes)} preloaded at most"
    )
    table = Table(title=title, title_justify="left")
    for name, justify in COLUMNS:
        table.add_column(name, justify="left" if justify == "left" else "right")
    for row in report.rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.depth} x {row.width}",
        f"{row.mean_bits:.2f}",
        kibibytes(row.read_bytes),
        kibibytes(row.weight_bytes),
        kibibytes(row.rss_bytes),
        milliseconds(row.simulated_us),
        milliseconds(row.median_us),
        f"{row.signed_error:+.1%}",
        "yes" if row.meets_deadline else "no",
        f"{row.score:.4f} ± {row.score_error:.4f}",
    )


def _in_short(report: DemoReport) -> str:
    plan, full = report.rows[0], report.rows[-1]
    return (
        f"{full.median_us / plan.median_us:.1f} times faster than loading the full model first, "
        f"with {full.weight_bytes / plan.weight_bytes:.1f} times less memory for weights; no plan "
        f"can score more than {report.relative_gap:.2%} of the range above this one."
    )
