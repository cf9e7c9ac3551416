"""A labelled task as a TSV file: a header line, then a text, or a pair of texts, and its label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shard_builder.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Text = str | tuple[str, str]
"""A sentence, or a pair of sentences to be judged together."""

NUMBERING = "idx"
MOST_TEXTS = 2
FIRST_ROW_LINE = 2


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns hold what; no `texts`: all others but one that numbers the rows (`idx`)."""

    texts: tuple[str, ...] = ()
    label: str = "label"


@dataclass(frozen=True, kw_only=True)
class Task:
    """Texts and the class of each, 0, 1, …; `labels` is empty where nobody asked for them."""

    texts: tuple[Text, ...]
    labels: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Table:
    file: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    """Where each row stands in the file, from 1 on."""

    def values(self, column: str) -> list[str]:
        place = self.header.index(column)
        return [row[place] for row in self.rows]


def read_task(file: Path, classes: Sequence[str], columns: Columns | None = None) -> Task:
    """The task of a file, for a model that tells these classes apart.

    A label is the number of a class or its name. Without classes, labels are not looked at, and
    there may be none. TaskError names the file, the value and the rule.
    """
    columns = columns or Columns()
    table = _read_table(file)
    texts = [table.values(name) for name in _text_columns(table, columns)]
    labels = _labels(table, columns.label, classes) if classes else ()
    pairs = len(texts) == MOST_TEXTS
    return Task(texts=tuple(zip(*texts, strict=True)) if pairs else tuple(texts[0]), labels=labels)


def joined(text: Text) -> str:
    """A text as one string; a pair with a space between."""
    return text if isinstance(text, str) else " ".join(text)


def _read_table(file: Path) -> _Table:
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        message = f"{file} must be a text file in UTF-8: {error}"
        raise TaskError(message) from error
    header, *rows = [tuple(line.rstrip("\r").split("\t")) for line in lines]
    if len(set(header)) < len(header):
        message = f"{file}: columns must have different names, got {list(header)}"
        raise TaskError(message)
    numbered = {line: row for line, row in enumerate(rows, FIRST_ROW_LINE) if row != ("",)}
    for number, row in numbered.items():
        if len(row) != len(header):
            message = (
                f"{file}, line {number}: a row must have {len(header)} tab-separated values like "
                f"the header {list(header)}, got {len(row)}"
            )
            raise TaskError(message)
    if not numbered:
        message = f"{file} must have a header line and at least 1 row, got none"
        raise TaskError(message)
    return _Table(file=file, header=header, rows=tuple(numbered.values()), lines=tuple(numbered))


def _text_columns(table: _Table, columns: Columns) -> tuple[str, ...]:
    others = tuple(name for name in table.header if name not in {columns.label, NUMBERING})
    names = columns.texts or others
    for name in names:
        if name not in table.header:
            raise TaskError(_no_column(table, "text", name))
    if not 1 <= len(names) <= MOST_TEXTS:
        message = f"{table.file}: a task has 1 or 2 columns of text, got {list(names)}; name them"
        raise TaskError(message)
    return names


def _labels(table: _Table, column: str, classes: Sequence[str]) -> tuple[int, ...]:
    if column not in table.header:
        raise TaskError(_no_column(table, "label", column))
    known = {str(index): index for index in range(len(classes))}
    known |= {name: index for index, name in enumerate(classes)}
    found = table.values(column)
    for number, label in zip(table.lines, found, strict=True):
        if label not in known:
            message = (
                f"{table.file}, line {number}: a label must be one of 0..{len(classes) - 1} or "
                f"{list(classes)}, got {label!r}"
            )
            raise TaskError(message)
    return tuple(known[label] for label in found)


def _no_column(table: _Table, kind: str, name: str) -> str:
    return f"{table.file}: the {kind} column must be one of {list(table.header)}, got {name!r}"
