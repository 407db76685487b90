from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import incident
from baton.limits import LIST_LINES_MAX
from baton.reports.report import as_text


def text(report: object, width: int = 120) -> str:
    """The report without colour."""
    return as_text(report, width=width, color=False)


def test_the_answer_comes_first() -> None:
    """The first line says how many were dropped."""
    assert text(incident.REPORT).startswith("28 handoffs were dropped, nothing is stuck.")


def test_an_all_clear_is_plain() -> None:
    """That nothing was dropped is said outright, and that there is no blind spot as well."""
    shown = text(incident.CALM)
    assert shown.startswith("Nothing was dropped, nothing is stuck.\n")
    assert "Blind spots: none seen." in shown


def test_commands_are_never_wrapped() -> None:
    """A command to copy stays on one line, however narrow the screen."""
    store = Path("/srv/" + "deep/" * 30)
    command = f"   baton journey {incident.TRACES[0]} --store {store}"
    assert command in text(replace(incident.REPORT, store=store), width=60).splitlines()


def test_long_lists_are_counted() -> None:
    """Hundreds of blind spots fill no screen."""
    shown = text(replace(incident.REPORT, blind=("blind",) * (LIST_LINES_MAX + 300)))
    assert shown.count("- blind\n") == LIST_LINES_MAX
    assert "- and 300 more" in shown
