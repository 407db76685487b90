from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from baton.ownership.periods import periods, within

TIMES = st.integers(0, 50)


@given(st.sets(TIMES, min_size=1), st.lists(TIMES))
def test_a_period_is_known_by_any_time_within(cuts: set[int], times: list[int]) -> None:
    """Between a time and the one that stands for its period lies no cut, and a cut begins its period."""
    ordered = tuple(sorted(cuts))
    for time, period in zip(times, periods(pl.Series(times, dtype=pl.Int64), ordered), strict=True):
        stands = within(int(period), ordered)
        assert [time < cut for cut in ordered] == [stands < cut for cut in ordered]


def test_without_dates_any_time_will_do() -> None:
    """All is one period."""
    assert list(periods(pl.Series([3, 7], dtype=pl.Int64), ())) == [0, 0]
    assert within(None, ()) == within(0, ())
