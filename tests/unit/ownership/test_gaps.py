from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.ownership import coverage, gaps, seen
from baton.ownership.entrances import ownerless_journeys
from baton.ownership.gray import conflicts, decided, gray
from baton.ownership.gray import told as said
from recording import LATER, Recording, analysed, ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton.analysis import Analysis
    from baton.ownership.catalog import Catalog
    from baton.ownership.gray import Thing

OWNERS = """
teams:
  - name: trade
    escalation: "#trade"
    owns: {services: [trading, "pay-*", {name: moved, until: 2026-01-01}], queues: ["sms-*"]}
  - name: messages
    on_call: https://pager.example/m
    contacts: {chat: "#msgs"}
    owns: {services: [notify, "*-all"], queues: ["*-sms"]}
  - name: past
    until: 2026-02-01
  - name: group
external_parties:
  - {name: outside, contract_owner: trade, contact: desk@out.example}
journey_types:
  - {name: purchase, entry: {service: trading, span: buy}, owner: past}
  - {name: left, entry: {service: pay-x, span: "a*"}, owner: trade}
  - {name: right, entry: {service: pay-x, span: "*a"}, owner: trade}
"""


def placed(analysis: Analysis) -> pl.DataFrame:
    """The places of an analysis."""
    return coverage.places(analysis.handoffs.select(coverage.HANDED))


def told(frame: pl.DataFrame) -> list[tuple[str, int, str]]:
    """Name, count and detail of each row."""
    return list(frame.select("name", "count", "detail").iter_rows())


def test_unowned_services_say_why(catalog: Callable[[str], Catalog]) -> None:
    """The most spans first: no rule, a gray area, or rules whose dates are over."""
    recording = Recording()
    for service, times in (("strange", 3), ("pay-all", 2), ("moved", 1), ("trading", 9)):
        for at in range(times):
            recording.span(service, at)
    analysis = analysed(recording, catalog=catalog(OWNERS))
    found = told(gaps.unowned_services(coverage.services(seen.traffic(analysis.spans)), analysis.owners))
    assert found == [
        ("strange", 3, "no rule matches it; add it to what a team owns"),
        ("pay-all", 2, "a gray area of messages and trade"),
        ("moved", 1, "only rules match it whose dates do not hold: service moved -> trade"),
    ]


def test_a_channel_between_two_owners_is_an_orphan(catalog: Callable[[str], Catalog]) -> None:
    """If nobody owns it; not where an end is nobody's or unknown, nor where its queue is owned."""
    recording = Recording()
    recording.flow([0, 1], channel="orders")
    recording.flow([0], channel="strange-end", sender="strange")
    recording.flow([0], channel="sms-q")
    recording.flow([0], channel="sms-sms")
    recording.send(at=5, channel="to-nobody")
    analysis = analysed(recording, catalog=catalog(OWNERS))
    found = told(gaps.orphans(placed(analysis), analysis.owners.rules))
    said = "trade (trading) to messages (notify): both ends are owned, and nobody answers for what lies between"
    assert found == [("orders", 2, said)]
    unowned = gaps.unowned_channels(placed(analysis), analysis.owners.rules)
    assert unowned["name"].to_list() == ["orders", "sms-sms", "strange-end", "to-nobody"]


def test_owners_that_nobody_can_wake(catalog: Callable[[str], Catalog]) -> None:
    """Those without an escalation say what else is known; left out is whose time is over, or who owns nothing."""
    recording = Recording()
    recording.span("notify")
    declared = catalog(OWNERS)
    known = seen.traffic(analysed(recording, catalog=declared).spans)
    assert told(gaps.unreachable(declared, known, [], ns(LATER))) == [
        (
            "messages",
            1,
            "no escalation, no contact: say whom to wake; known is on-call link https://pager.example/m, chat #msgs",
        ),
        (
            "outside",
            0,
            "no escalation, no on-call link: say whom to wake; known is contact desk@out.example, contract owner trade",
        ),
    ]


def test_who_owns_a_contract_has_to_be_woken(catalog: Callable[[str], Catalog]) -> None:
    """A team that claims nothing is told if it owns a contract."""
    recording = Recording()
    recording.span("notify")
    declared = catalog(OWNERS)
    known = seen.traffic(analysed(recording, catalog=declared).spans)
    assert "group" in gaps.unreachable(declared, known, ["group"], ns(LATER))["name"].to_list()


