"""Prices of reading to screen all pairs with: where shards of a problem change their bitwidth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from instances import midsize, problem_of
from planner_api.optimizer.bounding.screening import reading_prices
from planner_api.optimizer.bounding.tables import Tables, tables_of


def _tables() -> Tables:
    return tables_of(problem_of(midsize(0)))


def test_prices_rise_and_are_positive() -> None:
    prices = reading_prices(_tables())
    assert prices == sorted(set(prices))
    assert min(prices) > 0


def test_where_no_bitwidth_is_worth_more_than_another_there_is_no_price() -> None:
    tables = _tables()
    alike = np.where(np.isfinite(tables.gain), 1.0, -np.inf)
    assert reading_prices(replace(tables, gain=alike)) == []


def test_where_one_bitwidth_is_left_there_is_no_price() -> None:
    tables = _tables()
    gain = np.where(np.arange(len(tables.gain))[:, None, None] == 0, tables.gain, -np.inf)
    assert reading_prices(replace(tables, gain=gain)) == []
