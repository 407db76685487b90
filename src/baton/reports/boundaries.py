"""`baton boundaries` for a terminal: one line a boundary, worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baton.limits import TABLE_ROWS_MAX
from baton.reports.table import columns, line, lines, render
from baton.reports.times import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl
    from rich.console import RenderableType

_HEADS = (
    ("boundary", False),
    ("sent", True),
    ("dropped", True),
    ("stuck", True),
    ("late", True),
    ("unobserved", True),
    ("p50, p99", True),
)


def as_table(frame: pl.DataFrame, *, width: int, color: bool) -> str:
    """The boundaries (frame of `queries.boundaries`) as a table of at most `width` columns and TABLE_ROWS_MAX rows."""
    return render(_parts(frame), width=width, color=color)


def _parts(frame: pl.DataFrame) -> Iterator[RenderableType]:
    """The table, and what it leaves out."""
    if frame.is_empty():
        yield line("No boundary was crossed in this window: widen --since and --until, or bring in spans.")
        return
    table = columns(_HEADS)
    for row in frame.head(TABLE_ROWS_MAX).iter_rows(named=True):
        table.add_row(*_cells(row))
    yield table
    if frame.height > TABLE_ROWS_MAX:
        yield line(f"{TABLE_ROWS_MAX} of {frame.height:,} boundaries: --format csv or json has them all.")


def _cells(row: Mapping[str, Any]) -> Iterator[RenderableType]:
    """One boundary's cells."""
    way = "by call" if row["channel"] is None else f"{row['channel']} ({row['channel_team']})"
    yield lines(line(f"{_side(row, 'from')} → {_side(row, 'to')}"), line(way, "dim"))
    yield line(f"{row['handoffs']:,}")
    yield lines(line(f"{row['dropped']:,}", _alarm(row["dropped"])), line(f"{row['drop_rate']:.1%}", "dim"))
    yield line(f"{row['stuck']:,}", _alarm(row["stuck"]))
    yield line(f"{row['late']:,}")
    yield line(f"{row['unobserved']:,}")
    yield lines(line(_latency(row["p50_ms"])), line(_latency(row["p99_ms"])))


def _side(row: Mapping[str, Any], side: str) -> str:
    """A side's owner; the service where nobody owns it."""
    team, service = row[f"{side}_team"], row[f"{side}_service"]
    if team is None:
        return "unknown receiver"
    return team if service is None else f"{team} {service}"


def _alarm(count: int) -> str:
    """Red for what is not nothing."""
    return "bold red" if count else ""


def _latency(latency_ms: float | None) -> str:
    """A latency; a dash where nothing arrived."""
    return "-" if latency_ms is None else duration(round(latency_ms * 1_000_000))
