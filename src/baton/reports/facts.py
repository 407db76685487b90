"""`baton broker show` for a terminal: one line a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baton.limits import TABLE_ROWS_MAX
from baton.reports.table import columns, line, lines, render
from baton.reports.times import duration, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl
    from rich.console import RenderableType

_HEADS = (
    ("queue", False),
    ("limit", True),
    ("overflow", False),
    ("ttl", True),
    ("priorities", True),
    ("dead letter", False),
    ("waiting", True),
    ("consumers", True),
    ("policy", False),
)


def as_table(frame: pl.DataFrame, *, width: int, color: bool) -> str:
    """The queues (frame of `queries.broker_queues`) as a table of at most `width` columns and TABLE_ROWS_MAX rows."""
    return render(_parts(frame), width=width, color=color)


def _parts(frame: pl.DataFrame) -> Iterator[RenderableType]:
    """The table, how old it is, and what it leaves out."""
    if frame.is_empty():
        yield line(
            "No broker's queues are known: `baton broker snapshot URL` asks one, `baton broker load FILE` reads."
        )
        return
    table = columns(_HEADS)
    for row in frame.head(TABLE_ROWS_MAX).iter_rows(named=True):
        table.add_row(*_cells(row))
    yield table
    if frame.height > TABLE_ROWS_MAX:
        yield line(f"{TABLE_ROWS_MAX} of {frame.height:,} queues.")
    yield line(f"Looked at {moment(frame['looked_ns'].max())}.", "dim")  # type: ignore[arg-type]  # of an Int64 column


def _cells(row: Mapping[str, Any]) -> Iterator[RenderableType]:
    """One queue's cells; a dash where there is no limit, or nothing is known."""
    yield lines(line(row["name"]), line(_place(row), "dim"))
    yield lines(line(_number(row["messages_max"])), line("" if row["bytes_max"] is None else f"{row['bytes_max']:,} B"))
    yield line(row["overflow"] or "-")
    yield line("-" if row["ttl_ns"] is None else duration(row["ttl_ns"]))
    yield line(_number(row["priorities"]))
    yield line(_dead_letter(row))
    yield line(_number(row["waiting"]))
    yield line(_number(row["consumers"]))
    yield line(row["policy"] or "-")


def _place(row: Mapping[str, Any]) -> str:
    """Kind and where: what tells queues of one name apart."""
    places = (row["tenant"], row["environment"], row["broker"], row["vhost"])
    return " ".join(word for word in (row["kind"], *places) if word)


def _dead_letter(row: Mapping[str, Any]) -> str:
    exchange, key = row["dead_letter"], row["dead_letter_routing"]
    if exchange is None:
        return "-"
    return f"{exchange or 'default exchange'}" + ("" if key is None else f", {key}")


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
