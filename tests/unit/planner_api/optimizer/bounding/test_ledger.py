from __future__ import annotations

import numpy as np

from builders import e1_json
from instances import problem_of
from planner_api.optimizer.bounding.bounds import upper_bounds
from planner_api.optimizer.bounding.ledger import Ledger
from planner_api.optimizer.bounding.multipliers import Multipliers
from planner_api.optimizer.bounding.tables import tables_of
from planner_api.optimizer.problem import Pair

PAIR = Pair(2, 2)


def _ledger(**target: object) -> Ledger:
    problem = problem_of(e1_json(**target))
    return Ledger(problem, tables_of(problem))


def _priced(ledger: Ledger, path: tuple[float, float]) -> None:
    problem = problem_of(e1_json())
    prices = Multipliers(path=np.array(path), buffer=None, memory=None, preload=0.0)
    ledger.prove(upper_bounds(problem, tables_of(problem), prices), prices)


def test_nothing_but_the_table_is_known_at_first() -> None:
    assert {bound.kind for bound in _ledger().certificate(0.0)} == {"table"}


def test_a_pair_that_computes_too_long_is_not_open() -> None:
    assert PAIR not in _ledger(latency_us=199).open_pairs(-np.inf)


def test_open_pairs_come_with_the_largest_bound_first() -> None:
    ledger = _ledger()
    ceilings = [ledger.ceiling(pair) for pair in ledger.open_pairs(-np.inf)]
    assert ceilings == sorted(ceilings, reverse=True)


def test_prices_lower_a_bound_and_are_its_proof() -> None:
    ledger = _ledger()
    before = ledger.ceiling(PAIR)
    _priced(ledger, (0.0, 0.2))
    bound = next(b for b in ledger.certificate(0.0) if (b.depth, b.width) == PAIR)
    assert ledger.ceiling(PAIR) < before
    assert (bound.kind, bound.path) == ("lagrangian", (0.0, 0.2))


def test_worse_prices_change_nothing() -> None:
    ledger = _ledger()
    _priced(ledger, (0.0, 0.2))
    known = ledger.ceiling(PAIR)
    _priced(ledger, (0.0, 100.0))
    assert ledger.ceiling(PAIR) == known


def test_the_word_of_a_solver_is_said_to_be_one() -> None:
    ledger = _ledger()
    ledger.take_word(PAIR, 116.0)
    bound = next(b for b in ledger.certificate(0.0) if (b.depth, b.width) == PAIR)
    assert (bound.kind, bound.upper_bound) == ("solver", 116.0)


def test_pairs_proven_empty_count_for_nothing() -> None:
    ledger = _ledger()
    for pair in ledger.open_pairs(-np.inf):
        ledger.take_word(pair, -np.inf)
    assert ledger.largest(ledger.certificate(0.0)) == -np.inf


def test_the_table_serves_where_it_proves_enough() -> None:
    ledger = _ledger()
    _priced(ledger, (0.0, 0.2))
    assert {bound.kind for bound in ledger.certificate(np.inf)} == {"table"}
