"""Every text that people read, of the wealth platform's incident, as they see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import incident
from baton.reports import boundaries, findings, handoffs, journey, recovery, report, report_markdown, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    Golden = Callable[[str, str], None]

FOUND = incident.REPORT.findings

TERMINALS = {
    "findings": lambda **screen: findings.as_table(FOUND, **screen),
    "finding": lambda **screen: report.finding_as_text(FOUND[0], incident.REPORT.store, **screen),
    "report": lambda **screen: report.as_text(incident.REPORT, **screen),
    "report-calm": lambda **screen: report.as_text(incident.CALM, **screen),
    "report-empty": lambda **screen: report.as_text(incident.EMPTY, **screen),
    "journey": lambda **screen: journey.as_text(incident.JOURNEY, **screen),
    "boundaries": lambda **screen: boundaries.as_table(incident.BOUNDARIES, **screen),
    "handoffs": lambda **screen: handoffs.as_table(incident.handoffs(), **screen),
}

FILES = {
    "findings.md": lambda: findings.as_markdown(FOUND),
    "findings.json": lambda: rows.as_json(incident.FINDINGS),
    "findings.csv": lambda: rows.as_csv(incident.FINDINGS),
    "finding.md": lambda: report_markdown.finding_as_markdown(FOUND[0], incident.REPORT.store),
    "recover.csv": lambda: recovery.as_csv(incident.RECOVERY),
    "recover.json": lambda: rows.as_json(incident.RECOVERY),
    "recover.md": lambda: recovery.as_markdown(incident.RECOVERY),
    "report.md": lambda: report_markdown.as_markdown(incident.REPORT),
    "report-calm.md": lambda: report_markdown.as_markdown(incident.CALM),
    "boundaries.md": lambda: rows.as_markdown(incident.BOUNDARIES),
    "boundaries.json": lambda: rows.as_json(incident.BOUNDARIES),
    "boundaries.csv": lambda: rows.as_csv(incident.BOUNDARIES),
    "handoffs.md": lambda: handoffs.as_markdown(incident.handoffs()),
    "handoffs.json": lambda: rows.as_json(incident.handoffs()),
    "handoffs.ndjson": lambda: rows.as_ndjson(incident.handoffs()),
    "handoffs.csv": lambda: rows.as_csv(incident.handoffs()),
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", TERMINALS)
def test_terminal(name: str, width: int, golden: Golden) -> None:
    """What a terminal of 80 or 120 columns shows is what was last read and approved, and no line is wider."""
    text = TERMINALS[name](width=width, color=False)
    assert max(map(len, text.splitlines())) <= width
    golden(f"{name}.{width}.txt", text)


@pytest.mark.parametrize("name", FILES)
def test_file(name: str, golden: Golden) -> None:
    """What a file or a paste holds is what was last read and approved."""
    golden(name, FILES[name]())
