"""What the demo found, as a document and as tables for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from plan_contracts import Document, Part

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
    precision on held-out sentences, `score_error` its standard error. `answer`: to the text.
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
    answer: str

    @property
    def signed_error(self) -> float:
        """(measured median - simulated) / simulated."""
        return (self.median_us - self.simulated_us) / self.simulated_us


class DemoReport(Document):
    """The inputs of the demo, its rows and its phases; `planned_us`: what plans were asked for."""

    model: str
    text: str
    flash_bandwidth: str
    sequence_length: int
    deadline_us: int
    planned_us: int
    preload_bytes: int
    read_ahead_layers: int
    importance_sentences: int
    importance_relative_error: float | None
    score_sentences: int
    relative_gap: float
    bandwidth_bytes_per_s: int
    rows: tuple[Row, ...]
    phases: tuple[Phase, ...]


HEADINGS = ("nxm", "mean", "read", "weights", "RSS", "simul.", "meas.", "error", "in", "score")
UNITS = ("", "bits", "MB", "MB", "MB", "ms", "ms", "", "time", "")
MEGABYTE = 1e6


def show(console: Console, report: DemoReport) -> None:
    """The table, the sentence that sums it up, and the time of each phase."""
    console.print(_title(report), style="bold")
    console.print(_table(report))
    console.print(_legend(report), style="dim")
    console.print(_answers(report))
    console.print(_in_short(report), style="bold")
    phases = ", ".join(f"{phase.name} {phase.seconds:.1f} s" for phase in report.phases)
    console.print(f"time: {phases}", style="dim")


def _title(report: DemoReport) -> str:
    return (
        f"\n{report.model} within {report.deadline_us / 1000:.0f} ms, planned for "
        f"{report.planned_us / 1000:.0f}: {report.sequence_length} tokens, flash at "
        f"{report.flash_bandwidth}, at most {report.preload_bytes / 1024:.0f} KiB preloaded\n"
    )


def _table(report: DemoReport) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("\n", no_wrap=True)
    for heading, unit in zip(HEADINGS, UNITS, strict=True):
        table.add_column(f"{heading}\n{unit}", justify="right", no_wrap=True)
    for row in report.rows:
        table.add_row(*_cells(row), style="bold" if row is report.rows[0] else None)
    return table


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.depth}x{row.width}",
        f"{row.mean_bits:.1f}",
        f"{row.read_bytes / MEGABYTE:.1f}",
        f"{row.weight_bytes / MEGABYTE:.1f}",
        f"{row.rss_bytes / MEGABYTE:.1f}",
        f"{row.simulated_us / 1000:.1f}",
        f"{row.median_us / 1000:.1f}",
        f"{row.signed_error:+.1%}",
        "yes" if row.meets_deadline else "no",
        f"{row.score:.4f}",
    )


def _legend(report: DemoReport) -> str:
    error = max(row.score_error for row in report.rows)
    table_error = report.importance_relative_error
    trust = "" if table_error is None else f" (gains known to {table_error:.0%})"
    return (
        f"\nweights: accounted peak of encoded, decoded and preloaded. RSS: above a process that "
        f"ran one tiny product. simulated: from the profile measured just before, "
        f"{report.bandwidth_bytes_per_s / MEGABYTE:.1f} MB/s. measured: median of "
        f"{len(report.rows[0].measured_us)} runs. score: minus the distance to the full model's "
        f"output, mean of {report.score_sentences} sentences other than the "
        f"{report.importance_sentences} that importance was measured on{trust}; standard error at "
        f"most {error:.4f}.\n"
    )


def _answers(report: DemoReport) -> str:
    """What the plan says beside what the full model says, for the reader to judge."""
    plan, full = report.rows[0], report.rows[-1]
    return f'"{report.text}" is {plan.answer} by the plan, {full.answer} by the full model.\n'


def _in_short(report: DemoReport) -> str:
    plan, full = report.rows[0], report.rows[-1]
    return (
        f"{full.median_us / plan.median_us:.1f} times faster than loading the full model first, "
        f"with {full.weight_bytes / plan.weight_bytes:.1f} times less memory for weights; proven: "
        f"no plan for this table scores higher by more than {report.relative_gap:.2%} of its range."
    )
