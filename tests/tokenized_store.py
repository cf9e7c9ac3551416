"""A small shard store whose tokenizer knows two words."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from plan_contracts import StoredFile
from stores import SMALL, Sizes, write_store

if TYPE_CHECKING:
    from pathlib import Path

    from plan_contracts import ModelManifest

LABELS = ["no", "yes"]


def store_with_tokenizer(
    folder: Path, head: str = "classifier", *, sizes: Sizes = SMALL
) -> ModelManifest:
    """A store on disk; its words are `a` and `b`."""
    labels = LABELS if head == "classifier" else []
    manifest = write_store(folder, sizes=sizes, head=head, labels=labels).manifest
    tokenizer = Tokenizer(WordLevel({"?": 0, "a": 1, "b": 2}, unk_token="?"))  # noqa: S106 - a word
    tokenizer.pre_tokenizer = WhitespaceSplit()
    content = tokenizer.to_str().encode()
    (folder / "tokenizer.json").write_bytes(content)
    stored = StoredFile(
        file="tokenizer.json",
        bytes=len(content),
        sha256=f"sha256:{hashlib.sha256(content).hexdigest()}",
    )
    assert manifest.store is not None
    index = manifest.store.model_copy(update={"tokenizer": stored})
    sealed = manifest.model_copy(update={"store": index, "digest": None}).sealed()
    (folder / "manifest.json").write_text(sealed.to_json())
    return sealed
