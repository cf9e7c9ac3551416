from __future__ import annotations

import io

from rich.console import Console

from planner_api.demo.report import DemoReport, Phase, Row, show

TERMINAL_COLUMNS = 80


def row(name: str, *, measured_us: tuple[int, ...], weight_bytes: int) -> Row:
    median_us = sorted(measured_us)[len(measured_us) // 2]
    return Row(
        name=name,
        depth=6,
        width=12,
        mean_bits=32.0,
        read_bytes=42_500_000,
        peak_memory_bytes=95_000_000,
        weight_bytes=weight_bytes,
        rss_bytes=106_300_000,
        simulated_us=1_000_000,
        measured_us=measured_us,
        median_us=median_us,
        meets_deadline=False,
        predicted_score=None,
        score=-0.0078,
        score_error=0.0057,
        answer="positive (59.5%)",
    )


def report() -> DemoReport:
    return DemoReport(
        model="minilm-l6-sst2",
        text="Better than it sounds.",
        flash_bandwidth="50MB/s",
        sequence_length=128,
        deadline_us=160_000,
        planned_us=156_800,
        preload_bytes=262_144,
        read_ahead_layers=1,
        importance_sentences=32,
        importance_relative_error=0.11,
        score_sentences=32,
        relative_gap=0.0003,
        bandwidth_bytes_per_s=49_900_000,
        rows=(
            row("optimal", measured_us=(210_000, 200_000, 190_000), weight_bytes=8_600_000),
            row("load all, 32 bit", measured_us=(1_100_000,) * 3, weight_bytes=43_000_000),
        ),
        phases=(Phase(name="shard", seconds=8.2),),
    )


def shown() -> str:
    console = Console(file=io.StringIO(), width=TERMINAL_COLUMNS)
    show(console, report())
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_the_error_is_signed_and_relative_to_the_simulation() -> None:
    assert report().rows[0].signed_error == -0.8
    assert report().rows[1].signed_error == 0.1


def test_nothing_of_the_table_is_cut_in_an_ordinary_terminal() -> None:
    assert "…" not in shown()
    assert "load all, 32 bit 6x12 32.0 42.5    43.0 106.3 1000.0 1100.0 +10.0%   no" in shown()


def test_speed_and_memory_are_those_of_the_first_row_against_the_last() -> None:
    words = " ".join(shown().split())
    assert "5.5 times faster than loading the full model first" in words
    assert "5.0 times less memory for weights" in words


def test_the_report_is_a_document() -> None:
    assert DemoReport.from_json(report().to_json()) == report()


def test_both_answers_are_shown() -> None:
    assert '"Better than it sounds." is positive (59.5%) by the plan, ' in shown()
