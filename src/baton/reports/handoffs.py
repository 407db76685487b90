"""`baton handoffs` and `baton drops` for people: of the public row what a person needs, two lines a handoff."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from baton.limits import TABLE_ROWS_MAX
from baton.reports.rows import as_markdown as frame_as_markdown
from baton.reports.table import STYLES, columns, line, lines, receiver, render, sender, way
from baton.reports.times import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import polars as pl
    from rich.console import RenderableType

_HEADS = (("sent (UTC)", False), ("verdict", False), ("handoff, trace id", False))

_MARKDOWN = (
    "sent_at",
    "verdict",
    "late",
    "cause",
    "confidence",
    "from_team",
    "from_service",
    "channel",
    "channel_team",
    "to_team",
    "to_service",
    "disposition",
    "accountable_team",
    "journey_type",
    "trace_id",
    "handoff_id",
    "evidence",
)


def as_table(frame: pl.DataFrame, *, width: int, color: bool) -> str:
    """The handoffs (frame of HANDOFFS) as a table of at most `width` columns and TABLE_ROWS_MAX rows."""
    return render(_parts(frame), width=width, color=color)


def as_markdown(frame: pl.DataFrame) -> str:
    """The handoffs (frame of HANDOFFS) as a Markdown table of every row and the columns that a record needs."""
    return frame_as_markdown(frame.select(_MARKDOWN))


def _parts(frame: pl.DataFrame) -> Iterator[RenderableType]:
    """The table, and what it leaves out."""
    if frame.is_empty():
        yield line("No handoff matches.")
        return
    table = columns(_HEADS)
    for row in frame.head(TABLE_ROWS_MAX).iter_rows(named=True):
        table.add_row(*_cells(row))
    yield table
    if frame.height > TABLE_ROWS_MAX:
        yield line(f"The first {TABLE_ROWS_MAX} of {frame.height:,} handoffs: --format ndjson or csv has them all.")


def _cells(row: Mapping[str, Any]) -> Iterator[RenderableType]:
    """One handoff's cells."""
    sent: datetime = row["sent_at"]
    yield lines(line(f"{sent:%H:%M:%S}.{sent.microsecond // 1000:03}"), line(f"{sent:%Y-%m-%d}", "dim"))
    yield lines(line(row["verdict"], STYLES[row["verdict"]]), line(_why(row)))
    yield lines(line(f"{sender(row)} → {receiver(row) or 'unknown receiver'}{way(row)}"), line(row["trace_id"], "dim"))


def _why(row: Mapping[str, Any]) -> str:
    """Of a drop its cause; of an arrival how long it took."""
    if row["cause"] is not None:
        return f"{row['cause']} ({row['confidence']})"
    if row["received_at"] is None:
        return ""
    took: timedelta = row["received_at"] - row["sent_at"]
    return f"{'late, ' if row['late'] else ''}in {duration(took // timedelta(microseconds=1) * 1000)}"
