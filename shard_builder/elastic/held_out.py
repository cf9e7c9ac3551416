"""The rows of a task that are kept from training, to judge it by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shard_builder.errors import TrainingError
from shard_builder.task_file import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shard_builder.task_file import Text

FEWEST_CLASSES = 2
LONGER_FROM = 0.75
"""Held-out rows are drawn from those whose length is at least this quantile."""


def split_held_out(task: Task, count: int, *, seed: int) -> tuple[Task, Task]:
    """(training rows, `count` held-out rows), none of which lies within the other kind.

    Held-out rows are drawn from the longer ones, as tasks made of phrases and whole sentences are
    tested on sentences. A row whose words are a run of words of a held-out row, or the reverse,
    is left out of training: phrases of a held-out sentence would tell its label.
    TrainingError if there are too few rows, or rows of one class alone are left to train on.
    """
    words = [_words(text) for text in task.texts]
    sizes = np.array([len(row.split()) for row in words])
    longer = np.flatnonzero(sizes >= np.quantile(sizes, LONGER_FROM))
    most = len(longer) // 2
    if most == 0:
        message = f"a task must have rows enough to hold longer ones out, got {len(words)}"
        raise TrainingError(message)
    if not 1 <= count <= most:
        message = f"held_out_rows must be 1..{most} for a task of {len(words)} rows, got {count}"
        raise TrainingError(message)
    drawn = np.random.default_rng(seed).choice(longer, count, replace=False)
    held = sorted(int(row) for row in drawn)
    trained = _rows(task, _unrelated(words, held))
    if len(set(trained.labels)) < FEWEST_CLASSES:
        message = (
            "rows to train on, those within and around a held-out one left out, must be of "
            f"{FEWEST_CLASSES} classes at least, got {len(trained.texts)} rows of the classes "
            f"{sorted(set(trained.labels))}"
        )
        raise TrainingError(message)
    return trained, _rows(task, held)


def _words(text: Text) -> str:
    """The words of a text, or of both of a pair, with a space around each."""
    joined = text if isinstance(text, str) else " ".join(text)
    return f" {' '.join(joined.split())} "


def _rows(task: Task, rows: Iterable[int]) -> Task:
    kept = list(rows)
    return Task(
        texts=tuple(task.texts[row] for row in kept),
        labels=tuple(task.labels[row] for row in kept),
    )


def _unrelated(words: Sequence[str], held: Sequence[int]) -> list[int]:
    held_text = "\n".join(words[row] for row in held)
    left = [row for row, text in enumerate(words) if text not in held_text]
    starts = np.cumsum([0, *(len(words[row]) + 1 for row in left)])
    left_text = "\n".join(words[row] for row in left)
    around = {
        left[int(np.searchsorted(starts, place, side="right")) - 1]
        for row in held
        for place in _places(left_text, words[row])
    }
    return [row for row in left if row not in around]


def _places(text: str, part: str) -> Iterable[int]:
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)
