"""JSON settings of a checkpoint folder, read with a clear error for each wrong field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn, cast

from shard_builder.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_json(path: Path) -> object:
    """The content of a JSON file; CheckpointError if it is missing or no JSON."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        message = f"{path.parent} must hold {path.name}, which is missing"
        raise CheckpointError(message) from error
    except ValueError as error:
        message = f"{path} must be JSON: {error}"
        raise CheckpointError(message) from error


@dataclass(frozen=True)
class SettingsFile:
    """A JSON object and the file it came from."""

    path: Path
    fields: Mapping[str, object]

    @classmethod
    def read(cls, path: Path) -> SettingsFile:
        """Read a file that must hold one JSON object."""
        content = read_json(path)
        if not isinstance(content, dict):
            message = f"{path} must hold a JSON object, got {type(content).__name__}"
            raise CheckpointError(message)
        return cls(path, cast("dict[str, object]", content))

    def integer(self, name: str, *, least: int, default: int | None = None) -> int:
        """An integer field; without a default the field is required."""
        value = self._value(name, default)
        if type(value) is not int or value < least:
            self.refuse(name, f"must be an integer of at least {least}")
        return value

    def positive_number(self, name: str) -> float:
        """A required field above 0."""
        value = self._value(name, None)
        if type(value) not in {int, float} or cast("float", value) <= 0:
            self.refuse(name, "must be a number above 0")
        return float(cast("float", value))

    def text(self, name: str, default: str) -> str:
        """A text field, or the default where it is absent."""
        value = self._value(name, default)
        if not isinstance(value, str):
            self.refuse(name, "must be a text")
        return value

    def rising_integers(self, name: str, *, largest: int) -> tuple[int, ...]:
        """A required list of integers within 1..largest that rise strictly."""
        value = self._value(name, None)
        rule = f"must be a list of integers that rise strictly within 1..{largest}"
        if not isinstance(value, list) or not value:
            self.refuse(name, rule)
        numbers = cast("list[int]", value)
        if any(type(number) is not int for number in numbers):
            self.refuse(name, rule)
        if any(low >= high for low, high in pairwise([0, *numbers, largest + 1])):
            self.refuse(name, rule)
        return tuple(numbers)

    def part(self, name: str) -> SettingsFile | None:
        """The object in a field, its fields named like `field.inner`; None where it is absent."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.refuse(name, "must be an object")
        inner = cast("dict[str, object]", value)
        return SettingsFile(self.path, {f"{name}.{key}": field for key, field in inner.items()})

    def is_set(self, name: str) -> bool:
        """Whether a field is there and not false, null, 0 or empty."""
        return bool(self.fields.get(name))

    def refuse(self, name: str, rule: str) -> NoReturn:
        """Raise the error that says which field breaks which rule, and its value."""
        got = repr(self.fields[name]) if name in self.fields else "no such field"
        message = f"{self.path}: {name} {rule}, got {got}"
        raise CheckpointError(message)

    def _value(self, name: str, default: object) -> object:
        value = self.fields.get(name)
        return default if value is None else value
