from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import incident
from baton.reports.report_markdown import as_markdown


def test_a_hostile_name_stays_in_its_cell() -> None:
    """A service name cannot end a table row, open HTML or start a heading."""
    hostile = replace(incident.OVERFLOW, from_services=("a|b\n# c <img src=x>",))
    shown = as_markdown(replace(incident.REPORT, findings=(hostile,)))
    assert r"| sender | trading (a\|b\\n\# c &lt;img src=x&gt;) |" in shown
    assert "<img" not in shown


def test_a_command_stays_in_its_fence() -> None:
    """A folder's name cannot close the block of commands."""
    shown = as_markdown(replace(incident.REPORT, store=Path("a\n```\n# b")))
    fences = [line for line in shown.splitlines() if line.startswith("```")]
    assert fences == ["```sh", "```"] * 2


def test_empty_sections_say_none() -> None:
    """Sections without content say so."""
    assert as_markdown(incident.CALM).endswith("## Blind spots\n\n- none\n\n## Traffic without an owner\n\n- none\n")
