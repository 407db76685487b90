"""Periods: the dates of a catalog cut time into pieces in which nothing changes hands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baton.limits import TIME_NS_MAX

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

PERIOD = "period"
"""Column of looks, where the catalog has dates: the number of the period in which their spans began (Int64)."""


def periods(starts: pl.Series, cuts: tuple[int, ...]) -> NDArray[np.int64]:
    """The period of each time: how many of the cuts (`rules.Rules.cuts`, ns) it does not come before.

    Args:
        starts: Int64, ns, without nulls.
        cuts: sorted.
    """
    return np.searchsorted(np.array(cuts, dtype=np.int64), starts.to_numpy(), side="right").astype(np.int64)


def within(period: int | None, cuts: tuple[int, ...]) -> int:
    """A time within the period, ns; of null, without dates, any."""
    if not cuts or period is None:
        return TIME_NS_MAX
    return cuts[period - 1] if period else cuts[0] - 1
