"""`baton findings` for people: of FINDINGS what a person needs, a few lines a finding, worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import TABLE_ROWS_MAX
from baton.reports import finding as words
from baton.reports.rows import as_markdown as frame_as_markdown
from baton.reports.table import STYLES, columns, line, lines, owner, render
from baton.reports.times import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from baton.reports.model import Finding

_HEADS = (("finding", False), ("lost", True), ("handoffs, why, what it cost", False), ("accountable", False))

_MARKDOWN = ("finding", "lost", "of", "handoffs", "verdict", "why", "accountable", "cost", "first", "last", "now")


def as_table(findings: Sequence[Finding], *, width: int, color: bool) -> str:
    """The findings as a table of at most `width` columns and TABLE_ROWS_MAX rows."""
    return render(_parts(findings), width=width, color=color)


def as_markdown(findings: Sequence[Finding]) -> str:
    """The findings as a Markdown table."""
    rows = [dict(zip(_MARKDOWN, _values(finding), strict=True)) for finding in findings]
    figures = {name: pl.Int64() if name in {"lost", "of"} else pl.String() for name in _MARKDOWN}
    return frame_as_markdown(pl.DataFrame(rows, schema=figures))


def _values(finding: Finding) -> Iterator[str | int]:
    yield words.name(finding)
    yield finding.count
    yield finding.handoffs
    yield words.way(finding)
    yield finding.verdict
    yield f"{finding.cause} ({finding.confidence})"
    yield _answer(finding)
    yield words.cost(finding)
    yield moment(finding.first_at)
    yield moment(finding.last_at)
    yield _still(finding)


def _parts(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    """The table, and what it leaves out."""
    if not findings:
        yield line("Nothing was found: no handoff in question was dropped or is stuck.")
        return
    table = columns(_HEADS)
    for finding in findings[:TABLE_ROWS_MAX]:
        table.add_row(*_cells(finding))
    yield table
    if len(findings) > TABLE_ROWS_MAX:
        yield line(f"The first {TABLE_ROWS_MAX} of {len(findings):,} findings: --format ndjson or csv has them all.")


def _cells(finding: Finding) -> Iterator[RenderableType]:
    """One finding's cells."""
    yield lines(line(words.name(finding)), line(f"{moment(finding.first_at)}", "dim"))
    yield lines(line(f"{finding.count:,}", STYLES[finding.verdict]), line(f"of {finding.handoffs:,}", "dim"))
    told = [
        line(words.way(finding)),
        line(f"{finding.verdict}: {finding.cause} ({finding.confidence}), {_still(finding)}"),
    ]
    yield lines(*told, *([line(cost, "dim")] if (cost := words.cost(finding)) else []))
    yield line(_answer(finding))


def _answer(finding: Finding) -> str:
    return "not settled" if finding.accountable_team is None else owner(finding.accountable_team)


def _still(finding: Finding) -> str:
    return "open" if finding.ongoing else "over"
