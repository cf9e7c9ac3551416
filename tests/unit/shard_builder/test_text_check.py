from __future__ import annotations

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace

from checkpoints import tiny_tokenizer
from shard_builder.text_check import FEWEST_SENTENCES, foreign_share, text_warnings

KNOWN = "w0 w1 w2 w3"


def word_pieces() -> Tokenizer:
    vocabulary = {"[UNK]": 0, "whole": 1, "in": 2, "##to": 3, "##pieces": 4}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 - a word
    tokenizer.pre_tokenizer = Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    return tokenizer


def test_enough_text_in_known_words_is_not_doubted() -> None:
    tokenizer = tiny_tokenizer("bert", 40)
    assert text_warnings(tokenizer, [KNOWN] * FEWEST_SENTENCES, "words.txt") == ()


def test_three_sentences_are_doubted() -> None:
    warnings = text_warnings(tiny_tokenizer("bert", 40), [KNOWN] * 3, "words.txt")
    assert warnings == ("words.txt should have at least 64 sentences to be measured on, got 3",)


def test_another_language_is_doubted() -> None:
    tokenizer = tiny_tokenizer("bert", 40)
    (warning,) = text_warnings(tokenizer, ["w0 und w1 oder"] * FEWEST_SENTENCES, "wörter.txt")
    assert warning.startswith("wörter.txt seems to be in a language that the model was not made")
    assert warning.endswith(
        "at most 25% of its words should be unknown or broken into pieces, got 50%"
    )


def test_unknown_words_are_foreign() -> None:
    assert foreign_share(tiny_tokenizer("bert", 40), ["w0 w1 w2 oder"]) == pytest.approx(1 / 4)


def test_broken_words_are_foreign_once_each() -> None:
    assert foreign_share(word_pieces(), ["whole into whole inpieces whole"]) == pytest.approx(2 / 5)


def test_special_and_padding_tokens_are_no_words() -> None:
    tokenizer = tiny_tokenizer("bert", 40)
    tokenizer.enable_padding(length=16)  # pyright: ignore[reportUnknownMemberType] - as shipped
    assert foreign_share(tokenizer, ["w0 oder"]) == pytest.approx(1 / 2)


def test_a_text_without_words_is_not_foreign() -> None:
    assert foreign_share(tiny_tokenizer("bert", 40), [""]) == 0
