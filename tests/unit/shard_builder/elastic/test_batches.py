from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tokenizers.processors import TemplateProcessing

from checkpoints import tiny_tokenizer
from shard_builder.elastic.batches import TokenRows
from shard_builder.errors import TrainingError

if TYPE_CHECKING:
    from pathlib import Path

PAD = 9


def rows_of(*lengths: int) -> TokenRows:
    """Row r of length n is r, r, ..., n times."""
    return TokenRows([[row] * length for row, length in enumerate(lengths)], PAD)


def test_a_batch_of_equal_lengths_needs_no_mask() -> None:
    batch = rows_of(2, 2).batch(np.array([1, 0]))
    assert batch.ids.tolist() == [[1, 1], [0, 0]]
    assert batch.mask is None


def test_shorter_rows_are_padded_and_masked() -> None:
    batch = rows_of(1, 3).batch(np.array([0, 1]))
    assert batch.ids.tolist() == [[0, PAD, PAD], [1, 1, 1]]
    assert batch.mask is not None
    assert batch.mask.tolist() == [[True, False, False], [True, True, True]]


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_batches_hold_every_row_once(seed: int | None) -> None:
    random = None if seed is None else np.random.default_rng(seed)
    batches = rows_of(*[1, 5, 2, 5, 3, 3, 1]).batches(3, random)
    assert sorted(int(row) for batch in batches for row in batch.rows) == list(range(7))
    assert [len(batch.rows) for batch in batches].count(3) == 2


def test_rows_of_like_length_are_together() -> None:
    batches = rows_of(1, 9, 1, 9).batches(2, np.random.default_rng(0))
    assert all(batch.mask is None for batch in batches)


def test_every_epoch_has_another_order() -> None:
    rows = rows_of(*range(1, 33))
    stream = rows.stream(2, seed=0, start=0)
    first, second = ([batch.rows.tolist() for batch in islice(stream, 16)] for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second)


@pytest.mark.parametrize("start", [1, 4, 5])
def test_a_stream_goes_on_where_it_is_told_to(start: int) -> None:
    rows = rows_of(*[2] * 8)
    whole = [batch.rows.tolist() for batch in islice(rows.stream(2, seed=7, start=0), 10)]
    rest = [
        batch.rows.tolist() for batch in islice(rows.stream(2, seed=7, start=start), 10 - start)
    ]
    assert rest == whole[start:]


def test_an_epoch_ends_with_what_is_left_over() -> None:
    assert rows_of(*[1] * 7).batches_per_epoch(3) == 3


@pytest.mark.parametrize(
    ("text", "vocabulary", "said"),
    [
        ("", 40, "at least 1 token, got none in ''"),
        ("w1 w9", 9, r"tokens must be within 0\.\.8, got 13 in 'w1 w9'"),
    ],
)
def test_texts_that_the_model_cannot_take_are_refused(
    tmp_path: Path, text: str, vocabulary: int, said: str
) -> None:
    tokenizer = tiny_tokenizer("bert", 40)
    tokenizer.post_processor = TemplateProcessing(  # pyright: ignore[reportAttributeAccessIssue] - untyped
        single="$A", special_tokens=[]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(TrainingError, match=said):
        TokenRows.of(
            tmp_path / "tokenizer.json", ["w1", text], 8, pad_token=0, vocabulary=vocabulary
        )
