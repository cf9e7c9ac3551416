"""Responses to tiny requests, and what `verify` takes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from instances import problem_of
from planner_api.services.answer import answer
from planner_api.verify.documents import Documents, Numbers, numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plan_contracts import PlanResponse

Json = dict[str, Any]
Place = tuple[str | int, ...]


def patient(document: Json) -> Json:
    """The request with time enough for a busy machine: a clock that ends a search ends a test."""
    return {**document, "options": {**document.get("options", {}), "time_limit_ms": 60_000}}


def documents_of(document: Json) -> Documents:
    """The documents of a request that has them inline, as `verify` takes them."""
    inputs = problem_of(document).inputs
    return Documents(
        device=inputs.device,
        model=inputs.model,
        importance=inputs.importance,
        target=inputs.target,
        options=inputs.options,
    )


def numbers(document: Json) -> Numbers:
    """The arrays that `verify` makes of a request that has its documents inline."""
    return numbers_of(documents_of(document))


def response_to(document: Json) -> PlanResponse:
    """The service's answer to a request that has its documents inline."""
    return answer(problem_of(patient(document)).inputs).response


def with_store(document: Json) -> Json:
    """The request, its manifest with a store index: a file a bitwidth, shards back to back."""
    model = document["model"]
    shards: Json = {}
    for bits, table in model["shard_bytes"].items():
        offset, shards[bits] = 0, []
        for row in table:
            ranges: list[Json] = []
            for size in row:
                digest = f"sha256:{offset * 100 + int(bits):064x}"
                place = {"file": f"shards-{bits}.bin", "offset": offset}
                ranges.append({**place, "length": size, "sha256": digest})
                offset += size
            shards[bits].append(ranges)
    resident = {"file": "resident.safetensors", "bytes": 1, "sha256": "sha256:" + "0" * 64}
    store = {"quantiser": "made-up", "architecture": ARCHITECTURE, "resident": resident}
    return {**document, "model": {**model, "store": {**store, "shards": shards}}}


ARCHITECTURE = {
    "family": "bert",
    "vocabulary": 10,
    "maximum_positions": 16,
    "layer_norm_epsilon": 1e-12,
    "activation": "gelu",
    "head": "cls_embedding",
}


def changes(document: object) -> Iterator[tuple[Place, object]]:
    """Every single change of a JSON value: where, and the whole value with it.

    Integers by 1 both ways, floats by a millionth of themselves (zeros by a millionth), other
    text, the other boolean, something for null, lists with an entry dropped, doubled or swapped
    with the next.
    """
    match document:
        case bool():
            yield (), not document
        case int():
            yield (), document + 1
            yield (), document - 1
        case float():
            yield (), document * (1 + 1e-6) if document else 1e-6
            yield (), document * (1 - 1e-6) if document else -1e-6
        case str():
            yield (), f"{document}0"
            yield (), document[:-1] + ("1" if document[-1:] == "0" else "0")
        case list():
            yield from _changes_of_list(cast("list[object]", document))
        case dict():
            document = cast("Json", document)
            for key, value in document.items():
                for place, changed in changes(value):
                    yield (key, *place), {**document, key: changed}
        case _:
            yield (), 1


def _changes_of_list(document: list[object]) -> Iterator[tuple[Place, object]]:
    for index, value in enumerate(document):
        before, after = document[:index], document[index + 1 :]
        yield (index,), [*before, *after]
        yield (index,), [*before, value, value, *after]
        if after and after[0] != value:
            yield (index, "swapped"), [*before, after[0], value, *after[1:]]
        for place, changed in changes(value):
            yield (index, *place), [*before, changed, *after]
