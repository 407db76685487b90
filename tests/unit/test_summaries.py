from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from baton import summaries
from baton.limits import EXEMPLARS_MAX
from baton.ownership.catalog import Catalog
from baton.schema import VERDICTS
from model_queue import Flow, Slow, flooded
from recording import LATER, Recording, Span, analysed, ns

if TYPE_CHECKING:
    from baton.reports.model import Report

TEAMS = [
    {"name": "trade", "escalation": "#trade", "contact": "trade@bank", "owns": {"services": ["trading"]}},
    {"name": "messages", "owns": {"services": ["notify"]}},
    {"name": "platform", "escalation": "#platform", "owns": {"channels": ["orders"], "queues": ["sms-q"]}},
]
CATALOG = Catalog.model_validate({"version": "1", "teams": TEAMS})


def declared(*kinds: tuple[str, str, str]) -> Catalog:
    """The catalog with journey types: name, entry span, criticality."""
    told = [
        {"name": name, "entry": {"service": "trading", "span": span}, "owner": "trade", "criticality": criticality}
        for name, span, criticality in kinds
    ]
    return Catalog.model_validate({"version": "1", "teams": TEAMS, "journey_types": told})


def reported(recording: Recording, catalog: Catalog = CATALOG) -> Report:
    """The report on all of it."""
    analysis = analysed(recording, catalog=catalog)
    return summaries.report(analysis.handoffs, analysis, catalog, summaries.Scope(Path("s"), 1, 2, ns(LATER)))


# --- the report


def test_a_report_on_nothing() -> None:
    """Every verdict is counted, nothing is found."""
    report = reported(Recording())
    assert report.counts == dict.fromkeys(VERDICTS, 0)
    assert (report.findings, report.blind, report.unowned, report.late, report.profile) == ((), (), (), 0, None)
    assert (report.store, report.since_ns, report.until_ns, report.as_of_ns) == (Path("s"), 1, 2, ns(LATER))


def test_a_finding_says_what_its_rows_say() -> None:
    """Counts, sides, owners, escalation, first and last send, evidence and exemplars of one boundary and cause."""
    recording = Recording()
    sends = recording.flow(range(40), lost=[3, 5, 7, 9, 11])
    (finding,) = reported(recording).findings
    assert (finding.kind, finding.verdict, finding.cause, finding.confidence) == (
        "message",
        "dropped",
        "unknown",
        "inferred",
    )
    assert (finding.count, finding.handoffs, finding.journeys) == (5, 40, 5)
    assert (finding.from_team, finding.to_team, finding.channel_team) == ("trade", "messages", "platform")
    assert (finding.from_services, finding.to_services, finding.channel) == (("trading",), ("notify",), "orders")
    assert (finding.first_at, finding.last_at) == (ns(3), ns(11))
    assert finding.exemplars == tuple(sends[at].trace for at in (3, 5, 7))
    assert len(finding.exemplars) == EXEMPLARS_MAX
    assert finding.accountable_team is None
    assert finding.next_to_ask == "platform: they own orders, where it was last seen to go"
    assert finding.escalation is None
    assert finding.evidence[-1] == "nothing in the spans says why"
    assert finding.dispositions == {"unknown": 5}
    assert (finding.crowding, finding.journey_types, finding.resubmitted) == ((), (), 0)


def test_a_finding_names_the_accountable_teams_escalation() -> None:
    """Where somebody is accountable the file says how to reach them."""
    recording = Recording()
    recording.send(error="nack", message="m")
    recording.receive(at=6, under=recording.send(at=5))
    (finding,) = reported(recording).findings
    assert (finding.cause, finding.accountable_team, finding.escalation) == ("publish_failed", "trade", "#trade")


def test_an_overflow_names_who_crowded_its_own_channel() -> None:
    """Sender, team and share, of that channel's queue and of no other's; other causes name nobody."""
    recording = Recording()
    for channel, flood in (("orders", "trading"), ("other", "ticks")):
        flows = [Flow(sender, rate, 5, 12, channel=channel) for sender, rate in (("slow", 24), (flood, 96))]
        flooded(recording, [Flow("slow", 10, channel=channel), *flows], Slow(limit=40), taker=f"{channel}-reader")
    recording.send(channel="orders", error="nack", at=30)
    found = {one.channel: one for one in reported(recording).findings if one.cause == "overflow"}
    told = {
        name: [(sender, team, round(share, 1)) for sender, team, _, share in finding.crowding]
        for name, finding in found.items()
    }
    assert told == {
        "orders": [("trading", "trade", 0.7), ("slow", "unowned", 0.3)],
        "other": [("ticks", "unowned", 0.7), ("slow", "unowned", 0.3)],
    }
    assert not any(one.crowding for one in reported(recording).findings if one.cause != "overflow")


def test_resubmissions_are_counted() -> None:
    """Of a silent loss that the customer sent again: expect duplicates."""
    recording = Recording()
    recording.flow(range(5))
    recording.send(at=5, message="m")
    recording.receive(at=6.1, under=recording.send(at=6, message="m"))
    recording.flow(range(7, 12))
    (finding,) = reported(recording).findings
    assert (finding.count, finding.resubmitted) == (1, 1)


