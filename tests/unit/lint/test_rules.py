"""Every rule, asked of definitions as RabbitMQ exports them, and of traffic as told in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from baton.brokers.flows import newest
from baton.brokers.history import held
from baton.brokers.outlets import UNTAKEN, letters, untaken
from baton.brokers.places import SCOPE
from baton.brokers.rabbitmq import facts as parsed
from baton.brokers.rows import Where
from baton.lint.lint import Known, lint
from baton.lint.rules import documentation, every
from baton.lint.subjects import Replayed
from baton.lint.traffic import TRAFFIC
from baton.schema import FACTS, FLOWS, LINT

DOCS = Path(__file__).parents[3] / "docs" / "lint.md"
AT = 1_790_000_000_000_000_000

Row = dict[str, Any]
NO_TRAFFIC = pl.DataFrame(schema=dict.fromkeys(SCOPE, pl.String))


def definitions(
    *queues: Row,
    exchanges: list[Row] | None = None,
    bindings: list[Row] | None = None,
    **more: Any,  # noqa: ANN401 - parts of an export
) -> Row:
    """An export of one vhost; of a queue its name and arguments, of a binding its source, key and queue."""
    topic = {"type": "topic", "vhost": "/", "arguments": {}}
    return {
        "rabbit_version": "3.13.1",
        "queues": [{"vhost": "/", "arguments": {}, **queue} for queue in queues],
        "exchanges": [{**topic, **exchange} for exchange in exchanges or []],
        "bindings": [
            {"vhost": "/", "destination_type": "queue", "destination": "q", "routing_key": "", **binding}
            for binding in bindings or []
        ],
        **more,
    }


def q(name: str = "q", **arguments: object) -> Row:
    """A queue of an export, its arguments without the x-."""
    return {"name": name, "arguments": {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}}


def known(document: Row | pl.DataFrame) -> pl.DataFrame:
    """FACTS of an export, or as given."""
    return parsed(document, Where(AT, "default", None, ""), "file") if isinstance(document, dict) else document


def flow(service: str, handoffs: int = 10, criticality: str | None = None, **more: Any) -> Row:  # noqa: ANN401 - columns of FLOWS
    """A row of FLOWS into the queue q."""
    place = {"tenant": "default", "environment": "prod", "broker": "rabbit:5672", "vhost": "/", "queue": "q"}
    kind = None if criticality is None else f"{criticality} one"
    told = {"team": service, "channel": f"{service}.events", "criticality": criticality, "journey_type": kind}
    return {**place, "service": service, "handoffs": handoffs, **told, **more}


def seen(handoffs: int = 100, received: int = 100, **more: Any) -> Row:  # noqa: ANN401 - columns of TRAFFIC
    """A row of TRAFFIC of the queue q."""
    counts = dict.fromkeys(("overflow", "expired", "rejected", "over_ttl", "backwards"), 0)
    place = {"tenant": "default", "environment": "prod", "queue": "q"}
    return {**place, "handoffs": handoffs, "received": received, **counts, "refusers": [], **more}


def linted(
    document: Row | pl.DataFrame,
    *flows: Row,
    traffic: list[Row] | None = None,
    owners: Row | None = None,
    replayed: Replayed | None = None,
) -> list[Row]:
    """Rows of LINT."""
    facts = known(document)
    now = held(facts, AT)
    found = lint(
        Known(
            facts=now,
            queues=newest(now),
            letters=letters(facts, AT),
            untaken=untaken(NO_TRAFFIC, facts, AT),
            flows=pl.DataFrame(list(flows), schema=FLOWS.schema),
            traffic=pl.DataFrame(traffic or [], schema=TRAFFIC),
            replayed={} if replayed is None else {"q": replayed},
            queue_owners=(owners or {}).get("queues", {}),
            channel_owners=(owners or {}).get("channels", {}),
        )
    )
    assert found.schema == LINT.schema
    return found.to_dicts()


def told(*arguments: Any, **more: Any) -> dict[str, str]:  # noqa: ANN401 - as of `linted`
    """What is found, rule -> severity."""
    return {row["rule"]: row["severity"] for row in linted(*arguments, **more)}


BOUNDED = definitions(q(max_length=40))


@pytest.mark.parametrize(
    ("flows", "severity"),
    [
        pytest.param([flow("a")], None, id="one sender, one kind"),
        pytest.param([flow("a"), flow("b")], "warning", id="two senders that nobody declared"),
        pytest.param([flow("a", routing_key="x"), flow("a", routing_key="y")], "note", id="one sender, two kinds"),
        pytest.param([flow("a", 10, "critical"), flow("b", 10, "low")], "error", id="critical with low"),
        pytest.param([flow("a", 10, "high"), flow("b", 10, "normal")], "error", id="high with normal"),
        pytest.param([flow("a", 10, "critical"), flow("b", 10, "high")], "warning", id="critical with high"),
        pytest.param([flow("a", 10, "critical"), flow("b")], "error", id="critical with what nobody declared"),
        pytest.param([flow("a", 10, "critical"), flow("b", 10, "critical")], None, id="critical with critical"),
        pytest.param([flow("a", 10, "normal"), flow("b", 10, "low")], None, id="none that matters more"),
        pytest.param([flow("a", 10, "critical"), flow("a", 2)], None, id="strays of the same sender and kind"),
        pytest.param([flow("a", 10, "critical"), flow("a", 10, "low")], "error", id="one gateway, both kinds"),
        pytest.param([flow("a", 10, "normal"), flow("b")], "warning", id="an undeclared one may be critical"),
    ],
)
def test_a_shared_bound_is_as_grave_as_what_is_declared_of_its_flows(flows: list[Row], severity: str | None) -> None:
    """An error where a declared critical flow can be crowded out, a warning where nobody said which one is."""
    assert told(BOUNDED, *flows).get("shared-bound") == severity


@pytest.mark.parametrize(
    ("queue", "severity"),
    [
        pytest.param(q(), None, id="no bound"),
        pytest.param(q(max_length_bytes=1000), "error", id="bytes"),
        pytest.param(q(message_ttl=1000), "warning", id="a TTL is a bound too, one step milder"),
        pytest.param(q(queue_type="stream", max_length_bytes=1000), None, id="a stream's size crowds nobody out"),
        pytest.param(q(queue_type="quorum", max_length=40), "error", id="quorum"),
        pytest.param(q(max_length=40, overflow="reject-publish"), "error", id="refusing instead of evicting"),
    ],
)
def test_what_counts_as_a_bound(queue: Row, severity: str | None) -> None:
    """Messages, bytes and time bound a queue; what a stream keeps does not."""
    rows = told(definitions(queue), flow("a", 10, "critical"), flow("b", 10, "low"))
    assert rows.get("shared-bound") == severity


def test_a_shared_bound_names_the_effective_limit_and_who_shares_it() -> None:
    """An operator policy of 40 over an argument of 50 leaves 40; the figures and the sentence have both flows."""
    policy = {"pattern": "^q", "definition": {"max-length": 40}, "apply-to": "queues"}
    cap = {"component": "operator_policy", "vhost": "/", "name": "cap", "value": policy}
    document = definitions(q(max_length=50), parameters=[cap])
    flows = [flow("promo", 800, "low"), flow("trading", 60, "critical")]
    lost = [seen(860, 247, overflow=613)]
    (row, *_) = linted(document, *flows, traffic=lost, owners={"queues": {"q": "notify"}})
    assert (row["rule"], row["queue"], row["owner"], row["environment"]) == ("shared-bound", "q", "notify", "prod")
    figures = row["figures"]
    assert (figures["messages_max"], figures["overflow"], figures["policy"]) == (40, "drop-head", "cap")
    assert (figures["handoffs"], figures["lost"]) == (860, 613)
    assert [(one["service"], one["criticality"]) for one in figures["flows"]] == [
        ("promo", "low"),
        ("trading", "critical"),
    ]
    for part in ("at most 40 messages (policy cap)", "trading (60 over trading.events", "613 of 860"):
        assert part in row["message"]
    assert row["change"].startswith("give trading over trading.events a queue of its own")


def test_a_sender_that_changed_hands_shares_nothing_with_itself() -> None:
    """Flows that only their teams tell apart are one: told once, and alone in a queue they share no bound."""
    moved = [flow("a", 30, routing_key="x", team="old"), flow("a", 20, routing_key="x", team="new")]
    assert "shared-bound" not in told(BOUNDED, *moved)
    urgent = [{**one, "criticality": "critical", "journey_type": "trade"} for one in moved]
    (row, *_) = linted(BOUNDED, *urgent, flow("promo", 80, "low"))
    assert "a (50 over a.events x, critical trade) shares it with promo (80 over" in row["message"]
    assert [(one["team"], one["handoffs"]) for one in row["figures"]["flows"]] == [
        ("old", 30),
        ("new", 20),
        ("promo", 80),
    ]


def test_several_flows_share_in_the_plural() -> None:
    """Two critical flows share a bound with a third; one shares it."""
    (row, *_) = linted(BOUNDED, flow("a", 30, "critical"), flow("b", 20, "critical"), flow("promo", 80, "low"))
    assert "critical b" not in row["message"]
    assert "critical one) share it with promo" in row["message"]


TWO = [{"source": "trade.events", "routing_key": "trade.#"}, {"source": "promo.events", "routing_key": "promo.#"}]
EXCHANGES = [{"name": "trade.events"}, {"name": "promo.events"}]


def test_without_traffic_bindings_tell_who_shares_a_bound() -> None:
    """Two exchanges bound to a bounded queue are a warning, one binding is nothing, the default exchange is none."""
    shared = definitions(q(max_length=40), exchanges=EXCHANGES, bindings=TWO)
    (row, *_) = linted(shared)
    assert (row["rule"], row["severity"]) == ("shared-bound", "warning")
    assert "2 bindings share it (promo.events promo.#, trade.events trade.#)" in row["message"]
    assert "shared-bound" not in told(definitions(q(max_length=40), exchanges=EXCHANGES[:1], bindings=TWO[:1]))


def test_a_binding_over_which_nobody_was_seen_is_a_note() -> None:
    """One sender alone fills the queue, and others may: they are no fact, so it is no warning."""
    shared = definitions(q(max_length=40), exchanges=EXCHANGES, bindings=TWO)
    assert told(shared, flow("trading", channel="trade.events"))["shared-bound"] == "note"


@pytest.mark.parametrize(
    ("queue", "severity"),
    [
        pytest.param(q(max_length=40), "warning", id="evicts"),
        pytest.param(q(max_length=40, overflow="reject-publish"), "note", id="refuses: the sender can be told"),
        pytest.param(q(max_length=40, dead_letter_exchange="dlx"), None, id="parks"),
        pytest.param(q(), None, id="no bound"),
        pytest.param(q(message_ttl=1), None, id="a TTL is the business of another rule"),
        pytest.param(q(queue_type="stream", max_length_bytes=9), None, id="a stream has none"),
        pytest.param(q("amq.gen-1", max_length=40), None, id="a queue of the broker's own naming"),
    ],
)
def test_a_bounded_queue_without_a_dead_letter_exchange(queue: Row, severity: str | None) -> None:
    """What is evicted is gone for good; what is refused can be kept by its sender."""
    dlx = {"exchanges": [{"name": "dlx"}], "bindings": [{"source": "dlx", "routing_key": "#", "destination": "dead"}]}
    rows = [row for row in linted(definitions(queue, q("dead"), **dlx)) if row["queue"] != "dead"]
    assert {row["rule"]: row["severity"] for row in rows}.get("bounded-without-dead-letter") == severity


def test_nothing_is_recommended_that_a_replay_contradicts() -> None:
    """A replay that supports a queue of its own is quoted; where that saves nothing, it is not recommended."""
    flows, lost = [flow("a", 10, "critical"), flow("b", 10, "low")], [seen(overflow=9)]

    def change(told: Replayed) -> str:
        (row, *_) = linted(BOUNDED, *flows, traffic=lost, replayed=told)
        return str(row["change"])

    supported = change(Replayed("a queue of its own", "it loses none", parting=True))
    assert supported.startswith("give a over a.events a queue of its own")
    assert supported.endswith("crowd it out; it loses none (`baton whatif`)")
    contradicted = change(Replayed(None, "none of these saves all", parting=False))
    assert "a queue of its own" not in contradicted
    assert contradicted.endswith("no change to this queue alone saves all in time: serve faster or send less")


def test_a_queue_that_parks_needs_no_dead_letter_exchange_of_its_own() -> None:
    """Dead letters come to rest somewhere: a bounded one of these is not asked for the next."""
    routes = {
        "exchanges": [{"name": "dlx"}],
        "bindings": [{"source": "dlx", "routing_key": "#", "destination": "dead"}],
    }
    document = definitions(q(max_length=40, dead_letter_exchange="dlx"), q("dead", max_length=1000), **routes)
    assert told(document) == {}


def test_what_others_say_of_a_broker_leaves_a_dead_letter_exchange_open() -> None:
    """Null is unknown in a neutral document: it accuses nobody of having none."""
    row = {
        "at_ns": AT,
        "tenant": "default",
        "broker": "",
        "source": "neutral",
        "fact": "queue",
        "vhost": "",
        "name": "q",
    }
    facts = pl.DataFrame([{**row, "messages_max": 40, "overflow": "drop-head", "priorities": 9}], schema=FACTS.schema)
    assert told(facts, traffic=[seen(rejected=3)]) == {}


@pytest.mark.parametrize(
    ("queue", "found"),
    [
        pytest.param(q(max_length=40, max_priority=9), True, id="drop-head"),
        pytest.param(q(max_length=40, max_priority=9, overflow="reject-publish"), False, id="refusing"),
        pytest.param(q(max_priority=9), False, id="no bound"),
        pytest.param(q(max_length=40), False, id="no priorities"),
        pytest.param(q(queue_type="quorum", max_length=40, max_priority=9), False, id="quorum queues know none"),
    ],
)
def test_priorities_are_a_trap_where_the_head_is_dropped(queue: Row, found: bool) -> None:  # noqa: FBT001 - a case
    """RabbitMQ evicts the highest priority first: an error, and only there."""
    assert (told(definitions(queue)).get("priority-drop-head") == "error") is found


WAITS = {"p50_ms": 100.0, "p99_ms": 900.0, "max_ms": 1200.0}


@pytest.mark.parametrize(
    ("queue", "traffic", "severity"),
    [
        pytest.param(q(message_ttl=300), seen(100, 60, expired=40, **WAITS), "error", id="messages expired"),
        pytest.param(q(message_ttl=300), seen(over_ttl=5, **WAITS), "warning", id="some had waited longer"),
        pytest.param(q(message_ttl=300), seen(over_ttl=5, backwards=5, **WAITS), None, id="the clocks disagree"),
        pytest.param(q(message_ttl=300), seen(10, 10, over_ttl=5, **WAITS), None, id="too few for a tail"),
        pytest.param(q(message_ttl=5000), seen(**WAITS), None, id="longer than any wait"),
        pytest.param(q(), seen(**WAITS), None, id="no TTL"),
    ],
)
def test_a_ttl_is_held_against_the_waits_that_were_seen(queue: Row, traffic: Row, severity: str | None) -> None:
    """Expired messages are an error, waits beyond the TTL a warning; what cannot tell is silent."""
    assert told(definitions(queue), flow("a"), traffic=[traffic]).get("ttl-below-tail") == severity


@pytest.mark.parametrize(
    ("consumers", "waiting", "name", "severity"),
    [
        pytest.param(0, 160, "q", "warning", id="messages wait for nobody"),
        pytest.param(0, 0, "q", "note", id="nothing waits yet"),
        pytest.param(1, 160, "q", None, id="somebody takes"),
        pytest.param(None, 160, "q", None, id="nobody counted"),
        pytest.param(0, 20, "dead", "note", id="parked messages"),
        pytest.param(0, 0, "dead", None, id="an empty place to park"),
    ],
)
def test_a_queue_without_a_consumer(consumers: int | None, waiting: int, name: str, severity: str | None) -> None:
    """Only a snapshot that counted consumers says that there is none; places to park are read by people."""
    routes = {
        "exchanges": [{"name": "dlx"}],
        "bindings": [{"source": "dlx", "routing_key": "#", "destination": "dead"}],
    }
    queues = [q("other", dead_letter_exchange="dlx"), q("q"), q("dead")]
    counted = [{**one, "messages": waiting, "consumers": consumers if one["name"] == name else 1} for one in queues]
    assert told(definitions(*counted, **routes)).get("no-consumer") == severity


def test_rejects_without_a_dead_letter_queue() -> None:
    """A receiver that rejects loses messages where nothing parks them; it is named with how many."""
    rejecting = [seen(60, 60, rejected=20, refusers=["notify"])]
    (row,) = linted(definitions(q()), flow("a"), traffic=rejecting)
    assert (row["rule"], row["severity"]) == ("rejects-without-dead-letter", "warning")
    assert row["message"].startswith("notify failed or refused 20 of 60 messages of q")
    parked = definitions(q(dead_letter_exchange="", dead_letter_routing_key="dead"), q("dead"))
    assert told(parked, flow("a"), traffic=rejecting) == {}


def test_a_delivery_limit_without_a_dead_letter_exchange() -> None:
    """From RabbitMQ 4.0 on every quorum queue has one: a note, a warning once something was redelivered."""
    quorum = q(queue_type="quorum")
    assert told({**definitions(quorum), "rabbit_version": "4.0.2"}) == {"delivery-limit-without-dead-letter": "note"}
    assert told(definitions(quorum)) == {}
    redelivered = {**q(queue_type="quorum", delivery_limit=3), "messages": 0, "message_stats": {"redeliver": 7}}
    assert told(definitions(redelivered)) == {"delivery-limit-without-dead-letter": "warning"}


@pytest.mark.parametrize(
    ("more", "found"),
    [
        pytest.param({}, True, id="no such exchange"),
        pytest.param({"exchanges": [{"name": "dlx"}]}, True, id="nothing bound to it"),
        pytest.param(
            {"exchanges": [{"name": "dlx", "type": "headers"}], "bindings": [{"source": "dlx"}]}, False, id="headers"
        ),
        pytest.param(
            {"exchanges": [{"name": "dlx"}], "bindings": [{"source": "dlx", "routing_key": "x"}]}, False, id="perhaps"
        ),
    ],
)
def test_dead_letters_that_lead_nowhere(more: Row, found: bool) -> None:  # noqa: FBT001 - a case
    """An exchange for dead letters that no binding leads on from loses them; in doubt nothing is said."""
    document = definitions(q(), q("w", dead_letter_exchange="dlx"), **more)
    assert ("dead-letter-nowhere" in told(document)) is found


def test_an_exchange_that_nothing_is_bound_to() -> None:
    """A warning, unless an alternate exchange parks what is sent to it, or it is the broker's own."""
    assert told(definitions(q(), exchanges=[{"name": "x"}])) == {"unroutable": "warning"}
    assert told(definitions(q(), exchanges=[{"name": "amq.topic"}])) == {}
    spare = [{"name": "x", "arguments": {"alternate-exchange": "ae"}}, {"name": "ae", "type": "fanout"}]
    assert told(definitions(q(), exchanges=spare, bindings=[{"source": "ae"}])) == {}


