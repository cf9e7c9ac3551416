"""`shardstream verify`: a response checked against its request, without the optimiser."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from plan_contracts import (
    ContractError,
    DeviceProfile,
    Document,
    ImportanceTable,
    ModelManifest,
    PlanResponse,
)
from planner_api.commands.exit_codes import ExitCode
from planner_api.commands.inputs import local_registry, lookup_in, read_request
from planner_api.verify.checks import Check, checks
from planner_api.verify.documents import Documents
from planner_api.verify.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from plan_contracts import PlanRequest
    from planner_api.services.ports import Kind
    from planner_api.services.resolve import Lookup
    from planner_api.verify.findings import Severity

AnyDocument = TypeVar("AnyDocument", bound=Document)

VERIFIED = "verified"
OUTCOME: dict[Severity | None, str] = {
    "refused": "[red]refused[/red]",
    "unproven": "[yellow]unproven[/yellow]",
    "open": "open",
    None: "ok",
}


def verify_response(
    request: str,
    response: Path,
    *,
    given: Mapping[Kind, str],
    database: str | None,
    as_json: bool,
) -> ExitCode:
    """Print what every check of the response in a file finds; REFUSED unless it is verified."""
    with local_registry(database) as registry:
        lookup = lookup_in(registry)
        documents = documents_of(read_request(request, given, lookup), lookup)
    made = _made(documents, response)
    verdict = _verdict(made)
    if as_json:
        print(json.dumps(_as_json(made, verdict)))  # noqa: T201 - the command's output
    else:
        show_checks(Console(), made, verdict)
    return ExitCode.DONE if verdict == VERIFIED else ExitCode.REFUSED


def documents_of(request: PlanRequest, lookup: Lookup) -> Documents:
    """The documents of a request, found and bound together; ContractError if they do not fit."""
    model = _found("model", ModelManifest, request.model, lookup).sealed()
    return Documents(
        device=_found("device", DeviceProfile, request.device, lookup),
        model=model,
        importance=_found("importance", ImportanceTable, request.importance, lookup).bound_to(
            model
        ),
        target=request.target,
        options=request.options,
    )


def _found(
    kind: Kind, type_: type[AnyDocument], reference: str | AnyDocument, lookup: Lookup
) -> AnyDocument:
    if isinstance(reference, str):
        return type_.from_json(lookup(kind, reference).content)
    return reference


def _made(documents: Documents, place: Path) -> Sequence[Check]:
    """The checks of the response in a file; JSON that is no response at all fails the first.

    ContractError for a file without JSON in it.
    """
    text = place.read_bytes()
    try:
        response = PlanResponse.from_json(text)
    except ContractError as error:
        _require_json(text, place)
        finding = Finding(check="contract", message=str(error))
        return [Check(name="contract", findings=(finding,))]
    return [Check(name="contract", findings=()), *checks(documents, response)]


def _require_json(text: bytes, place: Path) -> None:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{place}: must be JSON: {error}"
        raise ContractError(message) from error


def show_checks(console: Console, made: Sequence[Check], verdict: str) -> None:
    """A line for each check, what is left open, and the verdict."""
    table = Table("check", "outcome", "because")
    for check in made:
        reasons = [finding.message for finding in check.findings if finding.severity != "open"]
        table.add_row(check.name, OUTCOME[check.severity], escape("\n".join(reasons)))
    console.print(table)
    for check in made:
        for finding in check.findings:
            if finding.severity == "open":
                console.print(f"not checked: {escape(finding.message)}")
    console.print(f"[bold]{verdict}[/bold]")


def _verdict(made: Sequence[Check]) -> str:
    severities = {check.severity for check in made}
    if "refused" in severities:
        return "refused"
    return "not proven" if "unproven" in severities else VERIFIED


def _as_json(made: Sequence[Check], verdict: str) -> dict[str, object]:
    return {
        "verdict": verdict,
        "checks": [
            {
                "name": check.name,
                "findings": [
                    {"severity": finding.severity, "message": finding.message}
                    for finding in check.findings
                ],
            }
            for check in made
        ],
    }
