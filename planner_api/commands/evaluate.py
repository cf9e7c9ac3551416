"""`shardstream evaluate`: what a plan answers on a task, beside what was predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from plan_contracts import Plan
from planner_api.commands.build import progress
from planner_api.commands.tables import facts_table, score, with_unit
from planner_api.errors import InvalidRequestError
from shard_builder.commands import read_sentences
from shard_builder.plan_evaluation import evaluate_plan
from shard_builder.task_file import Columns, Task, read_task
from shard_runtime.store import ShardStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from shard_builder.plan_evaluation import PlanEvaluation
    from shard_builder.proportion import Proportion
    from shard_runtime.engine import EngineName


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """Where texts come from: a task file with its columns, or a file with one sentence a line."""

    dataset: Path | None
    sentences: Path | None
    columns: Columns

    def read(self, store: ShardStore) -> Task:
        """The texts, and labels from a task file for a store that classifies.

        InvalidRequestError unless there is one of both files; BuilderError for what is in it.
        """
        if self.dataset is not None and self.sentences is None:
            return read_task(self.dataset, store.architecture.labels, self.columns)
        if self.sentences is not None and self.dataset is None:
            return Task(texts=read_sentences(self.sentences, None))
        message = f"give --dataset or --sentences, got {'neither' if not self.dataset else 'both'}"
        raise InvalidRequestError(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How to run: `batched` many texts at a time."""

    engine: EngineName
    batched: bool


def texts_of(
    dataset: Path | None, sentences: Path | None, texts: Sequence[str] | None, label: str
) -> Texts:
    """From the options of a command."""
    columns = Columns(texts=tuple(texts or ()), label=label)
    return Texts(dataset=dataset, sentences=sentences, columns=columns)


def evaluate(
    place: Path, store_folder: Path, texts: Texts, manner: Manner, *, as_json: bool
) -> None:
    """Print how a plan's answers compare to the labels, to the full model, to its prediction."""
    plan = Plan.from_file(place).sealed()
    store = ShardStore.open(store_folder)
    task = texts.read(store)
    with progress("texts") as report:
        found = evaluate_plan(
            plan,
            store,
            task,
            engine=manner.engine,
            batched=manner.batched,
            progress=report,
        )
    if as_json:
        print(found.model_dump_json())  # noqa: T201 - the command's output
    else:
        Console().print(facts_table(list(_facts(found))))


def _facts(found: PlanEvaluation) -> Iterator[tuple[str, str]]:
    yield "plan", found.plan_id
    yield "texts", f"{found.texts}, of which {found.cut} were cut"
    yield "run as", f"{found.engine}, {'many texts' if found.batched else 'one text'} at a time"
    if found.accuracy is not None:
        yield "accuracy", _share(found.accuracy.plan)
        yield "of the full model", _share(found.accuracy.full)
        yield "both answer alike", _share(found.accuracy.agreement)
    measured = f"{score(found.score)} +- {score(found.standard_error)}"
    yield "measured score", with_unit(measured, found.unit)
    yield "predicted score", with_unit(score(found.predicted_score), found.unit)


def _share(found: Proportion) -> str:
    return (
        f"{found.share:.1%} ({found.low:.1%} to {found.high:.1%}), {found.right} of {found.total}"
    )
