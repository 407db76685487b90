from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import OUTAGES_INTERVAL_S, SECOND_NS
from baton.schema import OUTAGES
from baton.serve import outages as module
from baton.serve.outages import Refusals

if TYPE_CHECKING:
    import pytest

APART_NS = int(OUTAGES_INTERVAL_S * SECOND_NS)


def test_refusals_near_in_time_are_one_interval() -> None:
    """It lasts from the first to the last, counts them, and gives the first one's reason."""
    refusals = Refusals()
    for at_ns in (10, 10, APART_NS, 2 * APART_NS - 1, 3 * APART_NS):
        refusals.note(f"disk full at {at_ns}", at_ns)
    frame = refusals.take()
    assert frame.schema == OUTAGES.schema
    assert frame.rows() == [
        (10, 2 * APART_NS - 1, "refusing", "disk full at 10", 4),
        (3 * APART_NS, 3 * APART_NS, "refusing", f"disk full at {3 * APART_NS}", 1),
    ]
    assert refusals.take().equals(OUTAGES.empty())


def test_what_could_not_be_saved_is_given_back() -> None:
    """It comes before what was noted meanwhile."""
    refusals = Refusals()
    refusals.was_down(1, 2)
    refusals.note("a", 3)
    taken = refusals.take()
    refusals.note("b", 4)
    refusals.give_back(taken)
    assert refusals.take().equals(
        pl.DataFrame(
            [(1, 2, "down", None, 0), (3, 3, "refusing", "a", 1), (4, 4, "refusing", "b", 1)],
            schema=OUTAGES.schema,
            orient="row",
        )
    )


def test_what_waits_to_be_saved_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing can be saved the latest refusals are taken together, none is left out."""
    monkeypatch.setattr(module, "OUTAGES_WAITING_MAX", 3)
    refusals = Refusals()
    for number in range(10):
        refusals.note("full", number * 2 * APART_NS)
    frame = refusals.take()
    assert frame["requests"].to_list() == [1, 1, 8]
    assert frame["end_ns"].to_list()[-1] == 18 * APART_NS
