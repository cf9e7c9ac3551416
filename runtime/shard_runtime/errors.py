"""What can go wrong on the device, and how it is said.

ShardRuntimeError
├── StoreError        the shard store is damaged, incomplete or not the one asked for
├── PlanRefusedError  the plan does not fit this store or this device
├── InputError        tokens, text or an option the runtime cannot use
└── ServiceError      the planning service does not answer, or refuses
"""

from __future__ import annotations


class ShardRuntimeError(Exception):
    """Base of all errors of the runtime; the message names the value and the rule."""


class StoreError(ShardRuntimeError):
    """The shard store is damaged, incomplete or not the one asked for."""


class PlanRefusedError(ShardRuntimeError):
    """The plan does not fit this store or this device."""


class InputError(ShardRuntimeError):
    """Tokens, text or an option the runtime cannot use."""


class ServiceError(ShardRuntimeError):
    """The planning service does not answer, or refuses."""
