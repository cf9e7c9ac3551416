from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shard_builder.errors import ProfileError
from shard_builder.importance.measurement_log import MeasurementLog

if TYPE_CHECKING:
    from pathlib import Path

THIRD = [[1 / 3, 2e-17]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "log.jsonl"
    with MeasurementLog(path, "this") as log:
        log.add("first", THIRD)
        log.add("second", [[0.5]])
    return path


def reopened(path: Path, identity: str = "this") -> MeasurementLog:
    with MeasurementLog(path, identity) as log:
        return log


def test_measurements_read_back_exactly(path: Path) -> None:
    assert reopened(path).done == {"first": THIRD, "second": [[0.5]]}


def test_a_measurement_is_in_the_file_at_once(tmp_path: Path) -> None:
    with MeasurementLog(tmp_path / "log", "this") as log:
        log.add("first", THIRD)
        assert reopened(tmp_path / "log").done == {"first": THIRD}


def test_a_line_cut_off_is_dropped_and_the_next_one_is_whole(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])
    with MeasurementLog(path, "this") as log:
        assert log.done == {"first": THIRD}
        log.add("third", [[0.25]])
    assert reopened(path).done == {"first": THIRD, "third": [[0.25]]}


def test_a_first_line_cut_off_starts_over(tmp_path: Path) -> None:
    (tmp_path / "log").write_text('{"prof')
    assert reopened(tmp_path / "log").done == {}


def test_measurements_of_something_else_are_refused_and_kept(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ProfileError, match="must hold measurements of that, got this"):
        reopened(path, "that")
    assert path.read_bytes() == before


def test_a_log_that_is_no_text_is_refused_and_kept(path: Path) -> None:
    before = path.read_bytes().replace(b"second", b"\xff")
    path.write_bytes(before)
    with pytest.raises(ProfileError, match="must be the measurements of a profile"):
        reopened(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["hello\n", "[1]\n", '{"profile": "this"}\n{"x": 1}\n'])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "log").write_text(text)
    with pytest.raises(ProfileError, match="must be the measurements of a profile"):
        reopened(tmp_path / "log")


def test_without_a_path_nothing_is_written() -> None:
    with MeasurementLog(None, "this") as log:
        log.add("first", THIRD)
        assert log.done == {"first": THIRD}
