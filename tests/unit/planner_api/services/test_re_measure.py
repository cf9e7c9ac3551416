from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import e1_json
from instances import problem_of
from planner_api.errors import InvalidRequestError
from planner_api.services.answer import answer
from planner_api.services.re_measure import Measured, re_measure
from planner_api.verify.checks import verify
from responses import documents_of, patient

if TYPE_CHECKING:
    from plan_contracts import Plan
    from planner_api.services.re_measure import Measure, ReMeasured
    from responses import Json


def as_predicted(plan: Plan) -> Measured:
    return Measured(plan.predicted.objective, 0.5, None)


def upside_down(plan: Plan) -> Measured:
    """The model likes what the table does not."""
    return Measured(-plan.predicted.objective, 0.5, 0.75)


def re_measured(document: Json, count: int = 2, measure: Measure = upside_down) -> ReMeasured:
    return re_measure(problem_of(patient(document)).inputs, count, measure)


def test_if_predictions_hold_the_answer_is_the_same() -> None:
    found = re_measured(e1_json(), 3, as_predicted)
    assert found.plan == found.response.plan


def test_the_plan_that_measures_best_is_chosen() -> None:
    found = re_measured(e1_json())
    assert [plan.score for plan in found.plans] == sorted(
        (plan.score for plan in found.plans), reverse=True
    )
    assert [plan.chosen for plan in found.plans] == [True] + [False] * (len(found.plans) - 1)
    assert found.plan is not None
    assert found.plan.id == found.plans[0].plan_id


def test_prediction_and_measurement_stand_side_by_side() -> None:
    first = re_measured(e1_json()).plans[0]
    assert first.score == -first.predicted_score
    assert (first.standard_error, first.accuracy) == (0.5, 0.75)


def test_the_best_plans_have_different_pairs() -> None:
    pairs = [
        (plan.depth, plan.width)
        for plan in re_measured(e1_json(), 3).plans
        if plan.policy == "optimal"
    ]
    assert len(pairs) == len(set(pairs)) == 3


def test_plans_of_the_other_policies_are_measured_too_each_once() -> None:
    plans = re_measured(e1_json(), 1).plans
    assert "uniform" in {plan.policy for plan in plans}
    assert len({plan.plan_id for plan in plans}) == len(plans)


def test_the_response_stays_that_of_the_prediction() -> None:
    document = patient(e1_json())
    found = re_measured(document)
    assert found.response == answer(problem_of(document).inputs).response
    assert verify(documents_of(document), found.response) == ()


def test_the_chosen_plan_is_simulated() -> None:
    found = re_measured(e1_json())
    assert found.plan is not None
    assert found.simulation is not None
    assert found.simulation.latency_us == found.plan.predicted.latency_us <= 270


def test_without_a_plan_nothing_is_measured() -> None:
    found = re_measured(e1_json(latency_us=10))
    assert (found.response.status, found.plan, found.plans) == ("infeasible", None, ())


@pytest.mark.parametrize("count", [0, 21])
def test_the_number_of_plans_has_limits(count: int) -> None:
    with pytest.raises(InvalidRequestError, match=rf"must be 1\.\.20, got {count}"):
        re_measured(e1_json(), count)


def test_other_policies_have_nothing_to_choose_from() -> None:
    document = {**e1_json(), "options": {"policy": "uniform"}}
    with pytest.raises(InvalidRequestError, match="must be 'optimal' to re-measure, got 'uniform'"):
        re_measured(document)


def test_a_quantile_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"must be null to re-measure, got 0\.9"):
        re_measured(e1_json(latency_quantile=0.9))
