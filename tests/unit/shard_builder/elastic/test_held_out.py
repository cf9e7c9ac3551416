from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shard_builder.elastic.held_out import split_held_out
from shard_builder.errors import TrainingError
from shard_builder.task_file import Task


def task_of(*texts: str | tuple[str, str]) -> Task:
    return Task(texts=texts, labels=tuple(index % 2 for index in range(len(texts))))


def within(part: str, whole: str) -> bool:
    """Whether the words of one text stand in a row in the other: the slow way."""
    few, many = part.split(), whole.split()
    return any(many[at : at + len(few)] == few for at in range(len(many) - len(few) + 1))


WORDS = st.lists(st.sampled_from(["a", "b", "ab", "c"]), min_size=1, max_size=5).map(" ".join)
APART = ["u", "v", "w", "x"]
"""Rows that lie within no others: whatever one row is held out, two classes are left."""
TEXTS = st.lists(WORDS, min_size=8, max_size=30).map(lambda texts: texts + APART)


@given(TEXTS, st.integers(0, 5))
def test_no_row_of_one_kind_lies_within_one_of_the_other(texts: list[str], seed: int) -> None:
    trained, held_out = split_held_out(task_of(*texts), 1, seed=seed)
    (held,) = held_out.texts
    assert isinstance(held, str)
    for text in trained.texts:
        assert isinstance(text, str)
        assert not within(text, held)
        assert not within(held, text)


@given(TEXTS, st.integers(0, 5))
def test_all_unrelated_rows_are_trained_on(texts: list[str], seed: int) -> None:
    trained, held_out = split_held_out(task_of(*texts), 1, seed=seed)
    held = str(held_out.texts[0])
    unrelated = [text for text in texts if not within(text, held) and not within(held, text)]
    assert list(trained.texts) == unrelated


def test_rows_keep_their_labels() -> None:
    task = task_of(*(f"w{index} x{index}" for index in range(20)))
    for part in split_held_out(task, 4, seed=3):
        for text, label in zip(part.texts, part.labels, strict=True):
            assert label == int(str(text).split()[0][1:]) % 2


def test_held_out_rows_are_among_the_longer_ones() -> None:
    texts = [f"w{index}" for index in range(30)] + [f"a b c d{index}" for index in range(10)]
    _, held_out = split_held_out(task_of(*texts), 5, seed=0)
    assert all(str(text).startswith("a b c") for text in held_out.texts)


def test_another_seed_holds_out_other_rows() -> None:
    task = task_of(*(f"w{index}" for index in range(100)))
    assert split_held_out(task, 10, seed=0)[1] != split_held_out(task, 10, seed=1)[1]


def test_pairs_are_split_like_texts() -> None:
    task = task_of(*((f"a{index}", f"b{index}") for index in range(12)))
    trained, held_out = split_held_out(task, 2, seed=0)
    assert set(trained.texts) | set(held_out.texts) == set(task.texts)


@pytest.mark.parametrize("count", [0, 4])
def test_too_many_held_out_rows_are_refused(count: int) -> None:
    task = task_of(*(f"w{index}" for index in range(6)))
    rule = rf"held_out_rows must be 1\.\.3 for a task of 6 rows, got {count}"
    with pytest.raises(TrainingError, match=rule):
        split_held_out(task, count, seed=0)


def test_a_task_without_longer_rows_to_spare_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"a task must have rows enough to hold .*, got 3"):
        split_held_out(task_of("a", "a b", "a b c"), 1, seed=0)


def test_rows_of_one_class_alone_are_refused() -> None:
    texts = tuple(f"w{index}" for index in range(40))
    with pytest.raises(
        TrainingError, match=r"2 classes at least, got 38 rows of the classes \[1\]"
    ):
        split_held_out(Task(texts=texts, labels=(1,) * 40), 2, seed=0)


def test_rows_that_are_all_alike_leave_none_to_train_on() -> None:
    with pytest.raises(TrainingError, match=r"got 0 rows of the classes \[\]"):
        split_held_out(task_of(*["a b"] * 40), 2, seed=0)
