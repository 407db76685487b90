from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from baton.handoffs.deadline import deadlines
from recording import SECOND, ns

_SCHEMA = {
    **dict.fromkeys(("sent_ns", "deadline_ns", "declared_ns", "journey_deadline_ns"), pl.Int64),
    **dict.fromkeys(("relation", "subscription", "expected_by"), pl.String),
}
_LEARNED = {
    "sent_ns": ns(10),
    "deadline_ns": 5 * SECOND,
    "relation": "expected",
    "subscription": "s",
    "expected_by": "learned",
}


@pytest.mark.parametrize(
    ("told", "at", "source"),
    [
        ({}, 15, "learned"),
        ({"expected_by": "bound"}, 15, "bound"),
        ({"declared_ns": 2 * SECOND}, 12, "declared"),
        ({"declared_ns": 9 * SECOND}, 19, "declared"),
        ({"journey_deadline_ns": ns(60)}, 60, "declared"),
        ({"journey_deadline_ns": ns(3)}, 10, "declared"),
        ({"declared_ns": 2 * SECOND, "journey_deadline_ns": ns(60)}, 12, "declared"),
        ({"relation": "onward", "declared_ns": 2 * SECOND}, 12, None),
        ({"subscription": None, "expected_by": None}, 15, None),
        ({"subscription": None, "declared_ns": 2 * SECOND}, 12, None),
    ],
)
def test_the_order_of_sources(told: dict[str, Any], at: float, source: str | None) -> None:
    """The channel's declaration, the journey type's (never before the send), what was learned; nobody expected: none."""
    row = deadlines(pl.DataFrame([{**_LEARNED, **told}], schema=_SCHEMA)).row(0, named=True)
    assert (row["deadline_at_ns"], row["expected_by"]) == (ns(at), source)
