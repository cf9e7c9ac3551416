"""Sentences as token ids, all of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from shard_builder.errors import ProfileError
from shard_runtime.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shard_builder.task_file import Text
    from shard_runtime.store import ShardStore


def tokenise(store: ShardStore, sentences: Sequence[Text], sequence_length: int) -> Tokens:
    """Tokens of the sentences, padded or cut to `sequence_length`.

    ProfileError if the store has no tokeniser or the model no room for so many tokens.
    """
    architecture = store.architecture
    longest = architecture.maximum_positions - architecture.position_offset
    tokenizer = tokenizer_of(store)
    pairs = any(not isinstance(sentence, str) for sentence in sentences)
    least = 1 + tokenizer.num_special_tokens_to_add(is_pair=pairs)
    if not least <= sequence_length <= longest:
        message = (
            f"sequence_length must be {least}..{longest} for this model, got {sequence_length}"
        )
        raise ProfileError(message)
    # The package leaves the types of keyword arguments open.
    tokenizer.enable_truncation(sequence_length)  # pyright: ignore[reportUnknownMemberType]
    tokenizer.enable_padding(  # pyright: ignore[reportUnknownMemberType]
        length=sequence_length, pad_id=architecture.pad_token
    )
    encoded = tokenizer.encode_batch(list(sentences))
    return Tokens(
        np.array([sentence.ids for sentence in encoded], dtype=np.int64),
        np.array([sentence.attention_mask for sentence in encoded], dtype=np.bool_),
    )


def tokenizer_of(store: ShardStore) -> Tokenizer:
    """The store's tokeniser; ProfileError if it has none."""
    if store.index.tokenizer is None:
        message = f"{store.folder}: the store must hold a tokenizer.json, it has none"
        raise ProfileError(message)
    return Tokenizer.from_file(str(store.folder / store.index.tokenizer.file))
