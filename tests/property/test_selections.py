"""Selections of random tiny problems: room, moves, repairs, exchanges, against plain evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import exhaustive
from instances import problem_of, tiny
from planner_api.optimizer.bounding.bounds import may_hold_plans, upper_bounds
from planner_api.optimizer.bounding.columns import refine
from planner_api.optimizer.bounding.relaxation import Selection, pair_model
from planner_api.optimizer.bounding.screening import reading_only, reading_prices, screen
from planner_api.optimizer.bounding.tables import tables_of
from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.improving.exchange import exchanged
from planner_api.optimizer.improving.headroom import headroom
from planner_api.optimizer.improving.moves import changed, moves_of
from planner_api.optimizer.improving.repair import downgraded, filled, fits, rounded
from planner_api.optimizer.programs.closer import best_of_core, core_of, cut_core, mixed
from planner_api.optimizer.programs.cp_sat import Effort
from planner_api.optimizer.programs.program import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

    from planner_api.optimizer.bounding.relaxation import PairModel

SEEDS = range(40)
ALL = Effort(deterministic_time=10.0, wall_limit_s=60.0)


def _models(seed: int) -> Iterator[PairModel]:
    """The pairs of a tiny problem that may hold plans."""
    problem = problem_of(tiny(seed))
    tables = tables_of(problem)
    live = may_hold_plans(problem, tables)
    for pair in problem.pairs:
        if live[pair.depth - 1, pair.width - 1]:
            yield pair_model(problem, tables, pair)


def _at_random(model: PairModel, random: Generator) -> Selection:
    """Usable states at random, pinned slices among them."""
    slices = np.empty((model.depth, model.pair.width), dtype=np.intp)
    states = np.empty_like(slices)
    for layer in range(model.depth):
        usable = np.isfinite(model.tables.gain[:, layer])
        order = random.permutation(np.flatnonzero(usable.any(axis=0)))
        pinned_first = np.argsort(~model.tables.required[layer][order], kind="stable")
        slices[layer] = order[pinned_first][: model.pair.width]
        for place, index in enumerate(slices[layer]):
            states[layer, place] = random.choice(np.flatnonzero(usable[:, index]))
    return Selection(slices=slices, states=states)


def _selections(seed: int) -> Iterator[tuple[PairModel, Selection]]:
    random = np.random.default_rng(seed)
    for model in _models(seed):
        for _ in range(4):
            yield model, _at_random(model, random)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_fits_is_feasible_and_nothing_else(seed: int) -> None:
    for model, selection in _selections(seed):
        assert fits(model, selection) == evaluate(model.problem, model.choice(selection)).feasible


@pytest.mark.parametrize("seed", SEEDS)
def test_a_selection_survives_being_a_choice(seed: int) -> None:
    for model, selection in _selections(seed):
        choice = model.choice(selection)
        again = model.choice(model.selection(choice))
        assert (again.bits == choice.bits).all()
        assert (again.preload == choice.preload).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_move_changes_what_it_says(seed: int) -> None:
    random = np.random.default_rng(seed)
    for model, selection in _selections(seed):
        moves = moves_of(model, selection, model.free())
        index = int(random.choice(np.flatnonzero(np.isfinite(moves.gained))))
        before = model.totals(selection)
        after = model.totals(changed(selection, [moves.at(index)]))
        assert after.gain.sum() - before.gain.sum() == pytest.approx(moves.gained.flat[index])
        said = moves.read_us.flat[index] + moves.preloaded.flat[index]
        found = (after.read_us - before.read_us).sum()
        found += (after.preloaded_bytes - before.preloaded_bytes).sum()
        assert found == said


@pytest.mark.parametrize("seed", SEEDS)
def test_a_move_that_fits_the_room_leaves_a_selection_that_fits(seed: int) -> None:
    for model, selection in _selections(seed):
        left = headroom(model, model.totals(selection))
        if not left.fits:
            continue
        moves = moves_of(model, selection, model.free())
        for index in np.flatnonzero(np.isfinite(moves.gained)).tolist():
            after = changed(selection, [moves.at(index)])
            assert moves.fits(index, left) == fits(model, after)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_downgraded_and_filled_fits_and_no_upgrade_more_does(seed: int) -> None:
    for model, selection in _selections(seed):
        fitting = downgraded(model, selection, model.free())
        if fitting is None:
            continue
        full = filled(model, fitting, model.free())
        left = headroom(model, model.totals(full))
        assert left.fits
        assert moves_of(model, full, model.free()).upgrades(left) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_exchanges_fit_and_lose_nothing(seed: int) -> None:
    for model, selection in _selections(seed):
        if fits(model, selection):
            better = exchanged(model, selection, model.free(), enough=np.inf)
            assert fits(model, better)
            gained = model.totals(better).gain.sum() - model.totals(selection).gain.sum()
            assert gained >= -1e-12


@pytest.mark.parametrize("seed", SEEDS)
def test_repairs_of_the_best_mix_fit(seed: int) -> None:
    for model in _models(seed):
        refined = refine(model, model.free(), enough=-np.inf, tolerance=1e-9)
        assert all(fits(model, selection) for selection in rounded(model, refined))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_whole_core_holds_the_best_plan(seed: int) -> None:
    optima = exhaustive.solve(tiny(seed)).by_pair
    for model in _models(seed):
        refined = refine(model, model.free(), enough=-np.inf, tolerance=1e-9)
        core = core_of(model, refined, None, least=0.0, most_states=10**6)
        most = max(0.0, refined.bound)
        wanted = Wanted(least=0.0, most=most, close_enough=0.0)
        closed = best_of_core(model, core, wanted, ALL, "by_relaxation")
        best = optima.get((model.pair.depth, model.pair.width))
        if best is None:
            assert (closed.selection, closed.answer.most_gain) == (None, -np.inf)
        else:
            assert closed.selection is not None
            found = evaluate(model.problem, model.choice(closed.selection))
            assert found.feasible
            assert found.objective == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_cuts_rule_out_what_is_better_than_the_best_and_nothing_else(seed: int) -> None:
    optima = exhaustive.solve(tiny(seed)).by_pair
    for model in _models(seed):
        refined = refine(model, model.free(), enough=-np.inf, tolerance=1e-9)
        base = model.problem.pair_base(model.pair)
        best = (optima.get(model.pair, base) - base) / model.unit
        for least, is_there in ((best, model.pair in optima), (best + 0.1, False)):
            core = core_of(model, refined, None, least=least - 1e-9, most_states=10**6)
            wanted = Wanted(least=least, most=max(0.0, refined.bound), close_enough=1.0)
            said = cut_core(model, core, wanted, ALL).answer.most_gain
            assert said is None or not is_there
            # PATH rows are only some of the limits where reads may not run ahead freely.
            assert said == -np.inf or is_there or model.problem.read_ahead is not None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mix_of_known_choices_fits(seed: int) -> None:
    for model in _models(seed):
        refined = refine(model, model.free(), enough=-np.inf, tolerance=1e-9)
        wanted = Wanted(least=0.0, most=max(0.0, refined.bound), close_enough=0.0)
        selection = mixed(model, refined.columns, wanted, ALL).selection
        assert selection is None or fits(model, selection)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_plan_scores_more_than_the_screening_says(seed: int) -> None:
    problem, optima = problem_of(tiny(seed)), exhaustive.solve(tiny(seed)).by_pair
    tables = tables_of(problem)
    for price in reading_prices(tables):
        bounds = screen(problem, tables, price)
        for (depth, width), best in optima.items():
            assert bounds[depth - 1, width - 1] >= best - 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_a_screening_s_prices_prove_what_it_says(seed: int) -> None:
    for model in _models(seed):
        problem, pair = model.problem, model.pair
        tables = tables_of(problem)
        for price in reading_prices(tables):
            prices = reading_only(problem, tables, pair.depth, price)
            proven = upper_bounds(problem, tables, prices)[pair.width - 1]
            said = screen(problem, tables, price)[pair.depth - 1, pair.width - 1]
            assert proven <= said + 1e-9 * max(1.0, abs(said))
