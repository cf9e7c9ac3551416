from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shard_builder.errors import TaskError
from shard_builder.task_file import Columns, read_task

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("negative", "positive")


def written(folder: Path, text: str) -> Path:
    file = folder / "task.tsv"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_text_is_what_is_not_the_label(tmp_path: Path) -> None:
    task = read_task(written(tmp_path, "label\tsentence\n1\ta b\n0\tc\n"), CLASSES)
    assert (task.texts, task.labels) == (("a b", "c"), (1, 0))


def test_two_columns_of_text_are_pairs(tmp_path: Path) -> None:
    file = written(tmp_path, "sentence1\tsentence2\tlabel\tidx\na\tb\t1\t0\n")
    assert read_task(file, CLASSES).texts == (("a", "b"),)


def test_a_label_may_be_the_name_of_its_class(tmp_path: Path) -> None:
    file = written(tmp_path, "sentence\tlabel\na\tpositive\nb\tnegative\n")
    assert read_task(file, CLASSES).labels == (1, 0)


def test_columns_can_be_named(tmp_path: Path) -> None:
    file = written(tmp_path, "id\tquestion\tanswer\tgold\n7\tq\ta\t1\n")
    task = read_task(file, CLASSES, Columns(texts=("answer",), label="gold"))
    assert (task.texts, task.labels) == (("a",), (1,))


def test_without_classes_labels_are_not_looked_at(tmp_path: Path) -> None:
    task = read_task(written(tmp_path, "sentence\na\n"), ())
    assert (task.texts, task.labels) == (("a",), ())


def test_quotes_and_line_ends_of_other_systems_are_text(tmp_path: Path) -> None:
    file = written(tmp_path, 'label\tsentence\r\n1\t"so so\r\n')
    assert read_task(file, CLASSES).texts == ('"so so',)


def test_a_mark_of_the_byte_order_is_no_part_of_a_name(tmp_path: Path) -> None:
    file = written(tmp_path, "\ufefflabel\tsentence\n1\ta\n")
    assert read_task(file, CLASSES).texts == read_task(file, ()).texts == ("a",)


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("", None, "at least 1 row, got none"),
        ("label\tsentence\n", None, "at least 1 row, got none"),
        ("label\tsentence\n1\ta\tb\n", None, "line 2: a row must have 2 tab-separated values"),
        ("gold\tsentence\n1\ta\n", Columns(texts=("sentence",)), "the label column must be one of"),
        ("label\tsentence\n1\ta\n", Columns(texts=("text",)), "must be one of .*, got 'text'"),
        (
            "label\tsentence\n1\ta\n\n2\tb\n",
            None,
            "line 4: a label must be one of 0..1 or .*got '2'",
        ),
        ("a\tb\tc\tlabel\nx\ty\tz\t1\n", None, "1 or 2 columns of text, got .*name them"),
        ("label\ta\ta\n1\tx\ty\n", None, "columns must have different names, got"),
        ("label\n1\n", None, r"1 or 2 columns of text, got \[\]"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, text: str, columns: Columns | None, said: str
) -> None:
    with pytest.raises(TaskError, match=said):
        read_task(written(tmp_path, text), CLASSES, columns)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "task.tsv"
    file.write_bytes(b"label\tsentence\n1\t\xff\n")
    with pytest.raises(TaskError, match="UTF-8"):
        read_task(file, CLASSES)
