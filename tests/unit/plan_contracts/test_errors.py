"""How a broken rule is said."""

from __future__ import annotations

import json

import pytest

from builders import BITS, device_json
from plan_contracts import ContractError, DeviceProfile, DigestMismatchError


def message_for(**fields: object) -> str:
    document = device_json(layer_us={1: 60, 2: 100}, decode_us=dict.fromkeys(BITS, 0)) | fields
    with pytest.raises(ContractError) as caught:
        DeviceProfile.from_json(json.dumps(document))
    return str(caught.value)


def test_every_bad_field_is_named_with_its_value() -> None:
    message = message_for(memory_bytes=-1, name="")
    assert "memory_bytes: Input should be greater than or equal to 1, got -1" in message
    assert "name: String should have at least 1 character, got ''" in message


def test_a_missing_field_has_no_value_to_show() -> None:
    assert message_for(storage={}).count("got") == 0


def test_one_bad_entry_is_one_problem() -> None:
    message = message_for(compute=[{"target": "cpu"}])
    assert "at least 1 item" not in message


def test_an_empty_list_is_said_to_be_short() -> None:
    assert "compute: Tuple should have at least 1 item" in message_for(compute=[])


def test_long_values_are_cut() -> None:
    message = message_for(memory_bytes="9" * 1000)
    assert "…" in message
    assert len(message) < 200


def test_many_problems_are_counted_not_listed() -> None:
    message = message_for(**{f"unknown_{index}": index for index in range(8)})
    assert message.endswith("; and 3 more")


def test_a_digest_mismatch_is_a_contract_error_and_a_value_error() -> None:
    assert issubclass(DigestMismatchError, ContractError)
    assert issubclass(ContractError, ValueError)
