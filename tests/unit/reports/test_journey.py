from __future__ import annotations

from dataclasses import replace

import incident
from baton.limits import JOURNEY_LINES_MAX
from baton.reports.journey import as_text


def text(journey: object) -> str:
    """The journey at 120 columns."""
    return as_text(journey, width=120, color=False)


def test_a_lost_handoff_says_where_and_why() -> None:
    """The sender, the channel, the receiver, the cause, the evidence and the accountable team are all named."""
    shown = text(incident.JOURNEY)
    assert "├─✗  dropped → notification over wealth.events: overflow (inferred)" in shown
    assert "Stopped: the message that trade-execution (trading) sent over wealth.events" in shown
    assert incident.EVIDENCE[1] in shown
    assert "accountable: messaging" in shown


def test_a_journey_that_arrived_says_so() -> None:
    """Where every handoff arrived, nothing is called stopped."""
    arrived = replace(incident.JOURNEY, handoffs=(incident.delivered(0, 41),), stopped=None)
    assert "No handoff of this journey was dropped or is stuck." in text(arrived)
    assert "Stopped" not in text(arrived)


def test_whom_to_ask_stands_where_nobody_is_accountable() -> None:
    """A suspicion names whom to ask, not a culprit."""
    row = incident.row(0, accountable_team=None, next_to_ask="messaging: it owns the queue")
    shown = text(replace(incident.JOURNEY, handoffs=(row,)))
    assert "ask next: messaging: it owns the queue" in shown
    assert "accountable" not in shown


def test_unowned_services_have_lanes_of_their_own() -> None:
    """Without an ownership file the lanes are the services, so that a handoff between them is seen."""
    spans = tuple(replace(span, team="unowned") for span in incident.JOURNEY.spans)
    row = incident.row(0, from_team="unowned", to_team="unowned")
    shown = text(replace(incident.JOURNEY, spans=spans, handoffs=(row,)))
    assert "├─✗  dropped → unowned notification over wealth.events" in shown
    assert "│ ┬    unowned trade-execution\n" in shown


def test_long_journeys_keep_the_telling_lines() -> None:
    """Of more lines than fit, the lost handoff and the failed span stay, and what is left out is counted."""
    plain = replace(incident.JOURNEY.spans[3], name="plain")
    failed = replace(plain, name="the failed one", status="error", start_ns=plain.start_ns + 10**12)
    spans = (*(replace(plain, start_ns=plain.start_ns + number * 1000) for number in range(JOURNEY_LINES_MAX)), failed)
    shown = text(replace(incident.JOURNEY, spans=spans))
    assert "the failed one  error" in shown
    assert "dropped → notification" in shown
    assert "3 lines of less interest are left out." in shown


def test_spans_without_times_are_shown() -> None:
    """A span that says no time does not set the origin, and is shown as such."""
    timeless = replace(incident.JOURNEY.spans[0], start_ns=0, end_ns=0, name="timeless")
    shown = text(replace(incident.JOURNEY, spans=(timeless, *incident.JOURNEY.spans)))
    assert "no time" in shown
    assert "+14.0 ms" in shown


def test_a_journey_without_spans_is_no_crash() -> None:
    """A journey known by its handoffs alone has a timeline too."""
    assert "dropped → notification" in text(replace(incident.JOURNEY, spans=()))
    assert "handoffs" in text(replace(incident.JOURNEY, spans=(), handoffs=(), stopped=None))
