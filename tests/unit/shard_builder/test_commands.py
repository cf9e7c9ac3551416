from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from checkpoints import write_checkpoint
from plan_contracts import ImportanceTable
from shard_builder.calibration import calibrate
from shard_builder.checkpoint import read_checkpoint
from shard_builder.commands import SENTENCES, ProfileOptions, profile, read_sentences
from shard_builder.errors import CalibrationError, ProfileError
from shard_builder.store_writer import StoreOptions, build_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    checkpoint = read_checkpoint(write_checkpoint(folder / "checkpoint"))
    build_store(checkpoint, folder / "store", options=StoreOptions(bitwidths=(2, 32)))
    return folder / "store"


def options() -> ProfileOptions:
    return ProfileOptions(sentences=3, sequence_length=6)


def test_a_profile_is_written_and_its_measurements_are_removed(tmp_path: Path, store: Path) -> None:
    out = tmp_path / "importance.json"
    table = profile(store, out, options=options()).table
    assert ImportanceTable.from_file(out) == table
    assert [path.name for path in tmp_path.iterdir()] == ["importance.json"]


def test_an_interrupted_profile_keeps_its_measurements_and_writes_no_table(
    tmp_path: Path, store: Path
) -> None:
    def interrupt(done: int, _total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    out = tmp_path / "importance.json"
    with pytest.raises(KeyboardInterrupt):
        profile(store, out, options=options(), progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["importance.json.measurements.jsonl"]
    seen: list[int] = []
    profile(store, out, options=options(), progress=lambda done, _: seen.append(done))
    assert seen[0] == 4
    assert [path.name for path in tmp_path.iterdir()] == ["importance.json"]


@pytest.fixture
def foreign_text(tmp_path: Path) -> Path:
    file = tmp_path / "wörter.txt"
    file.write_text("w1 und w2 oder\nw3 oder w4\nw5 und w6\n", encoding="utf-8")
    return file


def test_a_short_text_in_another_language_is_warned_of(store: Path, foreign_text: Path) -> None:
    warnings: list[str] = []
    out = foreign_text.with_name("importance.json")
    profile(store, out, options=replace(options(), text=foreign_text), warn=warnings.append)
    assert [warning.split(" ")[1:4] for warning in warnings] == [
        ["should", "have", "at"],
        ["seems", "to", "be"],
    ]
    assert out.exists()


@pytest.mark.parametrize(
    ("calibrated_on", "warned"), [("w1 w2\nw3\n", True), ("w1 w2\nw4\n", False)]
)
def test_the_text_that_a_store_was_calibrated_on_is_warned_of(
    tmp_path: Path, calibrated_on: str, *, warned: bool
) -> None:
    text = tmp_path / "text.txt"
    text.write_text(calibrated_on)
    checkpoint = read_checkpoint(write_checkpoint(tmp_path / "checkpoint"))
    calibrated = StoreOptions(bitwidths=(2, 32), calibration=calibrate(checkpoint, text))
    build_store(checkpoint, tmp_path / "store", options=calibrated)
    text.write_text("w1 w2\nw3\n")
    warnings: list[str] = []
    profile(
        tmp_path / "store",
        tmp_path / "importance.json",
        options=ProfileOptions(text=text, sequence_length=6),
        warn=warnings.append,
    )
    assert any("the store was calibrated on" in warning for warning in warnings) == warned


def test_an_empty_text_is_refused(tmp_path: Path, store: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(
        CalibrationError, match=r"empty\.txt must have at least 1 line of text, got none"
    ):
        profile(store, tmp_path / "out.json", options=ProfileOptions(text=tmp_path / "empty.txt"))


def test_the_shipped_sentences_are_many_and_all_different() -> None:
    sentences = read_sentences(SENTENCES, None)
    assert len(set(sentences)) == len(sentences) == 64


def test_sentences_are_the_first_lines_that_are_not_blank(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("\n one \n\ntwo\nthree\n")
    assert read_sentences(tmp_path / "text", 2) == ("one", "two")


@pytest.mark.parametrize("count", [0, 3])
def test_no_more_sentences_than_there_are(tmp_path: Path, count: int) -> None:
    (tmp_path / "text").write_text("one\ntwo\n")
    with pytest.raises(ProfileError, match=rf"sentences must be 1\.\.2 of .*, got {count}"):
        read_sentences(tmp_path / "text", count)


def test_the_texts_of_a_task_are_read_without_its_labels(tmp_path: Path) -> None:
    (tmp_path / "task.tsv").write_text("label\tsentence\n0\tone\n1\ttwo\n")
    assert read_sentences(tmp_path / "task.tsv", None) == ("one", "two")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_a_text_must_be_there_and_in_utf8(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "text").write_bytes(content)
    with pytest.raises(CalibrationError, match="must be a text file in UTF-8"):
        read_sentences(tmp_path / "text", None)
