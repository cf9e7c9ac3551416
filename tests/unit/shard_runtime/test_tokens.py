from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from plan_contracts import StoredFile
from shard_runtime.errors import InputError, StoreError
from shard_runtime.store import ShardStore
from shard_runtime.tokens import pad_tokens, tokenize
from stores import write_store

if TYPE_CHECKING:
    from pathlib import Path

PADDING = {
    "strategy": {"Fixed": 8},
    "direction": "Right",
    "pad_to_multiple_of": None,
    "pad_id": 0,
    "pad_type_id": 0,
    "pad_token": "?",
}
TRUNCATION = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}


def store_with_tokenizer(folder: Path) -> ShardStore:
    """A store whose tokenizer knows three words, and pads and truncates by itself."""
    tokenizer = Tokenizer(WordLevel({"?": 0, "a": 1, "b": 2}, unk_token="?"))  # noqa: S106 - a word
    tokenizer.pre_tokenizer = WhitespaceSplit()
    store = ShardStore.open(write_store(folder).folder)
    settings = json.loads(tokenizer.to_str())
    settings["padding"] = PADDING
    settings["truncation"] = TRUNCATION
    content = json.dumps(settings).encode()
    (folder / "tokenizer.json").write_bytes(content)
    stored = StoredFile(
        file="tokenizer.json",
        bytes=len(content),
        sha256=f"sha256:{hashlib.sha256(content).hexdigest()}",
    )
    return replace(store, index=store.index.model_copy(update={"tokenizer": stored}))


def test_short_inputs_are_padded_and_the_padding_masked() -> None:
    tokens = pad_tokens([5, 6], 4, pad_token=9)
    assert tokens.ids.tolist() == [[5, 6, 9, 9]]
    assert tokens.mask.tolist() == [[True, True, False, False]]


def test_long_inputs_are_refused() -> None:
    with pytest.raises(InputError, match="at most 2 tokens, got 3"):
        pad_tokens([1, 2, 3], 2)


def test_truncation_keeps_the_last_token() -> None:
    assert pad_tokens([1, 2, 3, 4, 5], 3, truncate=True).ids.tolist() == [[1, 2, 5]]


def test_no_tokens_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1 token, got none"):
        pad_tokens([], 4)


def test_text_becomes_all_of_its_tokens_and_no_padding(tmp_path: Path) -> None:
    assert tokenize(store_with_tokenizer(tmp_path), "a b c a") == [1, 2, 0, 1]


def test_a_changed_tokenizer_is_refused(tmp_path: Path) -> None:
    store = store_with_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(StoreError, match=r"tokenizer.json: digest must be"):
        tokenize(store, "a")


def test_a_store_without_a_tokenizer_wants_token_ids(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no tokenizer; give token ids"):
        tokenize(ShardStore.open(write_store(tmp_path).folder), "a")


def test_text_needs_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_with_tokenizer(tmp_path)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(InputError, match=r"shardstream-runtime\[tokenizers\]"):
        tokenize(store, "a")
