from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import builders
from planner_api.demo.service import running_service
from planner_api.errors import InvalidRequestError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_service_of_its_own_answers_and_ends(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        answer = service.plan(builders.request(builders.e1_json()))
    assert answer.certificate is not None
    assert answer.certificate.objective == 116


def test_a_refused_request_says_why(tmp_path: Path) -> None:
    unknown = builders.request({**builders.e1_json(), "device": "nobody"})
    with running_service(tmp_path) as service, pytest.raises(InvalidRequestError, match="nobody"):
        service.plan(unknown)


def test_a_service_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    (tmp_path / "service.db").write_text(json.dumps("no database"))
    with (
        pytest.raises(UnavailableError, match="did not start"),
        running_service(tmp_path),
    ):
        pass
