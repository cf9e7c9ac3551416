"""Whole sets of documents, found and checked: those of a request, and those behind a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from planner_api.commands.inputs import (
    device_of,
    document_of,
    local_registry,
    lookup_in,
    model_of,
    read_request,
)
from planner_api.services.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plan_contracts import DeviceProfile, ImportanceTable, ModelManifest
    from planner_api.optimizer.problem import PlanInputs
    from planner_api.services.ports import Kind


class MadeFrom(NamedTuple):
    """What a plan was made from."""

    device: DeviceProfile
    model: ModelManifest
    importance: ImportanceTable


def inputs_of(place: str, given: Mapping[Kind, str], database: str | None) -> PlanInputs:
    """The documents of the request in a file, `given` ones in place of its own."""
    with local_registry(database) as registry:
        lookup = lookup_in(registry)
        return resolve(read_request(place, given, lookup), lookup).inputs


def documents_of(*, device: str, model: str, importance: str, database: str | None) -> MadeFrom:
    """The documents of these files, names or digests."""
    with local_registry(database) as registry:
        lookup = lookup_in(registry)
        return MadeFrom(
            device_of(device, lookup),
            model_of(model, lookup),
            cast("ImportanceTable", document_of("importance", importance, lookup)),
        )
