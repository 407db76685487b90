from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from baton.errors import NotFoundError
from baton.limits import WHO_OPERATIONS_MAX
from baton.maps.dimensions import TOUCHED, operations
from baton.maps.who import Known, things
from baton.ownership.catalog import Catalog, Dependency
from recording import CLIENT, LATER, SERVER, Recording, analysed, ns

if TYPE_CHECKING:
    from baton.looks import Spans
    from baton.reports.who_model import Thing

TRADE_OWNS = {"services": ["trading", {"name": "trad*", "until": "2020-01-01"}], "attributes": {"app.domain": "fx"}}
TEAMS = [
    {
        "name": "trade",
        "title": "Trading",
        "escalation": "#trade",
        "contact": "trade@bank",
        "contacts": {"lead": "A. Person"},
        "on_call": "https://pager.example/trade",
        "owns": TRADE_OWNS,
    },
    {"name": "messages", "from": "2020-01-01", "owns": {"services": ["notify"], "channels": ["sms"]}},
    {"name": "platform", "escalation": "#platform", "owns": {"channels": ["orders", "sms"], "queues": ["sms-q"]}},
    {"name": "idle", "owns": {"services": ["retired"], "rpc_services": ["bank.*"], "channels": ["silent"]}},
]
KINDS = [
    {
        "name": "purchase",
        "entry": {"service": "trading", "span": "buy"},
        "steps": [{"service": "notify"}],
        "owner": "trade",
        "criticality": "critical",
        "deadline": "30s",
    }
]
OUTSIDE = [{"name": "telco", "contract_owner": "platform", "owns": {"services": ["gateway"]}}]
FILE = {"version": "1", "teams": TEAMS, "journey_types": KINDS, "external_parties": OUTSIDE}


def bank() -> Recording:
    """A small bank: web calls trading, which tells notify over orders, which tells gateway over sms, queue sms-q."""
    recording = Recording()
    for at in range(3):
        client = recording.span("web", at, kind=CLIENT, attributes={"server.address": "trading"})
        told = {"http.route": "/buy/{id}"}
        entry = recording.span("trading", at, "buy", kind=SERVER, under=client, attributes=told, took=60.0)
        receive = recording.receive(at=at + 0.2, under=recording.send(at=at + 0.1, under=entry))
        sms = recording.send("notify", at + 0.3, "sms", under=receive)
        recording.receive("gateway", at + 0.4, "sms-q", under=sms)
    recording.span("trading", 90.0, "settle", kind=SERVER, error="no", attributes={"app.domain": "fx"})
    return recording


def known(file: dict[str, Any] = FILE, recording: Recording | None = None, **more: Any) -> Known:  # noqa: ANN401
    """The bank, judged, with the catalog of this file and of what `more` says."""
    read = Catalog.model_validate(file, context={"source": "ownership.yaml", "origin": "ownership"}, by_alias=True)
    catalog = read.model_copy(update=more)
    analysis = analysed(recording or bank(), catalog=catalog)
    return Known(analysis.crossed.select(TOUCHED).collect(), analysis.spans, catalog, ns(LATER))


@pytest.fixture(scope="module")
def here() -> Known:
    """The bank."""
    return known()


def only(name: str, bank: Known) -> Thing:
    """The one thing of that name."""
    (thing,) = things(name, bank)
    return thing


def test_a_service_is_owned(here: Known) -> None:
    """By whom, how to reach them, and by which rule."""
    thing = only("trading", here)
    assert (thing.kind, thing.party.name, thing.party.title) == ("service", "trade", "Trading")
    assert (thing.party.escalation, thing.party.contact) == ("#trade", "trade@bank")
    assert (thing.party.contacts, thing.party.on_call) == ({"lead": "A. Person"}, "https://pager.example/trade")
    first, _ = thing.verdicts
    assert first.facts == ("service trading",)
    assert [(rule.rule, rule.source, rule.outcome) for rule in first.rules] == [
        ("service trading -> trade", "ownership.yaml", "decides"),
        ("service trad* -> trade", "ownership.yaml", "lapsed"),
    ]
    assert first.rules[1].until_ns is not None


def test_spans_whose_attributes_decide_are_told_apart(here: Known) -> None:
    """How many there are, and whose."""
    last = only("trading", here).verdicts[-1]
    assert (last.owner, last.facts, last.spans) == ("trade", ("attributes of its spans",), 1)


