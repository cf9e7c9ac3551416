"""The picture of times to a proof."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmarks.plot import Strip, strips_of, times_to_gap


@dataclass(frozen=True)
class Timed:
    """A series of a benchmark."""

    series: str
    times_ms: tuple[float | None, ...]


@dataclass(frozen=True)
class Counted:
    """A row of another benchmark."""

    runs: int


def test_series_with_times_become_strips() -> None:
    strips = strips_of([(Timed("12x12", (3.0, None)), Timed("none", (None,))), (Counted(2),)])
    assert strips == [Strip("12x12", (3.0, None), is_rival=False)]


def test_every_case_is_a_dot_further_right_the_longer_it_took() -> None:
    picture = times_to_gap([Strip("a", (5.0, 50.0, 500.0), is_rival=False)])
    places = [float(place) for place in re.findall(r'cx="([\d.]+)"', picture)]
    assert places == sorted(places)
    assert len(set(places)) == 3


def test_cases_that_stayed_unproven_are_counted() -> None:
    picture = times_to_gap([Strip("a", (5.0, None, None), is_rival=True)])
    assert "2 not proven" in picture
    assert 'class="median"' not in picture
