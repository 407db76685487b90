from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from baton.ownership import coverage, seen
from baton.ownership.catalog import EMPTY, Catalog
from recording import LATER, Recording, analysed, ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton.analysis import Analysis

OWNERS = """
teams:
  - name: trade
    owns: {services: [trading], attributes: {app.domain: trading}}
  - name: messages
    owns: {services: [notify], queues: [sms-q]}
journey_types:
  - {name: purchase, entry: {service: trading, span: buy}, owner: trade}
  - {name: sale, entry: {service: trading, span: sell}, owner: messages}
"""


def handed(analysis: Analysis) -> pl.DataFrame:
    """HANDED of an analysis."""
    return analysis.handoffs.select(coverage.HANDED)


def counted(recording: Recording, catalog: Catalog) -> dict[str, tuple[int, int]]:
    """Owned and total by what is covered."""
    analysis = analysed(recording, catalog=catalog)
    rows = handed(analysis)
    served = coverage.services(seen.traffic(analysis.spans))
    shares = coverage.shares(served, coverage.places(rows), coverage.journeys(rows, catalog))
    return {what: (owned, total) for what, owned, total, *_ in shares.iter_rows()}


def test_nothing_is_covered_of_nothing() -> None:
    """Without spans there is nothing to own, and no share of it."""
    served = coverage.services(seen.traffic(analysed(Recording()).spans))
    rows = handed(analysed(Recording()))
    shares = coverage.shares(served, coverage.places(rows), coverage.journeys(rows, EMPTY))
    assert shares["total"].to_list() == [0] * 4
    assert shares["share"].null_count() == 4


def test_a_service_is_owned_if_all_of_its_spans_are(catalog: Callable[[str], Catalog]) -> None:
    """A rule on an attribute owns a part; tenants and environments count apart."""
    recording = Recording()
    recording.span("trading")
    recording.span("shared", attributes={"app.domain": "trading"})
    recording.span("shared")
    recording.span("shared", attributes={"app.domain": "trading"}, tenant="markets")
    recording.span("trading", environment="test")
    assert counted(recording, catalog(OWNERS))["spans"] == (4, 5)
    assert counted(recording, catalog(OWNERS))["services"] == (3, 4)


def test_a_channel_is_owned_by_its_queue_or_itself(catalog: Callable[[str], Catalog]) -> None:
    """A message without a destination has none; one whose queue nobody knows says nothing beside others."""
    recording = Recording()
    recording.flow([0, 1, 2], lost=[1], channel="sms-q")
    recording.flow([0, 1], channel="orders")
    recording.send(at=5, channel=None)
    assert counted(recording, catalog(OWNERS))["channels"] == (1, 2)
    rows = handed(analysed(recording)).filter(pl.col("channel") == "sms-q")
    rows = rows.with_columns(queue=pl.when(pl.int_range(pl.len()) > 0).then(pl.lit("sms-q")))
    assert coverage.places(rows)["messages"].sum() == 2


def test_a_journey_is_owned_if_its_type_is(catalog: Callable[[str], Catalog]) -> None:
    """Journeys that hand nothing over do not count; those of no declared type are nobody's."""
    recording = Recording()
    recording.send(at=0, under=recording.span("trading", 0, "buy"))
    recording.send(at=1, under=recording.span("trading", 1, "look"))
    recording.span("trading", 2, "buy")
    assert counted(recording, catalog(OWNERS))["journeys"] == (1, 2)


@pytest.mark.parametrize(("dates", "owned"), [("", 1), ("until: 2026-01-01", 0), ("from: 2026-12-01", 0)])
def test_a_journey_is_judged_by_the_owners_of_its_day(
    catalog: Callable[[str], Catalog], dates: str, owned: int
) -> None:
    """A type whose owner's dates do not hold when it hands over has no owner then."""
    assert ns(LATER) < 1_796_000_000_000_000_000
    recording = Recording()
    recording.send(at=0, under=recording.span("trading", 0, "buy"))
    declared = OWNERS.replace("  - name: trade\n", f"  - name: trade\n    {dates}\n")
    assert counted(recording, catalog(declared))["journeys"] == (owned, 1)
