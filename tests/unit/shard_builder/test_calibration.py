from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from checkpoints import write_checkpoint
from shard_builder.calibration import EXAMPLE_TEXT, calibrate, drawn, read_texts
from shard_builder.checkpoint import Checkpoint, read_checkpoint
from shard_builder.commands import REVIEWS
from shard_builder.errors import BuilderError, CalibrationError
from shard_builder.text_check import FEWEST_SENTENCES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return read_checkpoint(write_checkpoint(tmp_path_factory.mktemp("tiny")))


def text(folder: Path, content: str, name: str = "text.txt") -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def test_blank_lines_are_no_texts(tmp_path: Path) -> None:
    assert read_texts(text(tmp_path, "w5 w6\n\n  \n w7 \n")) == ("w5 w6", "w7")


def test_a_mark_of_the_byte_order_is_no_part_of_a_text(tmp_path: Path) -> None:
    assert read_texts(text(tmp_path, "\ufeffw5 w6\n")) == ("w5 w6",)


def test_a_task_gives_its_texts_without_its_labels(tmp_path: Path) -> None:
    file = text(tmp_path, "label\tsentence\n0\tw5 w6\n1\tw7\n", "task.tsv")
    assert read_texts(file) == ("w5 w6", "w7")


def test_an_empty_file_is_refused(tmp_path: Path, checkpoint: Checkpoint) -> None:
    with pytest.raises(CalibrationError, match="must have at least 1 line of text, got none"):
        calibrate(checkpoint, text(tmp_path, "\n\n"))


def test_a_task_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuilderError, match="at least 1 row, got none"):
        read_texts(text(tmp_path, "label\tsentence\n", "task.tsv"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"nowhere\.txt must be a text file in UTF-8"):
        read_texts(tmp_path / "nowhere.txt")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CalibrationError, match="must be a text file in UTF-8"):
        read_texts(tmp_path / "bytes")


def test_a_checkpoint_without_tokeniser_is_refused(tmp_path: Path, checkpoint: Checkpoint) -> None:
    with pytest.raises(CalibrationError, match=r"needs a tokenizer\.json"):
        calibrate(replace(checkpoint, tokenizer=None), text(tmp_path, "w5\n"))


def test_three_sentences_and_another_language_are_doubted(
    tmp_path: Path, checkpoint: Checkpoint
) -> None:
    said: list[str] = []
    calibrate(checkpoint, text(tmp_path, "eins\nzwei drei\nvier\n"), warn=said.append)
    assert [f"{FEWEST_SENTENCES} sentences" in said[0], "language" in said[1]] == [True, True]


def test_of_many_texts_512_are_drawn_always_the_same_in_their_order() -> None:
    texts = tuple(f"w{index}" for index in range(2000))
    chosen = drawn(texts)
    assert len(chosen) == 512
    assert chosen == drawn(texts)
    assert list(chosen) == sorted(chosen, key=texts.index)


def test_the_source_names_the_texts_used(tmp_path: Path, checkpoint: Checkpoint) -> None:
    one = calibrate(checkpoint, text(tmp_path, "w5 w6\nw7\n"))
    other = calibrate(checkpoint, text(tmp_path, "w5 w6\nw8\n"))
    assert one.source.startswith("2 texts of text.txt, sha256:")
    assert one.source != other.source


def test_equal_texts_give_equal_moments(tmp_path: Path, checkpoint: Checkpoint) -> None:
    first, second = (calibrate(checkpoint, text(tmp_path, "w5 w6\nw7\n")) for _ in range(2))
    assert np.array_equal(first.moments.of(1, 2, "ffn_out"), second.moments.of(1, 2, "ffn_out"))


def test_the_reviews_that_ship_are_all_different() -> None:
    texts = [*read_texts(EXAMPLE_TEXT), *read_texts(REVIEWS)]
    assert len(set(texts)) == len(texts) == 96 + 128
