"""The base of every document: frozen, strict, closed, finite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from plan_contracts.digest import canonical_json, sha256_of
from plan_contracts.errors import ContractError, explain_validation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Part(BaseModel):
    """A piece of a document."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, ser_json_inf_nan="null"
    )


def _require_integer(value: object) -> object:
    if type(value) is not int:
        message = f"schema_version must be the integer 1, got {value!r}"
        raise ValueError(message)
    return value


class Document(Part):
    """A whole document, as it travels between programs."""

    schema_version: Annotated[Literal[1], BeforeValidator(_require_integer)] = 1

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a document; raises ContractError that names each bad field, value and rule."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ContractError(explain_validation(error, cls.__name__)) from error

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a document from a file; raises ContractError, or OSError if unreadable."""
        try:
            return cls.from_json(path.read_bytes())
        except ContractError as error:
            message = f"{path}: {error}"
            raise ContractError(message) from error

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with the fields of `update`; what is remembered of this one is not of the copy."""
        copied = super().model_copy(update=update, deep=deep)
        held = vars(copied)
        for name in held.keys() - type(self).model_fields.keys():
            del held[name]
        return copied

    def to_json(self, *, indent: int | None = None) -> str:
        """The document as JSON with every field, null ones too."""
        return self.model_dump_json(indent=indent)

    def canonical(self, *, leave_out: frozenset[str] = frozenset()) -> bytes:
        """RFC 8785 canonical JSON of the document, null fields left out."""
        plain: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        return canonical_json({key: value for key, value in plain.items() if key not in leave_out})

    def content_digest(self, *, leave_out: frozenset[str] = frozenset()) -> str:
        """`sha256:` and the hex digest of the canonical JSON (CONTRACTS, Digests)."""
        return sha256_of(self.canonical(leave_out=leave_out))
