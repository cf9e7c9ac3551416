"""`profile-importance` without its progress bar: a store and a text file in, a table out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shard_builder.calibration import read_texts, was_calibrated_on
from shard_builder.errors import ProfileError
from shard_builder.importance import ProfileRequest, profile_importance
from shard_builder.importance.tokens import tokenizer_of
from shard_builder.progress import Progress, Warn, ignored, silent
from shard_builder.task_file import joined
from shard_builder.text_check import text_warnings
from shard_runtime.files import write_atomically
from shard_runtime.store import ShardStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shard_builder.importance import Profile
    from shard_builder.task_file import Text

SENTENCES = Path(__file__).parent / "data" / "sentences.txt"
"""Short English sentences written for this project."""
REVIEWS = Path(__file__).parent / "data" / "reviews.txt"
"""Short film reviews written for this project; none of them is in the text to calibrate on."""


@dataclass(frozen=True, kw_only=True)
class ProfileOptions:
    """How to profile: a file with a sentence a line or a task (.tsv), and how much of it to use.

    `sentences` None means all of them.
    """

    text: Path = SENTENCES
    sentences: int | None = None
    sequence_length: int = 32
    task: str = "label-free"


def profile(  # noqa: PLR0913 - what to profile, and whom to tell
    store: Path,
    out: Path,
    *,
    options: ProfileOptions | None = None,
    workers: int = 1,
    progress: Progress = silent,
    warn: Warn = ignored,
) -> Profile:
    """Measure the importance table of a store and write it to the file `out`.

    Measurements are kept beside `out` until it is written, so the same command goes on after
    Ctrl-C. Raises BuilderError for bad input, ShardRuntimeError for a damaged store. `progress`
    counts measurements; `warn` is told if the text is short or foreign to the model.
    """
    if out.is_dir():
        message = f"a table must be written to a file, got the folder {out}"
        raise ProfileError(message)
    options = options or ProfileOptions()
    request = ProfileRequest(
        store=store,
        sentences=read_sentences(options.text, options.sentences),
        sequence_length=options.sequence_length,
        text=options.text.name,
        task=options.task,
        date=dt.datetime.now(dt.UTC).date(),
    )
    for doubt in _doubts(ShardStore.open(store), request):
        warn(doubt)
    log_path = out.with_name(f"{out.name}.measurements.jsonl")
    profiled = profile_importance(request, workers=workers, log_path=log_path, progress=progress)
    write_atomically(out, profiled.table.to_json())
    log_path.unlink()
    return profiled


def _doubts(store: ShardStore, request: ProfileRequest) -> Iterator[str]:
    """What is wrong with the text of a request, if anything."""
    sentences = list(map(joined, request.sentences))
    yield from text_warnings(tokenizer_of(store), sentences, request.text)
    index = store.manifest.store
    if index and was_calibrated_on(index.calibration, request.sentences):
        yield (
            f"{request.text} should not be the text that the store was calibrated on, as its "
            "weights were rounded to suit it, got the same"
        )


def read_sentences(text: Path, count: int | None) -> tuple[Text, ...]:
    """The first `count` texts of a file (see `read_texts`); ProfileError if there are fewer."""
    sentences = read_texts(text)
    wanted = len(sentences) if count is None else count
    if not 1 <= wanted <= len(sentences):
        message = f"sentences must be 1..{len(sentences)} of {text}, got {wanted}"
        raise ProfileError(message)
    return sentences[:wanted]
