from __future__ import annotations

from dataclasses import replace

import incident
from baton.reports.who import as_text


def text(who: object) -> str:
    """The answer at 120 columns."""
    return as_text(who, width=120, color=False)


def test_owner_and_escalation_come_first() -> None:
    """Whom to wake stands in the first lines."""
    first = text(incident.WHO).splitlines()[:4]
    assert first == [
        "wealth.events: channel, owned by messaging",
        "",
        "owner       messaging",
        "escalation  #messaging-oncall",
    ]


def test_dependents_and_upstream() -> None:
    """The journeys that depend on it and what it receives from are listed with their traffic."""
    shown = text(incident.WHO)
    assert "- trade-confirmation: 60" in shown
    assert "- market-data of market-data over wealth.events: 800 handoffs" in shown


def test_unowned_says_what_to_do() -> None:
    """Of a thing without owner the next step is named."""
    assert "none matches: add the service to a team's `owns` in ownership.yaml" in text(incident.WHO_UNOWNED)


def test_no_escalation_says_what_to_do() -> None:
    """Of a team without escalation the next step is named."""
    assert "none stated: add `escalation`" in text(replace(incident.WHO, escalation=None))
