"""Calibration: a text of the task, and the second moments that a model's inputs have on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from plan_contracts import sha256_of
from shard_builder.errors import CalibrationError
from shard_builder.moments import Moments, second_moments
from shard_builder.progress import Progress, Warn, ignored, silent
from shard_builder.task_file import joined, read_task
from shard_builder.text_check import text_warnings
from shard_runtime.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shard_builder.checkpoint import Checkpoint
    from shard_builder.task_file import Text

EXAMPLE_TEXT = Path(__file__).parent / "data" / "calibration.txt"
"""Short film reviews written for this project; `reviews.txt` beside it has others to measure on."""
TASK_SUFFIX = ".tsv"
MOST_TEXTS = 512
"""More bring little: with 64 most of the gain is there."""
MOST_TOKENS = 128
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What a text says about a model's inputs; `source` names the text, for the store."""

    moments: Moments
    source: str


def calibrate(
    checkpoint: Checkpoint, file: Path, *, warn: Warn = ignored, progress: Progress = silent
) -> Calibration:
    """Run the model at full precision on the texts of a file, 512 at most, drawn at random.

    The file has a text a line, or is a task with a header (.tsv) whose labels are not looked at.
    CalibrationError if there is no text or the checkpoint has no tokeniser. `warn` hears of texts
    that are few or foreign to the model; `progress` counts batches.
    """
    texts = drawn(read_texts(file))
    if checkpoint.tokenizer is None:
        message = f"{checkpoint.model}: calibration needs a tokenizer.json, the checkpoint has none"
        raise CalibrationError(message)
    tokenizer = Tokenizer.from_file(str(checkpoint.tokenizer))
    for warning in text_warnings(tokenizer, [joined(text) for text in texts], file.name):
        warn(warning)
    tokens = _tokens(checkpoint, tokenizer, texts)
    return Calibration(
        moments=second_moments(checkpoint, tokens, progress=progress),
        source=f"{len(texts)} texts of {file.name}, {_digest(texts)}",
    )


def was_calibrated_on(source: str | None, texts: tuple[Text, ...]) -> bool:
    """Whether these are the texts that a store names as the source of its calibration."""
    return source is not None and source.endswith(_digest(drawn(texts)))


def read_texts(file: Path) -> tuple[Text, ...]:
    """All texts of a file; CalibrationError if it has none or cannot be read."""
    try:
        if file.suffix == TASK_SUFFIX:
            return read_task(file, ()).texts
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file} must be a text file in UTF-8: {error}"
        raise CalibrationError(message) from error
    texts = tuple(line.strip() for line in lines if line.strip())
    if not texts:
        message = f"{file} must have at least 1 line of text, got none"
        raise CalibrationError(message)
    return texts


def _digest(texts: Sequence[Text]) -> str:
    return sha256_of("\n".join(map(joined, texts)).encode())


def drawn(texts: tuple[Text, ...]) -> tuple[Text, ...]:
    """All of few texts; else the same 512 of them every time, in their order."""
    if len(texts) <= MOST_TEXTS:
        return texts
    shuffled: list[int] = np.random.default_rng(SEED).permutation(len(texts)).tolist()
    return tuple(texts[index] for index in sorted(shuffled[:MOST_TEXTS]))


def _tokens(checkpoint: Checkpoint, tokenizer: Tokenizer, texts: Sequence[Text]) -> Tokens:
    """Padded to the longest, and cut where the model or 128 tokens end."""
    architecture = checkpoint.architecture
    longest = min(MOST_TOKENS, architecture.maximum_positions - architecture.position_offset)
    # The package leaves the types of keyword arguments open.
    tokenizer.enable_truncation(longest)  # pyright: ignore[reportUnknownMemberType]
    tokenizer.enable_padding(  # pyright: ignore[reportUnknownMemberType]
        pad_id=architecture.pad_token
    )
    encoded = tokenizer.encode_batch(list(texts))
    return Tokens(
        np.array([text.ids for text in encoded], dtype=np.int64),
        np.array([text.attention_mask for text in encoded], dtype=np.bool_),
    )
