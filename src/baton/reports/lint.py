"""`baton lint` for people and programs: one row a danger, the gravest first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from baton.limits import TABLE_ROWS_MAX
from baton.reports.rows import RFC3339
from baton.reports.table import columns, line, lines, owner, render
from baton.reports.text import json_escaped, markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

_HEADS = (("severity", False), ("queue", False), ("what is wrong, and the change to make", False))
_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "cyan"}
_COLUMNS = ("severity", "rule", "queue", "owner", "message", "change")

NOTHING = "Nothing that the rules of docs/lint.md look for."


def as_table(frame: pl.DataFrame, *, width: int, color: bool) -> str:
    """LINT as a table of at most `width` columns and TABLE_ROWS_MAX rows."""
    return render(_parts(frame), width=width, color=color)


def as_markdown(frame: pl.DataFrame) -> str:
    """LINT as a Markdown table of every row."""
    if frame.is_empty():
        return f"{NOTHING}\n"
    rows = [" | ".join(markdown(cell) for cell in _cells(row)) for row in frame.iter_rows(named=True)]
    rows = [" | ".join(_COLUMNS), " | ".join("---" for _ in _COLUMNS), *rows]
    return "".join(f"| {row} |\n" for row in rows)


def as_json(frame: pl.DataFrame) -> str:
    """LINT as a JSON array of objects, one a line; of its figures those that the rule was told by."""
    rows = ",\n".join(json_escaped(json.dumps(row, ensure_ascii=False)) for row in objects(frame))
    return f"[\n{rows}\n]\n" if rows else "[]\n"


def objects(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows as JSON has them: times in RFC 3339, and no figure that is null."""
    for row in frame.with_columns(pl.col("at").dt.strftime(RFC3339)).iter_rows(named=True):
        yield {**row, "figures": {name: figure for name, figure in row["figures"].items() if figure is not None}}


def place(row: Mapping[str, Any]) -> str:
    """What a row is about: its queue, its exchange, or the broker."""
    if row["queue"] is not None:
        return str(row["queue"])
    return "the broker" if row["exchange"] is None else f"exchange {row['exchange']}"


def _parts(frame: pl.DataFrame) -> Iterator[RenderableType]:
    """The table, what it leaves out, and how many there are."""
    if frame.is_empty():
        yield line(NOTHING)
        return
    table = columns(_HEADS)
    for row in frame.head(TABLE_ROWS_MAX).iter_rows(named=True):
        where = " ".join(word for word in (row["tenant"], row["environment"], row["broker"], row["vhost"]) if word)
        table.add_row(
            lines(line(row["severity"], _STYLES[row["severity"]]), line(row["rule"], "dim")),
            lines(line(place(row)), line(where, "dim"), line(owner(row["owner"]), "dim")),
            lines(line(row["message"]), line(f"→ {row['change']}", "dim")),
        )
    yield table
    if frame.height > TABLE_ROWS_MAX:
        yield line(f"{TABLE_ROWS_MAX} of {frame.height:,} rows: --format json has them all.")
    counts = dict(frame.group_by("severity").len().iter_rows())
    said = [f"{counts[name]:,} {name}{'' if counts[name] == 1 else 's'}" for name in _STYLES if name in counts]
    yield line(f"{', '.join(said)}.")


def _cells(row: Mapping[str, Any]) -> Iterator[str]:
    yield from (row["severity"], row["rule"], place(row), owner(row["owner"]), row["message"], row["change"])