def _two_channels(first: int, second: int, spans: tuple[str, str] = ("", "")) -> Recording:
    """So many losses on channels `orders` and `other`, each of a journey that enters by the span of that name."""
    recording = Recording()
    for channel, lost, span in (("orders", first, spans[0]), ("other", second, spans[1])):
        for at in range(60):
            entry = recording.span("trading", at, span or "work")
            send = recording.send(at=at, channel=channel, under=entry)
            if not 3 <= at < 3 + lost:
                recording.receive(at=at + 0.1, channel=channel, under=send)
    return recording


def test_the_worst_finding_comes_first() -> None:
    """The most rows; but before them the most critical journey type that it hit, and a declared one before none."""
    assert [one.channel for one in reported(_two_channels(2, 5)).findings] == ["other", "orders"]
    kinds = declared(("calm", "a", "low"), ("dire", "b", "critical"))
    for spans, order in (
        (("b", "a"), ["orders", "other"]),
        (("a", ""), ["orders", "other"]),
        (("", "b"), ["other", "orders"]),
    ):
        assert [one.channel for one in reported(_two_channels(2, 5, spans), kinds).findings] == order


def test_dropped_comes_before_stuck() -> None:
    """However many are stuck."""
    recording = Recording()
    recording.flow(range(10), lost=[4])
    recording.flow(range(20), lost=range(10, 20), channel="other", taker="slow")
    for at in range(10, 100):
        recording.span("slow", at)
    found = reported(recording).findings
    assert [(one.verdict, one.count) for one in found] == [("dropped", 1), ("stuck", 10)]


def test_a_finding_names_the_journey_types_it_hit() -> None:
    """With their owner and how many of its rows."""
    recording = _two_channels(3, 0, ("a", ""))
    (finding,) = reported(recording, declared(("calm", "a", "low"))).findings
    assert finding.journey_types == (("calm", "trade", 3),)


def test_unowned_sides_are_told_apart_by_service() -> None:
    """Nobody owns them: each service is a boundary of its own, with its own totals."""
    recording = Recording()
    for sender in ("a", "b"):
        recording.flow(range(10), lost=[4], sender=sender, taker=f"{sender}-reader", channel=f"{sender}-ch")
    found = reported(recording).findings
    assert sorted(one.from_services for one in found) == [("a",), ("b",)]
    assert [one.handoffs for one in found] == [10, 10]


def test_blind_spots_are_told_with_their_reason() -> None:
    """Where nobody was ever seen to receive, the most handoffs first."""
    recording = Recording()
    recording.send("a", channel="one")
    for at in range(3):
        recording.send("b", at, channel="two")
    never = "nobody was ever seen to receive from this channel"
    assert reported(recording).blind == (
        f"3 from b to an unknown receiver over two: {never}",
        f"1 from a to an unknown receiver over one: {never}",
    )


def test_hot_keys_are_blind_spots() -> None:
    """They would have joined everything."""
    recording = Recording()
    for _ in range(201):
        recording.span("a", attributes={"order.id": "0"})
    assert reported(recording).blind == (
        "order.id=0 would join 201 traces into one journey: it joins nothing; make it a grouping key",
    )


def test_what_has_traffic_and_no_owner_is_listed() -> None:
    """Services and channels, the most rows first."""
    recording = Recording()
    recording.flow(range(3), sender="stray", channel="wild")
    recording.flow(range(2), sender="lost", channel="orders")
    assert reported(recording).unowned == (("channel", "wild", 3), ("service", "stray", 3), ("service", "lost", 2))


def test_late_rows_are_counted() -> None:
    """Delivered after their deadline."""
    recording = Recording()
    recording.receive(at=40, under=recording.send())
    assert reported(recording).late == 1


# --- boundaries


def test_boundaries_have_counts_rates_and_latencies() -> None:
    """By hand: ten messages, two dropped, waits of 100 ms and one of 31 s, late."""
    recording = Recording()
    recording.flow(range(9), lost=[4, 5])
    recording.receive(at=40, under=recording.send(at=9))
    (row,) = summaries.boundaries(analysed(recording, catalog=CATALOG).handoffs).to_dicts()
    assert (row["from_team"], row["to_team"], row["channel"], row["channel_team"]) == (
        "trade",
        "messages",
        "orders",
        "platform",
    )
    assert (row["handoffs"], row["delivered"], row["dropped"], row["late"]) == (10, 8, 2, 1)
    assert sum(row[verdict] for verdict in VERDICTS) == 10
    assert (row["drop_rate"], row["p50_ms"], row["p99_ms"]) == (0.2, 100.0, 31_000.0)


def test_boundaries_stand_worst_first() -> None:
    """By dropped, then stuck, then handoffs; a channel where nothing was received has no latency."""
    recording = Recording()
    recording.flow(range(5), channel="calm")
    recording.flow(range(5), lost=[2], channel="lossy")
    recording.send(channel="lonely")
    rows = summaries.boundaries(analysed(recording).handoffs)
    assert rows["channel"].to_list() == ["lossy", "calm", "lonely"]
    assert rows["p50_ms"].is_null().to_list() == [False, False, True]


