from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from planner_api.logs import configure_logs
from planner_api.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(autouse=True)
def _restored() -> Generator[None]:  # pyright: ignore[reportUnusedFunction] - a fixture
    root = logging.getLogger()
    handlers, level, configuration = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**configuration)


def test_our_lines_are_json_if_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(load_settings(log_format="json"))
    structlog.stdlib.get_logger("test").info("planned", latency_us=270)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["latency_us"]) == ("planned", "info", 270)


def test_lines_of_libraries_look_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(load_settings(log_format="json"))
    logging.getLogger("library").warning("careful")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"]) == ("careful", "warning")


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(load_settings(log_level="error"))
    structlog.stdlib.get_logger("test").info("planned")
    assert capsys.readouterr().err == ""


def test_an_exception_is_logged_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(load_settings(log_format="json"))
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logging.getLogger("library").exception("broken")
    assert "ZeroDivisionError" in json.loads(capsys.readouterr().err)["exception"]
