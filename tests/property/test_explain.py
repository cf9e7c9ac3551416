"""Slack and next in line are exact: `evaluate` says so for random plans of random requests."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from instances import midsize, problem_of, tiny
from planner_api.optimizer.choice import evaluate, layer_reads_us, layer_steps_us
from planner_api.optimizer.planned_choice import choice_of
from planner_api.optimizer.questions.upgrades import raises, shortages
from planner_api.services.explain import explain, slack_us
from plans import made_of, random_choice

if TYPE_CHECKING:
    from planner_api.optimizer.choice import Choice
    from planner_api.optimizer.problem import Problem

SEEDS = st.integers(0, 10_000)


def drawn(seed: int) -> tuple[Problem, Choice]:
    source = random.Random(seed)  # noqa: S311 - seeded on purpose, no secret
    document = midsize(seed, layers=4, slices=3) if seed % 2 else tiny(seed)
    document.pop("options")
    document["target"]["read_ahead_layers"] = source.choice((None, 0, 1, 2))
    problem = problem_of(document)
    return problem, random_choice(problem, source)


def in_time(seed: int) -> tuple[Problem, Choice]:
    """A plan and its problem with a target that the plan keeps to."""
    problem, choice = drawn(seed)
    needed = evaluate(problem, choice).latency_us - problem.fixed_us
    return replace(problem, latency_us=needed + seed % 50), choice


def latency_us(reads: list[int], steps: list[int], read_ahead: int | None) -> int:
    """The max-plus recursion of the planning problem, layer by layer."""
    read_end = 0
    computed: list[int] = []
    for layer, read in enumerate(reads):
        if read and read_ahead is not None and layer > read_ahead:
            read_end = max(read_end, computed[layer - 1 - read_ahead])
        read_end += read
        computed.append(max(read_end, computed[-1] if computed else 0) + steps[layer])
    return computed[-1]


@given(SEEDS)
def test_reads_that_grow_by_the_slack_are_in_time_and_by_one_more_are_not(seed: int) -> None:
    problem, choice = in_time(seed)
    reads = layer_reads_us(problem, choice).tolist()
    steps = layer_steps_us(problem, choice).tolist()
    for layer, slack in enumerate(slack_us(problem, choice).tolist()):
        grown = [*reads]
        grown[layer] += slack
        assert latency_us(grown, steps, problem.read_ahead) <= problem.latency_us
        grown[layer] += 1
        assert latency_us(grown, steps, problem.read_ahead) > problem.latency_us


@given(SEEDS)
def test_evaluation_agrees_that_slack_is_exact(seed: int) -> None:
    problem, choice = in_time(seed)
    limit = problem.latency_us + problem.fixed_us
    slack = slack_us(problem, choice)
    for layer in range(choice.pair.depth):
        streamed = np.flatnonzero(choice.chosen[layer] & ~choice.preload[layer])
        if not len(streamed):
            continue
        slower = problem.read_us.copy()
        slower[layer, streamed[0]] += slack[layer]
        assert evaluate(replace(problem, read_us=slower), choice).latency_us <= limit
        slower[layer, streamed[0]] += 1
        assert evaluate(replace(problem, read_us=slower), choice).latency_us > limit


@given(SEEDS)
def test_shortages_are_what_the_raised_plan_lacks(seed: int) -> None:
    problem, choice = drawn(seed)
    changes = raises(problem, choice)
    needs = shortages(problem, choice, changes)
    before = evaluate(problem, choice).objective
    for k in range(len(changes.bits)):
        bits, preload = choice.bits.copy(), choice.preload.copy()
        place = changes.layer[k], changes.slice[k]
        bits[place], preload[place] = changes.bits[k], changes.preload[k]
        raised = evaluate(problem, replace(choice, bits=bits, preload=preload))
        limit = problem.latency_us + problem.fixed_us
        assert needs.latency_us[k] == max(0, raised.latency_us - limit)
        assert needs.preload_bytes[k] == max(0, raised.preload_bytes - problem.preload_bytes)
        assert needs.memory_bytes[k] == max(0, raised.peak_memory_bytes - problem.memory_bytes)
        assert abs(raised.objective - before - changes.score_gain[k]) < 1e-9


@given(SEEDS)
def test_a_plan_gives_back_the_choice_it_was_made_of(seed: int) -> None:
    problem, choice = drawn(seed)
    again = choice_of(problem, made_of(problem, choice).plan)
    assert again.pair == choice.pair
    assert (again.bits == choice.bits).all()
    assert (again.preload == choice.preload).all()


@given(SEEDS)
def test_every_explanation_counts_compute_and_stalls_up_to_the_latency(seed: int) -> None:
    problem, choice = drawn(seed)
    made = made_of(problem, choice)
    explanation = explain(made.plan, made.device, made.model, problem.inputs.importance)
    spent = sum(layer.compute_us + layer.stall_us for layer in explanation.layers)
    assert spent + problem.fixed_us == explanation.latency_us
