"""Inputs of a run: token ids padded to the plan's sequence length."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shard_runtime.errors import InputError, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shard_runtime.store import ShardStore


class Tokens(NamedTuple):
    """Token ids (B, S) and the mask of those that are no padding, (B, S)."""

    ids: NDArray[np.int64]
    mask: NDArray[np.bool_]


def pad_tokens(
    token_ids: Sequence[int], sequence_length: int, *, pad_token: int = 0, truncate: bool = False
) -> Tokens:
    """One input of exactly `sequence_length` tokens.

    InputError if there are none, or more than that and `truncate` is not asked for. Truncation
    keeps the last token, which ends the sentence in all models of the family.
    """
    ids = list(token_ids)
    if not ids:
        message = "an input must have at least 1 token, got none"
        raise InputError(message)
    if len(ids) > sequence_length and not truncate:
        message = (
            f"an input must have at most {sequence_length} tokens, got {len(ids)}; "
            "ask for truncation to cut it"
        )
        raise InputError(message)
    if len(ids) > sequence_length:
        ids = [*ids[: sequence_length - 1], ids[-1]]
    padded = np.full((1, sequence_length), pad_token, dtype=np.int64)
    padded[0, : len(ids)] = ids
    return Tokens(ids=padded, mask=np.arange(sequence_length)[None, :] < len(ids))


def tokenize(store: ShardStore, text: str) -> list[int]:
    """The store's tokenizer on a text, special tokens included.

    InputError if the extra `tokenizers` is not installed, StoreError if the store has none.
    """
    stored = store.index.tokenizer
    if stored is None:
        message = f"{store.folder}: the store has no tokenizer; give token ids"
        raise StoreError(message)
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - an extra, needed for text only
    except ImportError as error:
        message = "text needs the extra: pip install 'shardstream-runtime[tokenizers]'"
        raise InputError(message) from error
    store.verify_file(stored)
    tokenizer = Tokenizer.from_file(str(store.folder / stored.file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer.encode(text).ids