def counters(confirmed: int | None, *queues: Row, source: str = "management") -> pl.DataFrame:
    """FACTS with the node's counters."""
    values = {
        "rabbitmq_global_messages_received_total": 860,
        "rabbitmq_global_messages_received_confirm_total": confirmed,
    }
    shared = {"at_ns": AT, "tenant": "default", "broker": "", "source": source, "vhost": "", "fact": "counter"}
    rows = [
        {**shared, "name": f'{name}{{protocol="amqp091"}}', "value": value}
        for name, value in values.items()
        if value is not None
    ]
    return pl.concat([known(definitions(*queues or [q()])), pl.DataFrame(rows, schema=FACTS.schema)])


def test_confirms_are_missed_only_where_none_was_seen() -> None:
    """A counter that never rose says so; one that rose says nothing of any single sender."""
    assert told(counters(0)) == told(counters(None)) == {"no-confirms": "note"}
    assert told(counters(17)) == told(counters(None, source="neutral")) == {}


def test_confirms_matter_most_where_a_queue_refuses() -> None:
    """A refusal that nobody waits for is a loss that nobody hears of: a warning that names the queue."""
    rows = linted(counters(0, q(max_length=40, overflow="reject-publish")), flow("a"), flow("b"))
    (row,) = [row for row in rows if row["rule"] == "no-confirms"]
    assert row["severity"] == "warning"
    assert "860 messages published (a, b)" in row["message"]
    assert "and q refuses messages at its limit" in row["message"]


