from __future__ import annotations

import polars as pl
import pytest

from baton.handoffs.outages import came_live, shadows
from baton.limits import TIME_NS_MAX
from baton.schema import OUTAGES
from recording import ns


def outages(*rows: tuple[float, float, str]) -> pl.DataFrame:
    """Outages of (from, until, kind)."""
    told = [
        {"start_ns": ns(from_), "end_ns": ns(until), "kind": kind, "reason": "", "requests": 0}
        for from_, until, kind in rows
    ]
    return pl.DataFrame(told, schema=OUTAGES.schema)


def windows(*rows: tuple[int, int]) -> pl.DataFrame:
    """Windows of (lo, hi) in ns, numbered."""
    schema = {"send": pl.UInt32, "lo_ns": pl.Int64, "hi_ns": pl.Int64, "live": pl.Boolean}
    return pl.DataFrame([(n, *row, True) for n, row in enumerate(rows)], schema=schema, orient="row")


def test_without_outages_nothing_is_in_the_shadow() -> None:
    """No outages, no rows; no windows, no rows."""
    assert shadows(windows((ns(0), ns(1))), OUTAGES.empty()).is_empty()
    assert shadows(windows(), outages((0, 1, "down"))).is_empty()


@pytest.mark.parametrize(
    ("until", "hi", "found"),
    [(9, 20, False), (10, 20, True), (99, 20, True), (10, 12, True)],
)
def test_an_outage_that_touches_the_window_shadows_it(until: float, hi: float, found: bool) -> None:  # noqa: FBT001
    """The shadow ends where the earliest receipt is looked for."""
    seen = shadows(windows((ns(10), ns(hi))), outages((0, until, "down")))
    assert seen["send"].to_list() == ([0] if found else [])


@pytest.mark.parametrize(("from_", "found"), [(42, True), (43, False)])
def test_the_shadow_reaches_as_far_as_exporters_take(from_: float, found: bool) -> None:  # noqa: FBT001
    """A span of the 12th second may be exported until the 42nd."""
    seen = shadows(windows((ns(10), ns(12))), outages((from_, 99, "refusing")))
    assert seen.select("blind_from_ns", "blind_kind").rows() == ([(ns(from_), "refusing")] if found else [])


def test_a_recording_lost_nothing_to_an_outage() -> None:
    """What came long after it happened was not under way when Baton was down."""
    recorded = windows((ns(10), ns(12))).with_columns(live=pl.lit(value=False))
    assert shadows(recorded, outages((0, 99, "down"))).is_empty()
    spans = pl.DataFrame(
        {"row": [0, 1, 2], "start_ns": [ns(0), ns(0), 0], "ingested_at": [ns(3600), ns(3601), ns(0)]},
        schema_overrides={"row": pl.UInt32},
    )
    assert came_live(spans)["live"].to_list() == [True, False, False]


def test_outages_that_overlap_are_one() -> None:
    """A long outage is not forgotten for a short one that began within it."""
    seen = shadows(windows((ns(50), ns(51))), outages((0, 90, "down"), (10, 11, "refusing"), (200, 201, "down")))
    assert seen.rows() == [(0, ns(0), ns(90), "down")]


def test_absurd_times_do_not_overflow() -> None:
    """A window at the end of time is a window."""
    assert shadows(windows((TIME_NS_MAX - 1, TIME_NS_MAX)), outages((0, 1, "down"))).is_empty()