def test_tenants_and_environments_are_boundaries_of_their_own() -> None:
    """The same teams, services and channel in each: one row each."""
    recording = Recording()
    for place in ({"tenant": "acme"}, {"tenant": "evil"}, {"environment": "test"}):
        recording.receive(at=1, under=recording.send(**place), **place)
    rows = summaries.boundaries(analysed(recording).handoffs).sort("tenant")
    assert rows.select("tenant", "environment", "handoffs").rows() == [
        ("acme", "", 1),
        ("default", "test", 1),
        ("evil", "", 1),
    ]


# --- a journey


def journey_of(recording: Recording, name: str, catalog: Catalog = CATALOG) -> summaries.Journey:
    """The only journey of that name."""
    analysis = analysed(recording, catalog=catalog)
    (journey_id,) = summaries.journeys_of(analysis, name)
    return summaries.journey(analysis, catalog, journey_id)


def test_a_journey_is_its_spans_in_time_order() -> None:
    """With team, role, status and depth, and where it stopped."""
    recording = Recording()
    recording.flow(range(10))
    entry = recording.span("trading", 20, "buy", took=3)
    send = recording.send(at=21, under=entry, error="nack", correlation="c")
    journey = journey_of(recording, entry.trace, declared(("purchase", "buy", "high")))
    assert [(line.name, line.depth, line.team, line.role, line.status) for line in journey.spans] == [
        ("buy", 0, "trade", None, "unset"),
        ("send", 1, "trade", "send", "error"),
    ]
    assert (journey.journey_type, journey.owner, journey.correlation) == ("purchase", "trade", "c")
    assert [row["span_id"] for row in journey.handoffs] == [send.id]
    assert journey.stopped == "trading to notify over orders: dropped, publish_failed (confirmed)"


def test_a_journey_that_went_well_did_not_stop() -> None:
    """And two correlation ids are none."""
    recording = Recording()
    entry = recording.span("trading")
    for at, name in ((1, "c"), (2, "d")):
        recording.receive(at=at + 1, under=recording.send(at=at, under=entry, correlation=name))
    journey = journey_of(recording, entry.trace)
    assert (journey.stopped, journey.correlation, journey.journey_type, journey.owner) == (None, None, None, None)


@pytest.mark.parametrize("name", ["c", "m"])
def test_a_journey_bears_its_correlation_and_message_ids(name: str) -> None:
    """Either finds it."""
    recording = Recording()
    send = recording.send(message="m", correlation="c")
    assert journey_of(recording, name).journey_id == send.trace


def test_a_trace_that_is_a_journeys_name_is_that_journey() -> None:
    """Its id is found first, though spans of another journey bear it as a correlation id."""
    recording = Recording()
    send = recording.send()
    recording.send(correlation=send.trace)
    analysis = analysed(recording)
    assert summaries.journeys_of(analysis, send.trace) == [send.trace]
    assert summaries.journeys_of(analysis, "unheard") == []


def test_a_journey_is_one_tenants_and_environments() -> None:
    """A trace id forged to equal another's: spans and handoffs of the first tenant, or environment, alone."""
    for home, other in (({"tenant": "acme"}, {"tenant": "evil"}), ({}, {"environment": "test"})):
        recording = Recording()
        sends = [
            recording.send(own=Span("a" * 32, id_), name=id_, **place)
            for id_, place in (("b" * 16, other), ("c" * 16, home))
        ]
        for send, place in zip(sends, (other, home), strict=True):
            recording.receive(at=1, under=send, name=f"of {send.id}", **place)
        journey = journey_of(recording, "a" * 32)
        assert [line.name for line in journey.spans] == ["c" * 16, f"of {'c' * 16}"]
        assert [row["span_id"] for row in journey.handoffs] == ["c" * 16]


def test_forged_parents_have_a_depth() -> None:
    """Cycles end where they began, and a span under one stands deeper."""
    recording = Recording()
    one, two = Span("a" * 32, "1" * 16), Span("a" * 32, "2" * 16)
    recording.span("a", 0, "one", own=one, under=two)
    recording.span("a", 1, "two", own=two, under=one)
    recording.span("a", 2, "self", own=Span("a" * 32, "3" * 16), under=Span("a" * 32, "3" * 16))
    recording.span("a", 3, "below", under=two)
    depths = {line.name: line.depth for line in journey_of(recording, one.trace).spans}
    assert set(depths) == {"one", "two", "self", "below"}
    assert depths["below"] == depths["two"] + 1
    assert depths["self"] == 0


def test_a_thousand_parents_deep() -> None:
    """No recursion: each span is one deeper than its parent, whatever the order of their times."""
    recording = Recording()
    spans = [Span("c" * 32, f"{number + 1:016x}") for number in range(1_000)]
    for number, span in enumerate(spans):
        recording.span("a", 1_000 - number, str(number), own=span, under=spans[number - 1] if number else None)
    analysis = analysed(recording, 10_000)
    lines = summaries.journey(analysis, CATALOG, "c" * 32).spans
    assert all(line.depth == int(line.name) for line in lines)