def test_a_part_of_a_service_is_decided_apart() -> None:
    """An HTTP route that another team owns: the service is its owner's all the same."""
    routes = {"name": "fx", "owns": {"http_routes": ["/buy/*"]}}
    thing = only("trading", known({**FILE, "teams": [*TEAMS, routes]}))
    assert thing.party.name == "trade"
    assert [(one.owner, one.spans) for one in thing.verdicts][1] == ("fx", 3)
    assert dict(thing.teams)["fx"] == 3


def test_what_a_service_does(here: Known) -> None:
    """Its operations by kind, with their routes, volume, errors and durations."""
    told = [(one.kind, one.name, one.route, one.spans, one.errors) for one in only("trading", here).operations]
    assert told == [
        ("server", "buy", "/buy/{id}", 3, 0),
        ("server", "settle", None, 1, 1),
        ("producer", "send", None, 3, 0),
    ]
    assert only("trading", here).operations[0].p50_ms == 60_000.0


def test_operations_are_bounded() -> None:
    """Names that hold ids are without end: the most frequent are told, the rest counted."""
    recording = Recording()
    for number in range(WHO_OPERATIONS_MAX + 2):
        recording.span("trading", number, f"GET /{number:03}", kind=SERVER)
    spans: Spans = analysed(recording).spans
    told, more = operations(spans)
    assert (len(told), more, told[0].name) == (WHO_OPERATIONS_MAX, 2, "GET /000")


def test_rpc_methods_are_routes() -> None:
    """Service and method, as far as they are said."""
    recording = Recording()
    recording.span("trading", name="x", kind=SERVER, attributes={"rpc.service": "bank.Trades", "rpc.method": "Buy"})
    recording.span("trading", name="y", kind=SERVER, attributes={"rpc.service": "bank.Trades"})
    told, _ = operations(analysed(recording).spans)
    assert [one.route for one in told] == ["bank.Trades/Buy", "bank.Trades"]


def test_the_journeys_that_depend_on_a_name(here: Known) -> None:
    """By type, how critical, whose, and how many of all of them."""
    (use,) = only("gateway", here).journeys
    assert (use.journey_type, use.criticality, use.owner, use.journeys, use.of) == (
        "purchase",
        "critical",
        "trade",
        3,
        3,
    )


def test_upstream_and_downstream(here: Known) -> None:
    """Whom it calls and receives from; who calls it and to whom it sends; in how many critical journeys."""
    thing = only("trading", here)
    assert thing.upstream == ()
    told = [(one.relation, one.service, one.team, one.channel, one.handoffs, one.critical) for one in thing.downstream]
    assert told == [("called by", "web", "unowned", None, 3, 3), ("sends to", "notify", "messages", "orders", 3, 3)]
    assert [(one.relation, one.service) for one in only("notify", here).upstream] == [("receives from", "trading")]
    assert [(one.relation, one.service) for one in only("web", here).upstream] == [("calls", "trading")]


def test_how_a_service_runs(here: Known) -> None:
    """Volume, errors, durations, verdicts as sender and receiver, and the window."""
    figures = only("trading", here).figures
    assert figures is not None
    assert (figures.handled, figures.errors, figures.p50_ms) == (4, 1, 60_000.0)
    assert figures.per_minute == pytest.approx(4 / 1.5)
    assert (figures.sent, figures.received) == ({"delivered": 3}, {"delivered": 3})
    assert (figures.first_ns, figures.last_ns) == (ns(0), ns(90))


def test_a_pace_leaves_out_what_the_store_does_not_hold() -> None:
    """A service seen in minutes of an hour is as busy as in these minutes."""
    recording = Recording()
    for at in (0, 10, 20, 30, 600, 610):
        recording.span("desk", at, kind=2)
    figures = only("desk", known(recording=recording)).figures
    assert figures is not None
    assert figures.per_minute == pytest.approx(6 / 2)


def test_a_short_window_has_no_pace(here: Known) -> None:
    """Within less than a minute nothing is said of how many come in one."""
    figures = only("notify", here).figures
    assert figures is not None
    assert figures.per_minute is None


