from __future__ import annotations

import polars as pl
import pytest

from baton.handoffs.deadline import deadlines
from baton.limits import DURATION_NS_MAX, TIME_NS_MAX
from recording import SECOND, ns

_TIMES = ("sent_ns", "deadline_ns", "declared_ns", "journey_deadline_ns", "agreed_ns", "imported_ns")


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ({}, 15),
        ({"declared_ns": 2 * SECOND}, 12),
        ({"declared_ns": 9 * SECOND}, 19),
        ({"journey_deadline_ns": ns(60)}, 60),
        ({"journey_deadline_ns": ns(3)}, 10),
        ({"declared_ns": 2 * SECOND, "journey_deadline_ns": ns(60)}, 12),
        ({"agreed_ns": 3 * SECOND, "declared_ns": 2 * SECOND, "journey_deadline_ns": ns(60)}, 13),
        ({"imported_ns": 3 * SECOND}, 13),
        ({"imported_ns": 3 * SECOND, "journey_deadline_ns": ns(60)}, 60),
    ],
)
def test_the_order_of_sources(told: dict[str, int], at: float) -> None:
    """Contract, channel, journey type (never before the send), AsyncAPI, what was learned: 5 s after the send."""
    learned = {"sent_ns": ns(10), "deadline_ns": 5 * SECOND}
    rows = pl.DataFrame([{**learned, **told}], schema=dict.fromkeys(_TIMES, pl.Int64))
    assert deadlines(rows)["deadline_at_ns"].to_list() == [ns(at)]


@pytest.mark.parametrize("column", ["deadline_ns", "declared_ns", "agreed_ns"])
def test_an_absurd_send_overflows_nothing(column: str) -> None:
    """A send at the end of all time is due far in the future, not in the past."""
    row = {"sent_ns": TIME_NS_MAX, "deadline_ns": SECOND, column: DURATION_NS_MAX}
    rows = pl.DataFrame([row], schema=dict.fromkeys(_TIMES, pl.Int64))
    assert deadlines(rows)["deadline_at_ns"][0] > ns(0)
