from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import incident
from baton.reports.who import as_text
from baton.reports.who_json import as_json

if TYPE_CHECKING:
    from baton.reports.who_model import Who


def text(who: Who, *, explain: bool = False) -> str:
    """The answer at 120 columns."""
    return as_text(who, explain=explain, width=120, color=False)


def test_owner_and_escalation_come_first() -> None:
    """Whom to wake stands in the first lines."""
    first = text(incident.WHO).splitlines()[:4]
    assert first == [
        "wealth.events: channel, owned by messaging",
        "",
        "owner        messaging (Messaging platform)",
        "escalation   #messaging-oncall",
    ]


def test_dependents_and_upstream() -> None:
    """The journeys that depend on it and what it receives from are listed with their traffic."""
    shown = text(incident.WHO)
    assert "- trade-confirmation (critical, of wealth): 60 of 80 journeys, 75.0%" in shown
    assert "- receives from market-data of market-data over wealth.events: 800 handoffs" in shown


def test_rules_are_shown_where_they_are_to_be_explained() -> None:
    """Each with its source, dates and what became of it; else only what decided."""
    rule = "- channel wealth.events -> trading (catalog-info.yaml): conflicts, and lost"
    assert rule in text(incident.WHO, explain=True)
    assert rule not in text(incident.WHO)
    assert "an exact name comes before a glob" in text(incident.WHO)


def test_unowned_says_what_to_do() -> None:
    """Of a thing without owner the next step is named."""
    assert "no rule matches it: add the service to a team's `owns` in ownership.yaml" in text(incident.WHO_UNOWNED)


def test_no_escalation_says_what_to_do() -> None:
    """Of a team without escalation the next step is named."""
    (thing,) = incident.WHO.things
    silent = replace(thing, party=replace(thing.party, escalation=None))
    assert "none stated: add `escalation`" in text(replace(incident.WHO, things=(silent,)))


def test_tenants_are_told_where_there_are_several() -> None:
    """What is said of a name is said of all its homes together: which these are is no secret."""
    (thing,) = incident.WHO.things
    both = replace(thing, homes=(("acme", "prod"), ("default", "prod")))
    assert "tenant acme, environment prod, tenant default" in text(replace(incident.WHO, things=(both,)))


def test_json_has_all_of_it() -> None:
    """Every rule and figure; times are RFC 3339."""
    told = json.loads(as_json(incident.WHO))
    assert (told["name"], told["as_of"], told["since"]) == ("wealth.events", "2025-03-14T09:26:53.589793238Z", None)
    (thing,) = told["things"]
    assert [rule["outcome"] for rule in thing["verdicts"][0]["rules"]] == ["decides", "conflict", "outranked", "lapsed"]
    assert thing["figures"]["sent"] == {"delivered": 832, "dropped": 28}
    assert thing["figures"]["first"] == "2025-03-14T09:26:53.589793238Z"
