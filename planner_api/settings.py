"""Settings of the service: SHARDSTREAM_* variables, overridden by what the caller passes."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path  # noqa: TC003 - pydantic reads the types of the fields
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from plan_contracts import explain_validation
from planner_api.errors import ConfigurationError

MEBIBYTE = 1 << 20
SHORTEST_KEY_CHARACTERS = 16


class Settings(BaseSettings):
    """How one server runs; `api_keys` and `stores` in the environment are separated by commas.

    `concurrent_solves`: requests that may be planned at once; further ones wait their turn.
    `concurrent_explorations`: explorations that may run at once; further ones are refused.
    `stores`: folders of shard stores, on which plans can be tried.
    """

    model_config = SettingsConfigDict(env_prefix="SHARDSTREAM_", frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    database: str = "sqlite:///shardstream.sqlite3"
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    stores: Annotated[tuple[Path, ...], NoDecode] = ()
    body_limit_bytes: Annotated[int, Field(ge=1)] = 32 * MEBIBYTE
    concurrent_solves: Annotated[int, Field(ge=1)] = os.cpu_count() or 1
    concurrent_explorations: Annotated[int, Field(ge=1)] = 8
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("api_keys", "stores", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("api_keys")
    @classmethod
    def _keys_are_long(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in keys:
            if len(key.get_secret_value()) < SHORTEST_KEY_CHARACTERS:
                message = f"each key must have at least {SHORTEST_KEY_CHARACTERS} characters"
                raise ValueError(message)
        return keys

    @model_validator(mode="after")
    def _open_only_to_this_machine(self) -> Self:
        if not self.api_keys and not is_loopback(self.host):
            message = (
                f"host must be a loopback address as long as no keys are set, got {self.host!r}; "
                "set SHARDSTREAM_API_KEYS to listen on other addresses"
            )
            raise ValueError(message)
        return self


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can connect to an address or host name."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_settings(**given: object) -> Settings:
    """Settings of the environment with the given ones in their place, Nones left out.

    ConfigurationError names what breaks a rule.
    """
    try:
        return Settings.model_validate(
            {name: value for name, value in given.items() if value is not None}
        )
    except ValidationError as error:
        raise ConfigurationError(explain_validation(error, "settings")) from error
