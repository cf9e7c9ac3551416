"""All checks of a response: what each of them finds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from planner_api.verify import certificate as of_certificate
from planner_api.verify import plan as of_plan
from planner_api.verify import response as of_response
from planner_api.verify.documents import numbers_of
from planner_api.verify.findings import RANK, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plan_contracts import Certificate, Plan, PlanResponse
    from planner_api.verify.documents import Documents, Numbers
    from planner_api.verify.findings import Messages, Severity

OPEN = "claims left open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One check that was made, and what it found."""

    name: str
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity | None:
        """The worst of what it found."""
        found = {finding.severity for finding in self.findings}
        return next((severity for severity in RANK if severity in found), None)


def verify(documents: Documents, response: PlanResponse) -> tuple[Finding, ...]:
    """Why the response is no proven answer to these documents; nothing if it is verified."""
    found = (finding for check in checks(documents, response) for finding in check.findings)
    return tuple(finding for finding in found if finding.severity != "open")


def checks(documents: Documents, response: PlanResponse) -> Iterator[Check]:
    """Every check that the response has parts for, one after the other.

    ContractError if the documents themselves do not fit together.
    """
    numbers = numbers_of(documents)
    for name, check in of_response.CHECKS.items():
        yield _refusing(name, partial(check, numbers, response))
    if response.plan is not None:
        yield from _plan_checks(numbers, response.plan)
    if response.certificate is not None:
        yield from _certificate_checks(numbers, response.certificate)
    claims = of_response.left_open(response)
    yield Check(
        name=OPEN,
        findings=tuple(Finding(check=OPEN, message=claim, severity="open") for claim in claims),
    )


def _plan_checks(numbers: Numbers, plan: Plan) -> Iterator[Check]:
    def made(named: of_plan.Checks) -> list[Check]:
        return [_refusing(name, partial(check, numbers, plan)) for name, check in named.items()]

    yield from made(of_plan.IDENTITY)
    shape = made(of_plan.SHAPE)
    yield from shape
    if not any(check.findings for check in shape):
        yield from made(of_plan.NUMBERS)


def _certificate_checks(numbers: Numbers, certificate: Certificate) -> Iterator[Check]:
    claim = of_certificate.claim_of(numbers, certificate)
    for name, check in of_certificate.CHECKS.items():
        yield _refusing(name, partial(check, claim))
    yield Check(name=of_certificate.WORDS, findings=tuple(of_certificate.words(claim)))


def _refusing(name: str, check: Callable[[], Messages]) -> Check:
    findings = (Finding(check=name, message=message) for message in check())
    return Check(name=name, findings=tuple(findings))