def test_owners_are_the_queues_else_the_channels() -> None:
    """The queue's team, else the one that owns all its channels, else unowned."""
    owners: Row = {"queues": {}, "channels": {"a.events": "one", "b.events": "two"}}
    assert {row["owner"] for row in linted(BOUNDED, flow("a"), owners=owners)} == {"one"}
    assert {row["owner"] for row in linted(BOUNDED, flow("a"), flow("b"), owners=owners)} == {"unowned"}
    owners["queues"]["q"] = "three"
    assert {row["owner"] for row in linted(BOUNDED, flow("a"), flow("b"), owners=owners)} == {"three"}


def test_each_environment_that_sends_has_a_row_of_its_own() -> None:
    """Facts of any environment speak of two queues where two environments send; they share nothing."""
    rows = linted(BOUNDED, flow("a"), flow("b", environment="test"))
    assert {(row["environment"], row["rule"]) for row in rows} == {
        (name, "bounded-without-dead-letter") for name in ("prod", "test")
    }


def test_nothing_known_is_nothing_found() -> None:
    """Empty frames give an empty frame."""
    assert linted(FACTS.empty()) == []
    assert UNTAKEN.names()


def test_the_rules_are_documented() -> None:
    """docs/lint.md holds the table as it is drawn from the rules, and every severity that a rule names is one."""
    text = DOCS.read_text()
    begin, end = "<!-- begin rules -->\n", "<!-- end rules -->"
    assert text.split(begin)[1].split(end)[0] == documentation()
    assert {name for rule in every() for name in rule.severities.split(", ")} == {"error", "warning", "note"}
