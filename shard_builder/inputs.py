"""Texts as inputs of a stored model: one by one as the runtime runs them, or many at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from shard_builder.errors import TaskError
from shard_runtime.tokens import Tokens, pad_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shard_builder.task_file import Text
    from shard_runtime.store import ShardStore

BATCH_INPUTS = 32


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Batches of tokens; row `rows[i]` of all batches together is text i.

    `cut`: how many texts were longer than the sequence length.
    """

    batches: tuple[Tokens, ...]
    rows: NDArray[np.intp]
    cut: int

    @property
    def texts(self) -> int:
        """How many there are."""
        return len(self.rows)


def one_by_one(store: ShardStore, texts: Sequence[Text], sequence_length: int) -> Inputs:
    """Each text by itself, cut or padded to the sequence length: the shapes of the runtime.

    TaskError if the store has no tokeniser, InputError if an input cannot be.
    """
    ids = token_ids(store, texts)
    return Inputs(
        batches=tuple(_padded(store, of_text, sequence_length) for of_text in ids),
        rows=np.arange(len(texts)),
        cut=_longer(ids, sequence_length),
    )


def many_at_a_time(store: ShardStore, texts: Sequence[Text], sequence_length: int) -> Inputs:
    """Batches of texts of like length, padded to the longest of each batch.

    Several times faster than one by one. The answers are the same up to rounding: sums over more
    rows at once, and over fewer padding tokens, are added up in another order.
    """
    ids = token_ids(store, texts)
    lengths = np.array([min(len(of_text), sequence_length) for of_text in ids])
    order = np.argsort(lengths, kind="stable")
    batches: list[Tokens] = []
    for start in range(0, len(ids), BATCH_INPUTS):
        group: list[int] = order[start : start + BATCH_INPUTS].tolist()
        longest = int(lengths[group[-1]])
        padded = [_padded(store, ids[index], longest) for index in group]
        batches.append(Tokens(*(np.concatenate(arrays) for arrays in zip(*padded, strict=True))))
    return Inputs(batches=tuple(batches), rows=np.argsort(order), cut=_longer(ids, sequence_length))


def token_ids(store: ShardStore, texts: Sequence[Text]) -> list[list[int]]:
    """The tokens of each text, special ones included, neither cut nor padded."""
    if store.index.tokenizer is None:
        message = f"{store.folder}: the store must hold a tokenizer.json, it has none"
        raise TaskError(message)
    store.verify_file(store.index.tokenizer)
    tokenizer = Tokenizer.from_file(str(store.folder / store.index.tokenizer.file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return [encoded.ids for encoded in tokenizer.encode_batch(list(texts))]


def _padded(store: ShardStore, ids: Sequence[int], length: int) -> Tokens:
    return pad_tokens(ids, length, pad_token=store.architecture.pad_token, truncate=True)


def _longer(ids: Sequence[Sequence[int]], length: int) -> int:
    return sum(len(of_text) > length for of_text in ids)