def test_an_owner_whom_telemetry_alone_names_cannot_be_woken(catalog: Callable[[str], Catalog]) -> None:
    """It owns what it says it owns, and no file says how to reach it; what nobody owns is no such owner."""
    recording = Recording()
    recording.span("strange")
    declared = catalog(OWNERS)
    known = seen.traffic(analysed(recording, catalog=declared).spans)
    strays = known.with_columns(pl.lit("stray").alias("team"))
    said = "telemetry alone names it: add it to teams in ownership.yaml, and say whom to wake"
    assert ("stray", 1, said) in told(gaps.unreachable(declared, strays, [], ns(LATER)))
    assert "unowned" not in gaps.unreachable(declared, known, [], ns(LATER))["name"].to_list()


def things(analysis: Analysis) -> list[Thing]:
    """What may be claimed of an analysis."""
    nothing = seen.said(analysis.spans.source, [], None, None)
    return decided(analysis.owners, seen.traffic(analysis.spans), placed(analysis), nothing)


TWICE = """
teams:
  - {name: a, escalation: a, owns: {services: [pay, idle]}}
  - {name: b, escalation: b, owns: {services: [pay, idle]}}
"""


def test_a_note_is_left_out_where_a_section_tells_it(catalog: Callable[[str], Catalog]) -> None:
    """Of two gray areas that the file makes the one that was seen is told as such, and the other stays a note."""
    recording = Recording()
    recording.span("pay")
    declared = catalog(TWICE)
    analysis = analysed(recording, catalog=declared)
    found = things(analysis)
    assert gray(found)["name"].to_list() == ["pay"]
    (note,) = gaps.notes(declared, seen.traffic(analysis.spans), said(found))["detail"]
    assert note.startswith("gray area, services 'idle' claimed with equal right: ")


def test_gray_areas_name_the_rules_that_tie(catalog: Callable[[str], Catalog]) -> None:
    """Of services, queues and entries; what exact rules settle is none."""
    recording = Recording()
    recording.span("pay-all")
    recording.span("pay-x", 1, "aa")
    recording.flow([0, 1], channel="sms-sms")
    found = gray(things(analysed(recording, catalog=catalog(OWNERS))))
    assert {(kind, name): count for kind, name, count in found.select("kind", "name", "count").iter_rows()} == {
        ("service", "pay-all"): 1,
        ("journey entry", "pay-x aa"): 1,
        ("queue", "sms-sms"): 2,
    }
    assert "service *-all -> messages" in found.filter(name="pay-all")["detail"][0]
    assert "service pay-* -> trade" in found.filter(name="pay-all")["detail"][0]


def test_conflicts_name_who_won_and_why(catalog: Callable[[str], Catalog]) -> None:
    """What telemetry says of itself loses to the file, and is told."""
    recording = Recording()
    recording.span("trading")
    analysis = analysed(recording, catalog=catalog(OWNERS))
    assert conflicts(things(analysis)).is_empty()
    facts = (("service", "trading"), ("telemetry", "service.owner", "messages"))
    contested = [("service", "default", "", "trading", 0, None, analysis.owners.rules.explain(*facts))]
    [row] = conflicts(contested).to_dicts()
    assert row["owner"] == "trade"
    assert row["detail"].endswith("before telemetry service.owner=messages -> messages")


def test_journeys_without_an_owner_are_told_by_their_beginning(catalog: Callable[[str], Catalog]) -> None:
    """Those of no declared type by their root, of which the most first, and types whose owner is gone."""
    recording = Recording()
    recording.send(at=0, under=recording.span("trading", 0, "buy"))
    for at in range(2):
        recording.send("notify", at, under=recording.span("strange", at, "look"))
    declared = catalog(OWNERS)
    analysis = analysed(recording, catalog=declared)
    made = coverage.journeys(analysis.handoffs.select(coverage.HANDED), declared)
    found = ownerless_journeys(analysis.spans, analysis.journeys, made, declared)
    assert found.select("kind", "name", "count").rows() == [
        ("journey", "strange look", 2),
        ("journey type", "purchase", 1),
    ]
    assert "its owner past owned nothing then" in found["detail"][1]
