"""Each check of a certificate, on ones that are wrong in one way and sealed all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builders import e1_json, e2_json
from instances import midsize
from plan_contracts import Certificate, PairBound
from planner_api.verify.certificate import WORDS
from planner_api.verify.checks import checks, verify
from responses import documents_of, response_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner_api.verify.findings import Finding
    from responses import Json


def found_in(document: Json, **fields: object) -> Sequence[Finding]:
    """What is found if fields of the certificate are others, and it is sealed anew."""
    response = response_to(document)
    certificate = response.certificate
    assert certificate is not None
    changed = certificate.model_copy(update={**fields, "digest": None}).sealed()
    return verify(documents_of(document), response.model_copy(update={"certificate": changed}))


def certificate_of(document: Json) -> Certificate:
    certificate = response_to(document).certificate
    assert certificate is not None
    return certificate


def replaced(certificate: Certificate, **fields: object) -> tuple[PairBound, ...]:
    """The bounds, with these fields in that of depth 2 and width 2."""
    return tuple(
        bound.model_copy(update=fields) if (bound.depth, bound.width) == (2, 2) else bound
        for bound in certificate.bounds
    )


def test_every_allowed_pair_has_a_bound() -> None:
    bounds = certificate_of(e1_json()).bounds
    found = found_in(e1_json(), bounds=bounds[1:])
    assert [finding.message for finding in found] == [
        "depth 1, width 1 must have a bound, has none"
    ]


def test_no_pair_has_two_bounds() -> None:
    bounds = certificate_of(e1_json()).bounds
    found = found_in(e1_json(), bounds=(bounds[0], *bounds))
    assert [f.message for f in found] == ["depth 1, width 1 must have one bound, got 2"]


def test_pairs_that_are_not_allowed_have_no_bound() -> None:
    bounds = certificate_of(e1_json()).bounds
    other = PairBound(depth=2**53 - 1, width=1, upper_bound=0.0, kind="solver")
    found = found_in(e1_json(), bounds=(*bounds, other))
    assert [f.message for f in found] == [
        f"depth {other.depth}, width 1 must have no bound, is no allowed pair"
    ]


def test_a_bound_lower_than_its_prices_give_is_refused() -> None:
    bounds = replaced(certificate_of(e1_json()), path=(0.0, 0.0))
    found = found_in(e1_json(), bounds=bounds)
    assert [f.message for f in found] == ["depth 2, width 2: upper_bound must be 134.0, got 116.0"]


def test_a_table_bound_has_no_prices() -> None:
    bounds = replaced(certificate_of(e1_json()), kind="table", upper_bound=134.0)
    found = found_in(e1_json(), bounds=bounds)
    assert "depth 2, width 2: a bound of kind table must have no multipliers" in [
        finding.message for finding in found
    ]


def test_the_word_of_a_solver_is_checked_plan_by_plan() -> None:
    bounds = certificate_of(e2_json()).bounds
    words = tuple(b.model_copy(update={"kind": "solver", "path": ()}) for b in bounds)
    assert found_in(e2_json(), bounds=words) == ()


def test_a_solver_that_errs_is_refuted_by_a_plan() -> None:
    document = {**e2_json(), "options": {"policy": "uniform"}}
    certificate = certificate_of(document)
    wrong = replaced(certificate, kind="solver", upper_bound=certificate.objective)
    messages = [finding.message for finding in found_in(document, bounds=wrong)]
    assert f"depth 2, width 2: a plan scores 118.0, more than {certificate.objective}" in messages


def test_a_solvers_bound_above_the_tables_is_refused() -> None:
    wrong = replaced(certificate_of(e2_json()), kind="solver", upper_bound=134.5, path=())
    messages = [finding.message for finding in found_in(e2_json(), bounds=wrong)]
    assert "depth 2, width 2: a solver's bound must be at most the table's 134.0, got 134.5" in (
        messages
    )


def test_a_word_without_prices_about_too_many_plans_is_unproven() -> None:
    document = midsize(4)
    certificate = certificate_of(document)
    words = tuple(
        PairBound(depth=b.depth, width=b.width, upper_bound=b.upper_bound, kind="solver")
        if b.kind != "table"
        else b
        for b in certificate.bounds
    )
    found = found_in(document, bounds=words)
    assert {finding.severity for finding in found} == {"unproven"}
    assert "is the word of a solver, and there are too many plans" in found[0].message


def test_a_word_beyond_the_gap_that_was_asked_for_is_left_open() -> None:
    document = midsize(11)
    response = response_to(document)
    lenient = {**document, "options": {"max_relative_gap": 0.002}}
    made = checks(documents_of(lenient), response)
    found = [finding for check in made for finding in check.findings if check.name == WORDS]
    assert [finding.severity for finding in found] == ["open"]
    assert found[0].message.endswith("the gap asked for")
    assert verify(documents_of(lenient), response) == ()


def test_answers_to_larger_requests_are_verified() -> None:
    for seed in range(4):
        document = midsize(seed)
        assert verify(documents_of(document), response_to(document)) == ()


def test_the_upper_bound_is_the_largest_and_the_gap_follows() -> None:
    messages = [finding.message for finding in found_in(e1_json(), upper_bound=117.0)]
    assert "upper_bound must be 116.0, got 117.0" in messages
    assert f"relative_gap must be {1 / 94}, got 0.0" in messages


def test_the_range_is_that_of_the_table() -> None:
    messages = [finding.message for finding in found_in(e1_json(), range=95.0)]
    assert messages == ["range must be 94.0, got 95.0"]


def test_a_score_that_only_the_certificate_has_is_refused() -> None:
    found = found_in(e1_json(), objective=115.0, relative_gap=1 / 94)
    assert "certificate.objective must be 116.0, got 115.0" in [f.message for f in found]
