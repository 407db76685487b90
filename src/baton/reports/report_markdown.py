"""`baton report --format markdown`: the same words as on a terminal, to paste into an incident's record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.reports import finding as words
from baton.reports import summary
from baton.reports.table import some
from baton.reports.text import clean, markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from baton.reports.model import Finding, Report


def as_markdown(report: Report) -> str:
    """The report in GitHub's Markdown."""
    return "\n".join(_lines(report)) + "\n"


def finding_as_markdown(finding: Finding, store: Path) -> str:
    """One finding of this store, told as the report tells it."""
    return "\n".join(_finding(f"# {markdown(words.headline(finding))}", finding, store)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    """The report, top to bottom."""
    yield "# Baton report"
    yield ""
    yield f"**{markdown(summary.outcome(report))}**"
    yield ""
    yield from _table(summary.head(report))
    for number, finding in enumerate(words.by_boundary(report.findings), start=1):
        yield ""
        yield from _finding(f"## {number}. {markdown(words.headline(finding))}", finding, report.store)
    yield from _list("Blind spots", report.blind)
    yield from _list("Traffic without an owner", summary.unowned(report))


def _finding(heading: str, finding: Finding, store: Path) -> Iterator[str]:
    """Sentence, facts, evidence, next commands."""
    yield heading
    yield ""
    yield from _table(words.facts(finding))
    if finding.evidence:
        yield ""
        yield from (f"- {markdown(sentence)}" for sentence in some(finding.evidence))
    if commands := words.commands(finding, store):
        # Within a fence only a line that starts with backticks is obeyed, and a command starts with its name.
        yield from ("", "```sh", *map(clean, commands), "```")


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Label and value a row."""
    yield "| | |"
    yield "| --- | --- |"
    yield from (f"| {label} | {markdown(value)} |" for label, value in rows)


def _list(title: str, sentences: Sequence[str]) -> Iterator[str]:
    """A section of bullets, or that there is nothing to list."""
    yield ""
    yield f"## {title}"
    yield ""
    yield from (f"- {markdown(sentence)}" for sentence in some(sentences) or ["none"])
