from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import device, e1_json, importance, model, request
from plan_contracts import ContractError
from planner_api.errors import InvalidRequestError, NotFoundError
from planner_api.services.documents import AnyDocument, to_stored
from planner_api.services.resolve import ResolvedRequest, resolve

if TYPE_CHECKING:
    from planner_api.services.ports import Kind, StoredDocument

NAMES = {"device": "tiny-device", "model": "tiny-model", "importance": "tiny-table"}


def documents(**importance_fields: object) -> dict[Kind, AnyDocument]:
    e1 = e1_json()
    return {
        "device": device(e1["device"]),
        "model": model(e1["model"]),
        "importance": importance({**e1["importance"], **importance_fields}),
    }


def resolved(
    document: dict[str, object], known: dict[Kind, AnyDocument] | None = None
) -> ResolvedRequest:
    known = known or {}

    def look_up(kind: Kind, reference: str) -> StoredDocument:
        if kind not in known:
            raise NotFoundError(reference)
        return to_stored(kind, known[kind])

    return resolve(request(document), look_up)


def test_names_digests_and_documents_are_the_same_request() -> None:
    known = documents()
    inline = resolved(e1_json())
    by_name = resolved({**e1_json(), **NAMES}, known)
    by_digest = resolved({**e1_json(), "device": known["device"].digest}, known)
    assert inline.digest == by_name.digest == by_digest.digest


@pytest.mark.parametrize(
    "change",
    [
        {"target": {"latency_us": 271, "sequence_length": 8}},
        {"options": {"policy": "uniform"}},
        {"options": {"seed": 1}},
        {"options": {"time_limit_ms": 1}},
    ],
)
def test_target_policy_and_every_option_are_part_of_the_digest(change: dict[str, object]) -> None:
    assert resolved({**e1_json(), **change}).digest != resolved(e1_json()).digest


def test_null_fields_are_no_part_of_the_digest() -> None:
    assert resolved(e1_json(memory_bytes=None)).digest == resolved(e1_json()).digest


def test_the_table_is_bound_to_the_model() -> None:
    inputs = resolved(e1_json()).inputs
    assert inputs.importance.model_digest == inputs.model.digest


def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        resolved({**e1_json(), "device": "nobody"})


def test_a_table_of_another_model_is_refused() -> None:
    table = {**e1_json()["importance"], "model_digest": "sha256:" + "0" * 64}
    with pytest.raises(ContractError, match="model_digest must be the manifest's"):
        resolved({**e1_json(), "importance": table})


def test_a_table_of_another_shape_is_refused() -> None:
    one_slice = {"base": [[40], [55]], "gain": {str(b): [[1], [4]] for b in (2, 3, 4, 5, 6, 32)}}
    table = {**e1_json()["importance"], **one_slice}
    with pytest.raises(ContractError, match=r"2 layers x 2 slices .* got 2 x 1"):
        resolved({**e1_json(), "importance": table})


def test_a_registered_table_without_a_digest_must_name_the_model() -> None:
    known = documents(model="another-model")
    with pytest.raises(InvalidRequestError, match=r"importance\.model must be 'tiny-model'"):
        resolved({**e1_json(), "importance": "tiny-table"}, known)


def test_documents_that_stand_together_need_not_share_a_name() -> None:
    table = {**e1_json()["importance"], "model": "another-model"}
    inputs = resolved({**e1_json(), "importance": table}).inputs
    assert inputs.importance.model_digest == inputs.model.digest
