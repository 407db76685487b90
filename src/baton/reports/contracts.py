"""`baton contracts check` for a terminal, and as Markdown: breaches first, each with its proof and who answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from baton.limits import TABLE_ROWS_MAX
from baton.reports.rows import as_markdown as rows_as_markdown
from baton.reports.table import bullets, columns, line, lines, names, owner, render
from baton.reports.text import markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

_STYLES = {"holds": "green", "breached": "bold red", "unproven": "magenta"}
_EXEMPLARS_SHOWN = 2
"""Trace ids of one breach in a table; every other form has them all."""
_SHOWN = (
    "contract", "clause", "verdict", "promised", "measured", "judged", "breaches", "unseen", "reason",
    "accountable_team", "escalation", "exemplars",
)  # fmt: skip
"""Columns that people need in a paste."""


def as_table(frame: pl.DataFrame, notes: Sequence[str], *, width: int, color: bool) -> str:
    """CONTRACTS as text of at most `width` columns and TABLE_ROWS_MAX rows, the notes below."""
    return render(_parts(frame, notes), width=width, color=color)


def as_markdown(frame: pl.DataFrame, notes: Sequence[str]) -> str:
    """CONTRACTS as a table, the notes as a list below."""
    listed = "".join(f"- {markdown(note)}\n" for note in notes)
    if frame.is_empty():
        return f"{_NOTHING}\n\n{listed}" if listed else f"{_NOTHING}\n"
    table = f"{summary(frame)}\n\n{rows_as_markdown(frame.select(_SHOWN))}"
    return f"{table}\n{listed}" if listed else table


_NOTHING = "No contract has a clause to check: write contracts.yaml, or let `baton contracts draft` begin one."


def summary(frame: pl.DataFrame) -> str:
    """How many clauses came out how, in one sentence."""
    counts = {verdict: frame.filter(pl.col("verdict") == verdict).height for verdict in _STYLES}
    told = f"{counts['holds']:,} hold, {counts['breached']:,} breached, {counts['unproven']:,} unproven"
    contracts = frame["contract"].n_unique()
    return f"{frame.height:,} clauses of {contracts:,} contract{'' if contracts == 1 else 's'}: {told}."


def _parts(frame: pl.DataFrame, notes: Sequence[str]) -> Iterator[RenderableType]:
    if frame.is_empty():
        yield line(_NOTHING)
    else:
        yield line(summary(frame), "bold")
        yield ""
        table = columns((("verdict", False), ("clause, what was measured, and who answers", False)))
        for row in frame.head(TABLE_ROWS_MAX).iter_rows(named=True):
            table.add_row(*_cells(row, several=frame["tenant"].drop_nulls().n_unique() > 1))
        yield table
        if frame.height > TABLE_ROWS_MAX:
            yield line(f"{TABLE_ROWS_MAX} of {frame.height:,} clauses: --format json has them all.")
    if notes:
        yield ""
        yield line("Of the files", "bold")
        yield bullets(notes)


def _cells(row: Mapping[str, Any], *, several: bool) -> Iterator[RenderableType]:
    """One clause's cells."""
    to = f" → {names(row['receivers'])}" if row["receivers"] else ""
    where = ", ".join(filter(None, [row["tenant"] if several else None, row["environment"]]))
    escalation = f", escalation {names(row['escalation'])}" if row["escalation"] else ""
    yield line(row["verdict"], _STYLES[row["verdict"]])
    yield lines(
        line(f"{row['contract']}: {row['clause']}, {row['promised']}"),
        line(f"{row['sender']}, {row['way']}{to}{f' ({where})' if where else ''}", "dim"),
        line(": ".join(filter(None, [row["measured"], row["reason"]]))),
        line(f"{owner(row['accountable_team'])} answers{escalation}"),
        *(line(f"baton journey {trace_id}", "dim") for trace_id in row["exemplars"][:_EXEMPLARS_SHOWN]),
    )
