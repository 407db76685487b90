"""`baton report` for a terminal: the head, the findings worst first, the blind spots, what nobody owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from baton.reports import finding as words
from baton.reports import summary
from baton.reports.table import STYLES, bullets, grid, line, numbered, render, some
from baton.reports.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import RenderableType

    from baton.reports.model import Finding, Report


def as_text(report: Report, *, width: int, color: bool) -> str:
    """The report as text of at most `width` columns."""
    return render(_parts(report), width=width, color=color)


def finding_as_text(finding: Finding, store: Path, *, width: int, color: bool) -> str:
    """One finding of this store, told as the report tells it."""
    return render(_finding("", finding, store), width=width, color=color)


def _parts(report: Report) -> Iterator[RenderableType]:
    """The report, top to bottom."""
    yield line(summary.outcome(report), "bold")
    yield ""
    yield grid((label, line(value)) for label, value in summary.head(report))
    for number, finding in enumerate(words.by_boundary(report.findings), start=1):
        yield ""
        yield from _finding(f"{number}. ", finding, report.store)
    yield ""
    yield from _tail(report)


def _finding(ordinal: str, finding: Finding, store: Path) -> Iterator[RenderableType]:
    """Sentence, facts, evidence, next commands."""
    indent = (0, 0, 0, len(ordinal))
    sentence = line(f"{words.headline(finding)}.", STYLES[finding.verdict])
    yield numbered(ordinal, sentence)
    yield Padding(grid((label, line(value)) for label, value in words.facts(finding)), indent)
    if finding.evidence:
        yield Padding(line("evidence", "dim"), indent)
        yield Padding(bullets(some(finding.evidence)), indent)
    if commands := words.commands(finding, store):
        yield Padding(line("see for yourself", "dim"), indent)
        # Not wrapped: a command is there to be copied.
        yield from (Text(f"{' ' * len(ordinal)}{clean(command)}", no_wrap=True) for command in commands)


def _tail(report: Report) -> Iterator[RenderableType]:
    """Blind spots and unowned names, or that there are none."""
    yield line("Blind spots" if report.blind else "Blind spots: none seen.", "bold")
    yield bullets(some(report.blind))
    yield ""
    yield line("Traffic without an owner" if report.unowned else "Traffic without an owner: none.", "bold")
    if report.unowned:
        yield bullets(some(summary.unowned(report)))
        yield line("Name their teams in ownership.yaml; `baton who NAME` shows what depends on one.")
