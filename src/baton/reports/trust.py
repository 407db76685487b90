"""`baton trust` for people: one boundary a row, those where Baton may not accuse first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from baton.limits import TABLE_ROWS_MAX
from baton.reports.rows import as_markdown as frame_as_markdown
from baton.reports.table import columns, line, lines, render
from baton.reports.times import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

_HEADS = (("may accuse", False), ("boundary, evidence, why not, and what would mend it", False))
_MARKDOWN = ("boundary", "may accuse", "handoffs", "accusable", "evidence", "why not", "what would mend it", "whose")
_STYLES = {"yes": "green", "limited": "bold yellow", "no": "bold red", "unknown": "magenta"}
_METHODS = {
    "context": "context",
    "links": "links",
    "message_ids": "message ids",
    "correlation_ids": "correlation ids",
}


def as_table(frame: pl.DataFrame, *, width: int, color: bool) -> str:
    """TRUST as a table of at most `width` columns and TABLE_ROWS_MAX rows."""
    return render(_parts(frame), width=width, color=color)


def as_markdown(frame: pl.DataFrame) -> str:
    """TRUST as a Markdown table, of each row what people need."""
    homes = _homes(frame)
    rows = [dict(zip(_MARKDOWN, _values(row, homes), strict=True)) for row in _times(frame).iter_rows(named=True)]
    figures = {name: pl.Int64() if name in {"handoffs", "accusable"} else pl.String() for name in _MARKDOWN}
    return frame_as_markdown(pl.DataFrame(rows, schema=figures))


def _parts(frame: pl.DataFrame) -> Iterator[RenderableType]:
    """The table, and what it leaves out."""
    if frame.is_empty():
        yield line("No boundary was crossed in this window: widen --since and --until, or bring in spans.")
        return
    table, homes = columns(_HEADS), _homes(frame)
    for row in _times(frame.head(TABLE_ROWS_MAX)).iter_rows(named=True):
        table.add_row(*_cells(row, homes))
    yield table
    if frame.height > TABLE_ROWS_MAX:
        yield line(f"{TABLE_ROWS_MAX} of {frame.height:,} boundaries: --format json has them all.")


def _times(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its times as nanoseconds."""
    return frame.with_columns(pl.col("facts_at", "as_of").to_physical())


def _homes(frame: pl.DataFrame) -> tuple[str, ...]:
    """What tells boundaries of the same names apart: of tenant and environment those that differ among them."""
    return tuple(name for name in ("tenant", "environment") if frame[name].n_unique() > 1)


def _cells(row: Mapping[str, Any], homes: tuple[str, ...]) -> Iterator[RenderableType]:
    """One boundary's cells."""
    share = line(f"{row['accusable']:,} of {row['handoffs']:,}", "dim")
    yield lines(line(row["may_accuse"], _STYLES[row["may_accuse"]]), share)
    mend = [line(f"→ {_mend(row)}", "bold")] if row["mend"] is not None else []
    yield lines(
        line(_boundary(row, homes)),
        line("; ".join(_evidence(row)), "dim"),
        *(line(f"- {reason}") for reason in row["reasons"]),
        *mend,
    )


def _values(row: Mapping[str, Any], homes: tuple[str, ...]) -> Iterator[str | int | None]:
    """The same as Markdown's cells."""
    yield _boundary(row, homes)
    yield row["may_accuse"]
    yield row["handoffs"]
    yield row["accusable"]
    yield "; ".join(_evidence(row))
    yield "; ".join(row["reasons"])
    yield row["mend"]
    yield row["mend_team"]


def _boundary(row: Mapping[str, Any], homes: tuple[str, ...]) -> str:
    """A boundary in words, with where it lies if that tells it from others."""
    lies = "".join(f", {home} {row[home] or '(none)'}" for home in homes)
    return f"{_side(row, 'from')} → {_side(row, 'to')} {_way(row)}{lies}"


def _side(row: Mapping[str, Any], side: str) -> str:
    """A side's owner; the service where nobody owns it."""
    team, service = row[f"{side}_team"], row[f"{side}_service"]
    if team is None:
        return "unknown receiver"
    return str(team) if service is None else f"{team} {service}"


def _way(row: Mapping[str, Any]) -> str:
    """How its handoffs went."""
    if row["kind"] == "call":
        return "by call"
    return "over no named destination" if row["channel"] is None else f"over {row['channel']} ({row['channel_team']})"


def _evidence(row: Mapping[str, Any]) -> Iterator[str]:
    """What an accusation there rests on, the strongest first; what is not there is left out."""
    shares = [f"{word} {_share(row[name])}" for name, word in _METHODS.items() if row[name] > 0]
    yield ", ".join(shares) if shares else "no receipt was paired"
    if row["deadline"] is not None:
        yield f"deadline {row['deadline']}, learned from {row['learned_from']:,}"
    if row["facts_at"] is not None:
        counting = ", with counters" if row["counters"] else ""
        yield f"broker asked {moment(row['facts_at'])}{counting}"


def _share(share: float) -> str:
    """A share: never 100 % where something is missing, nor 0 % where something is there."""
    if share < 1 and round(share, 3) == 1:
        return "> 99.9%"
    return f"{share:.1%}" if round(share, 3) else "< 0.1%"


def _mend(row: Mapping[str, Any]) -> str:
    whose = "" if row["mend_team"] is None else f" ({row['mend_team']})"
    return f"{row['mend']}{whose}"
