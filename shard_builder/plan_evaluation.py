"""A plan's own answers on a task: how many are right, how far they are from the full model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import Part
from shard_builder.evaluate import Evaluator, score_of
from shard_builder.importance.distance import metric_of
from shard_builder.inputs import many_at_a_time, one_by_one
from shard_builder.progress import Progress, silent
from shard_builder.proportion import Proportion, proportion
from shard_runtime.engine import load_engine
from shard_runtime.executor import check_model

if TYPE_CHECKING:
    from plan_contracts import Plan
    from shard_builder.task_file import Task
    from shard_runtime.engine import EngineName
    from shard_runtime.store import ShardStore
    from shard_runtime.weights import FloatArray


class Accuracies(Part):
    """How many answers are right: the plan's, the full model's; and where both agree."""

    plan: Proportion
    full: Proportion
    agreement: Proportion


class PlanEvaluation(Part):
    """What a plan answers, beside what was predicted.

    Scores are negative distances to the full model at the highest bitwidth, in `unit`. `cut`: how
    many texts were longer than the plan's inputs. `batched`: answers may differ from the
    runtime's by rounding. `accuracy` is null without labels.
    """

    plan_id: str
    model: str
    engine: str
    batched: bool
    texts: int
    cut: int
    metric: str
    unit: str
    predicted_score: float
    score: float
    standard_error: float
    accuracy: Accuracies | None


def evaluate_plan(  # noqa: PLR0913 - a plan on a task, and how to run it
    plan: Plan,
    store: ShardStore,
    task: Task,
    *,
    engine: EngineName = "auto",
    batched: bool = False,
    progress: Progress = silent,
) -> PlanEvaluation:
    """Run the plan's exact bits, and the full model, on every text of the task.

    Without pacing, and unless `batched` in the runtime's own shapes. PlanRefusedError if the plan
    is for another model, TaskError and InputError for texts that cannot be run. `progress` counts
    inputs of both models.
    """
    check_model(plan, store)
    make = many_at_a_time if batched else one_by_one
    inputs = make(store, task.texts, plan.target.sequence_length)
    loaded = load_engine(engine, store)
    evaluator = Evaluator(store, inputs, loaded, progress=progress)
    outputs = evaluator.outputs(plan.layers)
    score = score_of(evaluator.distances(outputs))
    metric = metric_of(store.architecture)
    return PlanEvaluation(
        plan_id=plan.computed_id(),
        model=plan.model,
        engine=type(loaded).__name__,
        batched=batched,
        texts=inputs.texts,
        cut=inputs.cut,
        metric=metric.name,
        unit=metric.unit,
        predicted_score=plan.predicted.objective,
        score=score.mean,
        standard_error=score.standard_error,
        accuracy=accuracies(outputs, evaluator.reference, task.labels) if task.labels else None,
    )


def accuracies(outputs: FloatArray, reference: FloatArray, labels: tuple[int, ...]) -> Accuracies:
    """How often the largest output of each text (texts, classes) is the class of its label."""
    answers, full = outputs.argmax(axis=1), reference.argmax(axis=1)
    right = np.array(labels)
    total = len(labels)
    return Accuracies(
        plan=proportion(int((answers == right).sum()), total),
        full=proportion(int((full == right).sum()), total),
        agreement=proportion(int((answers == full).sum()), total),
    )
