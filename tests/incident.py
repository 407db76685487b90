"""The wealth platform's incident as hand-built models: confirmations dropped from a queue that market data floods."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from baton import schema
from baton.reports.model import Finding, Journey, Report, SpanLine
from baton.reports.times import parse
from baton.reports.who_model import (
    Dependency,
    Figures,
    Holding,
    Link,
    Matched,
    Operation,
    Party,
    Thing,
    Use,
    Verdict,
    Who,
)

START_NS = parse("2025-03-14T09:26:53.589793238Z", 0)
AS_OF_NS = parse("2025-03-14T09:40:00Z", 0)
SECOND_NS = 1_000_000_000
TRACES = tuple(f"4bf92f3577b34da6a3ce929d0e0e47{number:02x}" for number in range(60))

EVIDENCE = (
    "No receipt by notification within 5 s of the send, 5 times the 99th percentile of 1.02 s of 33 receipts.",
    "Overtaken: 31 messages sent later on wealth.events were received before the deadline of the first of them.",
    (
        "The queue stood at its limit: a median of 49 messages were published between a delivered message's send and "
        "its receipt (spread 0.7 %), as a queue of 50 that evicts its oldest shows; no sender was told."
    ),
    "Runner-up: receiver_down; notification received 47 messages a second throughout.",
)

OVERFLOW = Finding(
    finding_id="7d1c0a52b9e84f36a1d27e5b4c3f9081",
    kind="message",
    verdict="dropped",
    cause="overflow",
    confidence="inferred",
    count=27,
    handoffs=60,
    during=32,
    journeys=27,
    from_team="trading",
    to_team="notification",
    from_services=("trade-execution",),
    to_services=("notification",),
    channel="wealth.events",
    channel_team="messaging",
    queue="notify-q",
    accountable_team="messaging",
    accountable_why=(
        "messaging owns notify-q: its limit and its isolation decide what is lost; at those moments "
        "market-data (market-data) held 93% of it, trade-execution (trading, critical) 7%"
    ),
    next_to_ask=None,
    escalation="#messaging-oncall",
    first_at=START_NS + 1_250_000_000,
    last_at=START_NS + 4_380_000_000,
    ongoing=False,
    since=28,
    exemplars=TRACES[:3],
    evidence=EVIDENCE,
    crowding=(("market-data", "market-data", None, 0.934), ("trade-execution", "trading", "critical", 0.066)),
    journey_types=(("trade-confirmation", "wealth", 27),),
    customers=19,
    segments=(("retail", 21), ("private", 6)),
    amounts=(("EUR", "1234567.89", 20), ("USD", "50", 4), (None, "12.5", 1)),
    unreadable=1,
    unpriced=1,
    duplicates=4,
    dispositions={"gone": 27},
    resubmitted=4,
    changed=("market-data's rate rose from 10/s to 198/s 3.0 s before the first loss",),
)

SMS_DOWN = replace(
    OVERFLOW,
    finding_id="0f3e6c1d8a5b4927b6c4d2e1f0a98877",
    kind="call",
    cause="call_lost",
    confidence="confirmed",
    count=1,
    handoffs=33,
    during=1,
    journeys=1,
    from_team="notification",
    to_team=None,
    from_services=("notification",),
    to_services=(),
    channel=None,
    channel_team=None,
    queue=None,
    accountable_team=None,
    accountable_why=None,
    next_to_ask="notification: its client span names the SMS gateway, which sends no spans",
    escalation=None,
    first_at=START_NS + 2_100_000_000,
    last_at=START_NS + 2_100_000_000,
    ongoing=True,
    since=0,
    exemplars=TRACES[40:41],
    evidence=("The client span ended with an error after 10.0 s: DEADLINE_EXCEEDED.",),
    crowding=(),
    journey_types=(("trade-confirmation", "wealth", 1),),
    customers=None,
    segments=(),
    amounts=(),
    unreadable=0,
    unpriced=1,
    duplicates=0,
    dispositions={"unknown": 1},
    resubmitted=0,
    changed=(),
)

REPORT = Report(
    as_of_ns=AS_OF_NS,
    since_ns=START_NS - 60 * SECOND_NS,
    until_ns=None,
    store=Path("baton-store"),
    findings=(OVERFLOW, SMS_DOWN),
    counts={"delivered": 1093, "dropped": 28, "unobserved": 12, "pending": 2},
    late=3,
    blind=(
        "audit over wealth.events: nobody was ever seen to receive from it (12 handoffs).",
        "sms-gateway sends no spans: what notification calls there is known by the caller's word alone.",
    ),
    unowned=(("service", "legacy-batch", 800), ("channel", "eod.rates", 12)),
    profile="5f3a9c0e",
)

CALM = replace(
    REPORT, findings=(), counts={"delivered": 1135}, late=0, blind=(), unowned=(), since_ns=None, store=Path("/srv/st")
)

EMPTY = replace(CALM, counts={}, profile=None)

MESSAGING = Party(
    name="messaging",
    title="Messaging platform",
    escalation="#messaging-oncall",
    contact="messaging@bank.example",
    contacts={"lead": "A. Person"},
    on_call="https://pager.example/messaging",
    from_ns=START_NS - 86_400_000_000_000,
)

WHO = Who(
    name="wealth.events",
    as_of_ns=START_NS,
    owned_at_ns=START_NS,
    since_ns=None,
    until_ns=None,
    things=(
        Thing(
            kind="channel",
            party=MESSAGING,
            seen=True,
            homes=(("default", "prod"),),
            verdicts=(
                Verdict(
                    owner="messaging",
                    facts=("channel wealth.events",),
                    why="an exact name comes before a glob: channel wealth.events -> messaging before "
                    "channel wealth.* -> wealth",
                    gray=(),
                    rules=(
                        Matched("channel wealth.events -> messaging", "messaging", "ownership.yaml", "decides"),
                        Matched("channel wealth.events -> trading", "trading", "catalog-info.yaml", "conflict"),
                        Matched("channel wealth.* -> wealth", "wealth", "ownership.yaml", "outranked", START_NS),
                        Matched("channel * -> ops", "ops", "ownership.yaml", "lapsed", None, START_NS),
                    ),
                ),
            ),
            journeys=(Use("trade-confirmation", "critical", "wealth", 60, 80), Use(None, None, None, 800, 800)),
            upstream=(
                Link("receives from", "market-data", "market-data", "wealth.events", 800, 0, 800, 0),
                Link("receives from", "trade-execution", "trading", "wealth.events", 60, 28, 60, 60),
            ),
            downstream=(Link("sends to", "notification", "notification", "wealth.events", 860, 28, 860, 60),),
            figures=Figures(
                sent={"delivered": 832, "dropped": 28},
                received={},
                late=3,
                wait_p50_ms=41.0,
                wait_p99_ms=6200.0,
                handled=0,
                errors=0,
                p50_ms=None,
                p99_ms=None,
                per_minute=None,
                first_ns=START_NS,
                last_ns=START_NS + 60_000_000_000,
            ),
        ),
    ),
)

WHO_SERVICE = replace(
    WHO,
    name="trade-execution",
    things=(
        Thing(
            kind="service",
            party=Party("trading", escalation="#trading-oncall"),
            seen=True,
            homes=(("default", "prod"), ("default", "test")),
            verdicts=(
                Verdict(
                    "trading",
                    ("service trade-execution",),
                    "the only owner that any rule names: service trade-execution -> trading (ownership.yaml)",
                    (),
                    (Matched("service trade-execution -> trading", "trading", "ownership.yaml", "decides"),),
                    200,
                ),
                Verdict(
                    "unowned",
                    ("http_route /fx", "service trade-execution"),
                    "a gray area: 2 rules of equal rank in ownership.yaml name fx and trading",
                    ("fx", "trading"),
                    (
                        Matched("http_route /f* -> fx", "fx", "ownership.yaml", "tied"),
                        Matched("http_route /*x -> trading", "trading", "ownership.yaml", "tied"),
                    ),
                    20,
                ),
            ),
            teams=(("trading", 200), ("unowned", 20)),
            operations=(
                Operation("server", "Execute", "bank.Trades/Execute", 200, 2, 24.2, 300.0),
                Operation("producer", "send wealth.events", None, 60, 0, 0.04, 0.12),
            ),
            operations_more=3,
            journeys=(Use("trade-confirmation", "critical", "wealth", 60, 80),),
            upstream=(Link("calls", None, None, None, 62, 0, 62, 62),),
            downstream=(Link("called by", "wealth-gateway", "unowned", None, 200, 0, 80, 60),),
            dependencies=(
                Dependency("ledger", "dependsOn", "catalog-info.yaml", 0),
                Dependency("positions", "consumesApi", "catalog-info.yaml", 62),
                Dependency("fx-rates", None, None, 12),
            ),
            figures=Figures(
                sent={"delivered": 32, "dropped": 28},
                received={"delivered": 200},
                late=0,
                wait_p50_ms=0.07,
                wait_p99_ms=0.14,
                handled=200,
                errors=2,
                p50_ms=24.2,
                p99_ms=300.0,
                per_minute=100.0,
                first_ns=START_NS,
                last_ns=START_NS + 120_000_000_000,
            ),
        ),
    ),
)

WHO_PARTIES = replace(
    WHO,
    name="sms",
    things=(
        Thing(
            kind="queue",
            party=Party("unowned"),
            seen=False,
            homes=(),
            verdicts=(
                Verdict(
                    "unowned",
                    ("queue sms",),
                    "a gray area: 2 rules of equal rank in ownership.yaml name messaging and wealth",
                    ("messaging", "wealth"),
                    (
                        Matched("queue sms -> messaging", "messaging", "ownership.yaml", "tied"),
                        Matched("queue sms -> wealth", "wealth", "ownership.yaml", "tied"),
                    ),
                ),
            ),
        ),
        Thing(
            kind="journey type",
            party=Party("wealth"),
            seen=True,
            homes=(("default", "prod"),),
            declared=("criticality: normal", "begins with * of sms-gateway"),
            upstream=(Link("calls by", "notification", "notification", None, 12, 0, 12, 0),),
        ),
        Thing(
            kind="external party",
            party=Party("sms", external=True, contract_owner="messaging", escalation="#messaging-oncall"),
            seen=True,
            homes=(("default", "prod"),),
            holdings=(
                Holding("service", "sms-gateway", 62),
                Holding("service", "sms-*", None, "ownership.yaml", None, START_NS),
                Holding("http_route", "/sms/*", None, "ownership.yaml"),
                Holding("journey type", "report", None),
                Holding("contract", "telco", None),
            ),
        ),
    ),
)

WHO_UNOWNED = Who(
    "legacy-batch",
    START_NS,
    START_NS,
    None,
    None,
    (
        Thing(
            kind="service",
            party=Party("unowned"),
            seen=True,
            homes=(("default", ""),),
            verdicts=(Verdict("unowned", ("service legacy-batch",), "no rule matches it", (), (), 12),),
        ),
    ),
)


def _span(after_ms: float, took_ms: float, service: str, team: str, name: str, **more: object) -> SpanLine:
    """A span of the journey, by its offset from the start."""
    start_ns = START_NS + round(after_ms * 1_000_000)
    line = SpanLine(start_ns, start_ns + round(took_ms * 1_000_000), service, team, name, "unset", None, 0)
    return replace(line, **more)


def row(number: int = 0, **more: object) -> dict[str, object]:
    """A row of HANDOFFS as a dict: a confirmation that was dropped, unless `more` says otherwise."""
    sent_at = datetime(2025, 3, 14, 9, 26, 53, 589793, UTC) + timedelta(milliseconds=14 + 100 * number)
    dropped = {
        "handoff_id": f"{number:032x}",
        "kind": "message",
        "tenant": "default",
        "environment": "prod",
        "trace_id": TRACES[number],
        "span_id": f"00f067aa0ba9{number:04x}",
        "message_id": f"m-{number}",
        "correlation_id": f"T-10{number:02}",
        "journey_id": TRACES[number],
        "journey_type": "trade-confirmation",
        "sent_at": sent_at,
        "deadline_at": sent_at + timedelta(seconds=5),
        "from_service": "trade-execution",
        "from_team": "trading",
        "channel": "wealth.events",
        "channel_team": "messaging",
        "queue": "notify-q",
        "to_service": "notification",
        "to_team": "notification",
        "verdict": "dropped",
        "late": False,
        "cause": "overflow",
        "confidence": "inferred",
        "disposition": "gone",
        "accountable_team": "messaging",
        "expected_by": "learned",
        "finding_id": OVERFLOW.finding_id,
        "as_of": datetime(2025, 3, 14, 9, 40, tzinfo=UTC),
        "evidence": list(EVIDENCE[:2]),
    }
    return dict.fromkeys(schema.HANDOFFS.names) | dropped | more


def delivered(number: int, took_ms: int, *, late: bool = False) -> dict[str, object]:
    """A row of HANDOFFS as a dict: a confirmation that arrived after `took_ms`."""
    sent = row(number)
    judged = ("cause", "confidence", "disposition", "accountable_team", "finding_id")
    return (
        sent
        | dict.fromkeys(judged)
        | {
            "verdict": "delivered",
            "late": late,
            "receipt": "processed",
            "received_at": sent["sent_at"] + timedelta(milliseconds=took_ms),
            "receive_trace_id": sent["trace_id"],
            "receive_span_id": f"b7ad6b716920{number:04x}",
            "evidence": [],
        }
    )


def handoffs(rows: list[dict[str, object]] | None = None) -> pl.DataFrame:
    """A frame of HANDOFFS: four confirmations of the incident, unless other rows are given."""
    some = [row(0), delivered(1, 41), delivered(2, 6200, late=True), row(3, cause="unknown", confidence="suspected")]
    return pl.DataFrame(some if rows is None else rows, schema=schema.HANDOFFS.schema)


JOURNEY = Journey(
    journey_id=TRACES[0],
    journey_type="trade-confirmation",
    owner="wealth",
    correlation="T-1000",
    spans=(
        _span(0, 31, "wealth-gateway", "wealth", "POST /trades", role="server"),
        _span(2, 28, "wealth-gateway", "wealth", "trade-execution.Execute", role="client", depth=1),
        _span(4.5, 24.2, "trade-execution", "trading", "Execute", role="server", depth=2),
        _span(5, 7.4, "trade-execution", "trading", "SELECT positions", depth=3),
        _span(14, 0.412, "trade-execution", "trading", "wealth.events send", role="send", depth=3),
    ),
    handoffs=(
        delivered(0, 2)
        | {
            "kind": "call",
            "sent_at": datetime(2025, 3, 14, 9, 26, 53, 591793, UTC),
            "received_at": datetime(2025, 3, 14, 9, 26, 53, 594293, UTC),
            "from_service": "wealth-gateway",
            "from_team": "wealth",
            "to_service": "trade-execution",
            "to_team": "trading",
            "channel": None,
            "channel_team": None,
            "queue": None,
        },
        row(0),
    ),
    stopped="the message that trade-execution (trading) sent over wealth.events never reached notification.",
)

BOUNDARIES = pl.DataFrame(
    {
        "from_team": ["trading", "market-data", "notification", "wealth"],
        "from_service": [None, None, None, None],
        "to_team": ["notification", "notification", None, "trading"],
        "to_service": [None, None, None, None],
        "channel": ["wealth.events", "wealth.events", None, None],
        "channel_team": ["messaging", "messaging", None, None],
        "handoffs": [60, 800, 33, 60],
        "delivered": [33, 227, 32, 60],
        "late": [3, 0, 0, 0],
        "dropped": [27, 561, 1, 0],
        "stuck": [0, 0, 0, 0],
        "unobserved": [0, 12, 0, 0],
        "pending": [0, 0, 0, 0],
        "retried": [0, 0, 0, 0],
        "drop_rate": [0.45, 0.70125, 1 / 33, 0.0],
        "p50_ms": [1020.4, 1013.0, 38.25, 2.5],
        "p99_ms": [6200.0, 1150.9, 61.0, 4.125],
    }
)


def finding_row(finding: Finding) -> dict[str, object]:
    """A finding as a row of FINDINGS."""
    own = {name: getattr(finding, name) for name in schema.FINDINGS.names if hasattr(finding, name)}
    structs = {
        "crowding": ("service", "team", "criticality", "share"),
        "journey_types": ("journey_type", "owner", "count"),
        "segments": ("segment", "journeys"),
        "amounts": ("currency", "amount", "journeys"),
    }
    own |= {name: [dict(zip(parts, one, strict=True)) for one in own[name]] for name, parts in structs.items()}
    return own | {
        "tenant": "default",
        "environment": "prod",
        "dispositions": [{"disposition": word, "count": count} for word, count in finding.dispositions.items()],
        "as_of": AS_OF_NS,
    }


FINDINGS = pl.DataFrame([finding_row(OVERFLOW), finding_row(SMS_DOWN)], schema=schema.FINDINGS.schema)

RECOVERY = pl.DataFrame(
    [
        {
            "sent_at": START_NS + number * SECOND_NS,
            "keys": [f"trade.id=T-10{number:02}"],
            "message_id": f"m-{number}",
            "correlation_id": f"T-10{number:02}",
            "customer": customer,
            "amount": amount,
            "currency": "EUR" if amount else None,
            "from_service": "trade-execution",
            "channel": "wealth.events",
            "to_service": "notification",
            "verdict": "dropped",
            "disposition": "dead_lettered" if replay == "check" else "gone",
            "held_at": "notify-dlq" if replay == "check" else None,
            "replay": replay,
            "why": why,
            "notify": ["messaging #messaging-oncall", "wealth"],
            "journey_id": TRACES[number],
            "trace_id": TRACES[number],
            "handoff_id": f"{number:032x}",
        }
        for number, (customer, amount, replay, why) in enumerate(
            (
                ("C-007", "1234.50", "yes", "nobody received it, and nothing stands in its stead"),
                ('=HYPERLINK("http://evil")', None, "no", "the customer's own resubmission was delivered"),
                (None, "99", "check", "it lies in notify-dlq: move it from there, for a new send makes two of it"),
            )
        )
    ],
    schema=schema.RECOVERY.schema,
)