def test_declared_and_seen_dependencies() -> None:
    """What is declared and not seen, seen and not declared, or both; by channel or by service."""
    declared = (
        Dependency(component="notify", on="orders", relation="consumesApi", source="catalog-info.yaml"),
        Dependency(component="notify", on="ledger", relation="dependsOn", source="catalog-info.yaml"),
        Dependency(component="web", on="ledger", relation="dependsOn"),
    )
    bank = known(dependencies=declared)
    told = [(one.on, one.relation, one.seen) for one in only("notify", bank).dependencies]
    assert told == [("orders", "consumesApi", 3), ("ledger", "dependsOn", 0)]
    told = [(one.on, one.relation, one.seen) for one in only("web", bank).dependencies]
    assert told == [("ledger", "dependsOn", 0), ("trading", None, 3)]
    assert only("gateway", bank).dependencies == ()


def test_a_channel_and_a_queue(here: Known) -> None:
    """Senders are upstream of it, receivers downstream."""
    thing = only("sms-q", here)
    assert (thing.kind, thing.party.name, thing.party.escalation) == ("queue", "platform", "#platform")
    assert [(one.service, one.handoffs) for one in thing.upstream] == [("notify", 3)]
    assert [(one.service, one.handoffs) for one in thing.downstream] == [("gateway", 3)]


def test_a_gray_area_is_named(here: Known) -> None:
    """Nobody is picked; those who claim it and their rules are told."""
    thing = only("sms", here)
    (verdict,) = thing.verdicts
    assert (thing.kind, thing.party.name, verdict.gray) == ("channel", "unowned", ("messages", "platform"))
    assert [rule.outcome for rule in verdict.rules] == ["tied", "tied"]


def test_a_journey_type(here: Known) -> None:
    """What is declared of it, and who hands over in it."""
    thing = only("purchase", here)
    assert (thing.kind, thing.party.name, thing.seen) == ("journey type", "trade", True)
    assert thing.declared == (
        "criticality: critical",
        "begins with buy of trading",
        "then * of notify",
        "deadline: 30 s from its entry to its last handoff",
    )
    assert {(one.relation, one.service) for one in thing.upstream} == {
        ("calls by", "web"),
        ("messages by", "trading"),
        ("messages by", "notify"),
    }


def test_a_team(here: Known) -> None:
    """What it owns as seen and as declared, and since when."""
    thing = only("messages", here)
    assert (thing.kind, thing.seen) == ("team", True)
    assert [(one.kind, one.name, one.handoffs, one.from_ns is None) for one in thing.holdings] == [
        ("service", "notify", 6, True),
        ("service", "notify", None, False),
        ("channel", "sms", None, False),
    ]
    assert [(one.kind, one.name) for one in only("platform", here).holdings if one.handoffs is None][-1] == (
        "contract",
        "telco",
    )


def test_a_party_outside(here: Known) -> None:
    """The team inside that answers for it, whose escalation is its own where it has none."""
    thing = only("telco", here)
    assert (thing.kind, thing.party.contract_owner, thing.party.escalation) == (
        "external party",
        "platform",
        "#platform",
    )
    assert only("gateway", here).party.external


def test_what_is_owned_and_never_seen(here: Known) -> None:
    """Known by the file alone, and it is said that nothing was seen of it."""
    for name, kind in (("retired", "service"), ("silent", "channel"), ("idle", "team")):
        thing = only(name, here)
        assert (thing.kind, thing.party.name, thing.seen, thing.homes) == (kind, "idle", False, ())


def test_a_name_of_several_things() -> None:
    """All of them are told."""
    teams = [*TEAMS, {"name": "orders"}]
    assert [thing.kind for thing in things("orders", known({**FILE, "teams": teams}))] == ["channel", "team"]


def test_nobody_owns_it(here: Known) -> None:
    """Known, and unowned."""
    thing = only("web", here)
    assert (thing.party.name, thing.party.escalation, thing.verdicts[0].rules) == ("unowned", None, ())


@pytest.mark.parametrize(
    ("name", "hint"), [("tradin", "did you mean one of .*'trading'"), ("\x1b", "`baton boundaries` shows")]
)
def test_a_name_that_nobody_knows(name: str, hint: str, here: Known) -> None:
    """The error names it, and the nearest names or the next step."""
    with pytest.raises(NotFoundError, match=hint) as raised:
        things(name, here)
    assert repr(name) in str(raised.value)
    assert "*" not in str(raised.value)


def test_a_name_of_any_length_is_told_in_short(here: Known) -> None:
    """What nobody knows is quoted cut, however long it is."""
    with pytest.raises(NotFoundError) as raised:
        things("x" * 10**6, here)
    assert len(str(raised.value)) < 1000
