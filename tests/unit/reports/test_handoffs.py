from __future__ import annotations

from typing import TYPE_CHECKING

import incident
from baton.limits import TABLE_ROWS_MAX
from baton.reports.handoffs import as_markdown, as_table

if TYPE_CHECKING:
    import polars as pl


def table(frame: pl.DataFrame) -> str:
    """The table at 80 columns."""
    return as_table(frame, width=80, color=False)


def test_no_rows() -> None:
    """Without rows it says so instead of showing an empty table."""
    assert table(incident.handoffs([])) == "No handoff matches.\n"


def test_a_long_table_says_what_it_leaves_out() -> None:
    """Beyond TABLE_ROWS_MAX rows the rest is counted, and it is said how to get all."""
    rows = [incident.row(number % 60) for number in range(TABLE_ROWS_MAX + 1)]
    last = table(incident.handoffs(rows)).splitlines()[-1]
    assert last == f"The first {TABLE_ROWS_MAX} of {TABLE_ROWS_MAX + 1} handoffs: --format ndjson or csv has them all."


def test_calls_and_unknown_receivers() -> None:
    """A call names no channel, an unknown receiver is called one."""
    assert "trading → unknown receiver by call" in table(
        incident.handoffs([incident.row(0, channel=None, to_team=None)])
    )


def test_unowned_parties_are_named_by_their_service() -> None:
    """Without an ownership file the services tell the rows apart."""
    frame = incident.handoffs([incident.row(0, from_team="unowned", to_team="unowned")])
    assert "unowned trade-execution → unowned" in as_table(frame, width=80, color=False)


def test_skewed_clocks() -> None:
    """A receipt before its send shows a negative time rather than none."""
    assert "in -5.0 ms" in table(incident.handoffs([incident.delivered(0, -5)]))


def test_markdown_holds_every_row() -> None:
    """Markdown is for the record: no row is left out."""
    rows = [incident.row(number % 60) for number in range(TABLE_ROWS_MAX + 1)]
    assert len(as_markdown(incident.handoffs(rows)).splitlines()) == TABLE_ROWS_MAX + 3
