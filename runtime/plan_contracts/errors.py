"""What can be wrong with a document, and how it is said.

ContractError            a document, or two documents together, break a rule
└── DigestMismatchError  content is not what its digest says
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

SHOWN_PROBLEMS = 5
SHOWN_VALUE_CHARACTERS = 60


class ContractError(ValueError):
    """A document breaks a rule; the message names the field, the value and the rule."""


class DigestMismatchError(ContractError):
    """Content does not have the digest it is known by."""


def explain_validation(error: ValidationError, document: str) -> str:
    """One line for each problem of a pydantic error: where, which value, which rule."""
    problems = list(_problems(error))
    shown = "; ".join(problems[:SHOWN_PROBLEMS])
    hidden = len(problems) - SHOWN_PROBLEMS
    return f"{document}: {shown}" + (f"; and {hidden} more" if hidden > 0 else "")


def fields_of(location: tuple[int | str, ...]) -> list[str]:
    """The fields that lead to a pydantic error; which alternative was read is none of them."""
    return [str(part) for part in location if not str(part).startswith("<")]


def rule_of(problem: Mapping[str, Any]) -> str:
    """The rule that one problem of a pydantic error is about, and the value that breaks it."""
    rule = problem["msg"].removeprefix("Value error, ")
    return f"{rule}{_got(problem['type'], problem.get('input'))}"


def _problems(error: ValidationError) -> Iterator[str]:
    problems = error.errors(include_url=False)
    for problem in problems:
        if problem["type"] == "too_short" and _has_bad_entry(problems, problem["loc"]):
            continue  # pydantic counts the entries that are left once the bad ones are dropped
        where = ".".join(fields_of(problem["loc"])) or "document"
        yield f"{where}: {rule_of(problem)}"


def _has_bad_entry(problems: list[ErrorDetails], of: tuple[int | str, ...]) -> bool:
    return any(len(other["loc"]) > len(of) and other["loc"][: len(of)] == of for other in problems)


def _got(kind: str, value: object) -> str:
    if kind in {"missing", "value_error", "json_invalid"} or isinstance(value, dict | list | tuple):
        return ""
    text = repr(value)
    if len(text) > SHOWN_VALUE_CHARACTERS:
        text = text[:SHOWN_VALUE_CHARACTERS] + "…"
    return f", got {text}"
