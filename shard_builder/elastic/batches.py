"""Rows of similar length put together into batches, in an order that a seed decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from shard_builder.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from shard_builder.task_file import Text


class Batch(NamedTuple):
    """Row numbers (B,), token ids (B, S) and mask (B, S), which is None where no row is padded."""

    rows: NDArray[np.int64]
    ids: NDArray[np.int64]
    mask: NDArray[np.bool_] | None


class TokenRows:
    """The token ids of every text."""

    def __init__(self, ids: Sequence[Sequence[int]], pad_token: int) -> None:
        self._ids = [np.array(row, dtype=np.int64) for row in ids]
        self._pad_token = pad_token
        self.lengths = np.array([len(row) for row in ids])

    @classmethod
    def of(
        cls,
        tokenizer: Path,
        texts: Sequence[Text],
        longest: int,
        *,
        pad_token: int,
        vocabulary: int,
    ) -> TokenRows:
        """Tokenise texts, cut to `longest` tokens.

        TrainingError for a text of no tokens, or with one beyond a vocabulary of that many.
        """
        reader = Tokenizer.from_file(str(tokenizer))
        reader.no_padding()
        # The package leaves the types of keyword arguments open.
        reader.enable_truncation(longest)  # pyright: ignore[reportUnknownMemberType]
        ids = [row.ids for row in reader.encode_batch(list(texts))]
        _require_tokens(texts, ids, vocabulary)
        return cls(ids, pad_token)

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """These rows, padded to the longest of them."""
        lengths = self.lengths[rows]
        longest = int(lengths.max())
        ids = np.full((len(rows), longest), self._pad_token, dtype=np.int64)
        for place, row in enumerate(rows):
            ids[place, : lengths[place]] = self._ids[row]
        ragged = bool((lengths < longest).any())
        mask = np.arange(longest) < lengths[:, None] if ragged else None
        return Batch(rows, ids, mask)

    def batches(self, size: int, random: np.random.Generator | None = None) -> list[Batch]:
        """All rows once, by length; `random` draws the order of batches and of equal lengths."""
        return [self.batch(rows) for rows in self._groups(size, random)]

    def _groups(self, size: int, random: np.random.Generator | None) -> list[NDArray[np.int64]]:
        count = len(self.lengths)
        ties = np.arange(count) if random is None else random.permutation(count)
        order = np.lexsort((ties, self.lengths)).astype(np.int64)
        groups = [order[start : start + size] for start in range(0, count, size)]
        if random is None:
            return groups
        return [groups[index] for index in random.permutation(len(groups))]

    def stream(self, size: int, *, seed: int, start: int) -> Iterator[Batch]:
        """Batches without end, from batch number `start` on: epoch e is drawn by (seed, e)."""
        per_epoch = self.batches_per_epoch(size)
        epoch, skipped = divmod(start, per_epoch)
        while True:
            groups = self._groups(size, np.random.default_rng([seed, epoch]))
            for rows in groups[skipped:]:
                yield self.batch(rows)
            epoch, skipped = epoch + 1, 0

    def batches_per_epoch(self, size: int) -> int:
        """How many batches hold all rows once."""
        return -(-len(self.lengths) // size)


def _require_tokens(texts: Sequence[Text], ids: Sequence[Sequence[int]], vocabulary: int) -> None:
    for text, row in zip(texts, ids, strict=True):
        if not row:
            message = f"a text must have at least 1 token, got none in {text!r}"
            raise TrainingError(message)
        if max(row) >= vocabulary:
            message = f"tokens must be within 0..{vocabulary - 1}, got {max(row)} in {text!r}"
            raise TrainingError(message)
