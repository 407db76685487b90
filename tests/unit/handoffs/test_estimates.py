from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from baton.handoffs.estimates import estimated
from recording import ns

if TYPE_CHECKING:
    from collections.abc import Callable

    Messages = Callable[..., pl.DataFrame]

ADDED = ("tail", "tail_services", "estimate_sends", "estimate_missing", "estimate_low", "estimate_high")
TAILS = pl.DataFrame({"environment": ["", "prod"], "service": ["notify", "trading"]})
AS_OF = ns(1000)


def test_nothing_is_estimated_where_nothing_samples(messages: Messages) -> None:
    """Without a declaration and without a threshold the columns are there, and empty."""
    rows, found = estimated(messages({}, without=ADDED), TAILS.head(0), AS_OF)
    assert found.is_empty()
    assert rows.select(ADDED).row(0) == (False, None, None, None, None, None)


@pytest.mark.parametrize(
    ("missing", "of", "low", "high"), [(0, 20, 0.0, 0.1611), (1, 20, 0.0089, 0.2361), (20, 20, 0.8389, 1.0)]
)
def test_the_interval_is_wilsons(messages: Messages, missing: int, of: int, low: float, high: float) -> None:
    """Worked by hand from its formula: none of 20 is z²/(20 + z²) at most; a boundary of which a side is declared."""
    told = [{"send": number, "row": None if number < missing else 90, "first_ns": None} for number in range(of)]
    told = [{**row, "first_ns": None if row["row"] is None else ns(1), "service": "trading"} for row in told]
    rows, found = estimated(messages(*told, without=ADDED), TAILS, AS_OF)
    row = found.row(0, named=True)
    assert (row["sends"], row["missing"]) == (of, missing)
    assert (row["low"], row["high"]) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert rows["tail"].all()
    assert rows["tail_services"][0].to_list() == ["notify"]


def test_only_what_is_due_and_kept_is_counted(messages: Messages) -> None:
    """What may still come, and what a threshold leaves out, says nothing of losses."""
    due = {"threshold": 8, "randomness": 8}
    told = [due, {**due, "randomness": 7}, {**due, "deadline_at_ns": AS_OF + 1}, {**due, "relation": "onward"}]
    rows, found = estimated(
        messages(*({"send": number, **row} for number, row in enumerate(told)), without=ADDED), TAILS.head(0), AS_OF
    )
    assert found.select("sends", "missing").row(0) == (1, 1)
    assert not rows["tail"].any()
