from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import incident
from baton.reports.finding import by_boundary, commands, facts, headline
from baton.settings import STORE_DEFAULT

FOUND = incident.OVERFLOW


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (
            FOUND,
            (
                "27 of 60 handoffs from trading to notification over wealth.events were dropped "
                "while market-data held 93% of notify-q: overflow (inferred)"
            ),
        ),
        (
            replace(
                FOUND, verdict="stuck", count=1, handoffs=1, cause="receiver_down", confidence="suspected", crowding=()
            ),
            "1 of 1 handoff from trading to notification over wealth.events is stuck: receiver_down (suspected)",
        ),
        (
            incident.SMS_DOWN,
            "1 of 33 calls from notification to an unknown receiver was dropped: call_lost (confirmed)",
        ),
        (
            replace(
                FOUND,
                count=1234,
                handoffs=5678,
                from_team="unowned",
                from_services=("batch", "eod"),
                channel="q",
                crowding=(("eod", "unowned", None, 0.9),),
            ),
            "1,234 of 5,678 handoffs from unowned batch, eod to notification over q were dropped: overflow (inferred)",
        ),
        (
            replace(FOUND, kind="step", channel=None, cause="silent_stop"),
            "27 journeys ended at trade-execution, before notification: silent_stop (inferred)",
        ),
        (
            replace(FOUND, kind="step", channel=None, cause="silent_stop", count=1),
            "1 journey ended at trade-execution, before notification: silent_stop (inferred)",
        ),
    ],
)
def test_headline(finding: object, sentence: str) -> None:
    """One sentence has the figures, both parties, the channel, the verdict, the cause and how sure it is."""
    assert headline(finding) == sentence


def test_facts_name_the_four_teams() -> None:
    """Sender, channel owner, receiver and whoever crowded them out are named, and how to reach the accountable."""
    known = dict(facts(FOUND))
    assert known["accountable"] == "messaging, escalation #messaging-oncall"
    assert known["sender"] == "trading (trade-execution)"
    assert known["channel"] == "messaging (wealth.events, queue notify-q)"
    assert known["receiver"] == "notification (notification)"
    assert "crowded by" not in known
    assert dict(facts(replace(FOUND, accountable_why=None)))["crowded by"] == (
        "market-data (market-data) held 93%, trade-execution (trading, critical) held 7% of the queue"
    )
    assert known["because"] == FOUND.accountable_why
    assert known["resent"] == "4 by the customers themselves: look for duplicates"
    assert "ask next" not in known


def test_facts_say_whom_to_ask() -> None:
    """Where nobody is accountable yet, whom to ask takes that place."""
    known = dict(facts(incident.SMS_DOWN))
    assert known["accountable"] == "not settled"
    assert known["ask next"] == incident.SMS_DOWN.next_to_ask
    assert "channel" not in known


def test_facts_say_what_nobody_owns() -> None:
    """An unowned party is no team: it is said that nobody owns the thing."""
    known = dict(facts(replace(FOUND, from_team="unowned", channel_team="unowned")))
    assert known["sender"] == "nobody owns trade-execution"
    assert known["channel"] == "nobody owns wealth.events, queue notify-q"


def test_facts_say_what_it_cost() -> None:
    """Customers, exact money by currency (an unknown one is called so), what cannot be read or is missing."""
    assert dict(facts(FOUND))["cost"] == (
        "19 customers; 1,234,567.89 EUR, 50 USD, 12.5 in an unknown currency at risk; "
        "by segment 21 retail, 6 private; 1 amount cannot be read; 1 journey without an amount"
    )


def test_a_cost_that_nothing_tells_is_left_out() -> None:
    """Where no attribute is named, or no span bears one, nothing is claimed."""
    bare = replace(FOUND, customers=None, segments=(), amounts=(), unreadable=0, unpriced=27)
    assert "cost" not in dict(facts(bare))


def test_facts_say_whether_it_goes_on() -> None:
    """Over only where something came through since."""
    assert dict(facts(FOUND))["sent"].endswith("it is over: the 28 sent since came through")
    assert dict(facts(replace(FOUND, ongoing=True)))["sent"].endswith("nothing shows that it is over")


def test_facts_say_what_changed() -> None:
    """Just before the first loss; nothing where nothing did."""
    assert dict(facts(FOUND))["changed"] == FOUND.changed[0]
    assert "changed" not in dict(facts(replace(FOUND, changed=())))


def test_many_services_are_counted() -> None:
    """A long list of services is cut, and the rest counted."""
    services = tuple(f"s{number}" for number in range(12))
    assert dict(facts(replace(FOUND, from_services=services)))["sender"] == "trading (s0, s1, s2, s3, s4 and 7 more)"


def test_by_boundary_keeps_worst_first() -> None:
    """Findings of one boundary stand together, each boundary where its worst finding stood."""
    other = replace(FOUND, cause="expired")
    assert by_boundary([FOUND, incident.SMS_DOWN, other]) == [FOUND, other, incident.SMS_DOWN]


def test_commands_name_a_store_that_is_not_the_default() -> None:
    """A command can be pasted as it stands: whatever the store is called, a shell reads it as one word."""
    assert commands(FOUND, STORE_DEFAULT)[0] == f"baton journey {incident.TRACES[0]}"
    assert commands(FOUND, STORE_DEFAULT)[-2] == f"baton whatif --finding {FOUND.finding_id[:12]}"
    assert not any("whatif" in one for one in commands(replace(FOUND, cause="rejected"), STORE_DEFAULT))
    assert commands(FOUND, STORE_DEFAULT)[-1] == f"baton recover {FOUND.finding_id[:12]}"
    assert commands(FOUND, Path("/srv/my store"))[0] == f"baton journey {incident.TRACES[0]} --store '/srv/my store'"
