"""Whether a text can stand for what a model will be used on: enough of it, in its language."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokenizers import Encoding, Tokenizer

FEWEST_SENTENCES = 64
"""Below this, figures measured on a text change much with the choice of its sentences."""

FOREIGN_SHARE = 0.25
"""Share of unknown or broken words from which a text is taken to be foreign to the model.

With the vocabulary of English BERT: English prose and reviews .03 to .08, Spanish .39, French
.41, German .53, Chinese .63, Finnish .72, Russian .79.
"""


def text_warnings(tokenizer: Tokenizer, sentences: Sequence[str], name: str) -> tuple[str, ...]:
    """What is doubtful about measuring a model on this text; `name` is what to call it."""
    warnings: list[str] = []
    if len(sentences) < FEWEST_SENTENCES:
        warnings.append(
            f"{name} should have at least {FEWEST_SENTENCES} sentences to be measured on, "
            f"got {len(sentences)}"
        )
    share = foreign_share(tokenizer, sentences)
    if share > FOREIGN_SHARE:
        warnings.append(
            f"{name} seems to be in a language that the model was not made for: at most "
            f"{FOREIGN_SHARE:.0%} of its words should be unknown or broken into pieces, "
            f"got {share:.0%}"
        )
    return tuple(warnings)


def foreign_share(tokenizer: Tokenizer, sentences: Sequence[str]) -> float:
    """Share of the words that the vocabulary has no single piece for; 0 without words."""
    unknown: str | None = getattr(tokenizer.model, "unk_token", None)
    words = [
        tokens
        for encoding in tokenizer.encode_batch(list(sentences))
        for tokens in _words(encoding)
    ]
    foreign = sum(len(tokens) > 1 or tokens[0] == unknown for tokens in words)
    return foreign / len(words) if words else 0.0


def _words(encoding: Encoding) -> Iterable[list[str]]:
    """The pieces of each word; special tokens and padding belong to no word."""
    words: dict[int, list[str]] = {}
    for word, token in zip(encoding.word_ids, encoding.tokens, strict=True):
        if word is not None:
            words.setdefault(word, []).append(token)
    return words.values()
