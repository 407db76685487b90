"""expected.json: what must be found, from the simulator's ledger and from what was planted; never from Baton's output.

The sections of commands say what is right by construction. Figures are the ledger's; names are of the day's own making.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bank.messages import LOST
from gray.day import LONG_AGO, NOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bank.messages import Fate, Message
    from gray.day import Day

AS_OF = "2026-11-02T13:15:00Z"
SINCE = "2026-11-02T11:00:00Z"
FACTS_AT = "2026-11-02T12:12:00Z"

_SHARED = "notify-q"
_OVERDUE = 2.0
"""Seconds: the deadline of asyncapi.yaml for checks."""
_SLOW = 0.5
"""Seconds: the 99th percentile promised of settlements."""


def expected(day: Day) -> dict[str, Any]:
    """Everything that is to be found, by section."""
    return {
        "as_of": AS_OF,
        "since": SINCE,
        "facts_at": FACTS_AT,
        "verdicts": _verdicts(day),
        "dropped": _dropped(day),
        "reorganisation": _reorganisation(day),
        "coverage": _coverage(day),
        "conflicts": _conflicts(),
        "trust": _trust(),
        "map": _map(day),
        "contracts": _contracts(day),
        "lint": _lint(),
    }


def _copies(day: Day, why: str | None = None) -> Iterator[tuple[Message, Fate]]:
    """Messages with what became of them in each queue; of one cause, if it is named."""
    for message in day.bank.messages:
        for fate in message.fates:
            if why is None or (fate.what == LOST and fate.why == why):
                yield message, fate


def _verdicts(day: Day) -> dict[str, dict[str, int]]:
    """Channel -> verdict -> handoffs of messages, with the broker's facts; of calls, all are delivered."""
    sampled = {span.trace for span in day.bank.telemetry.spans if span.process[0] == "audit-trail" and not span.seen}
    verdicts: dict[str, Counter[str]] = {"sms.outbound": Counter(unobserved=len(day.sms))}
    for message, fate in _copies(day):
        word = {"taken": "delivered", "retried": "retried", LOST: "dropped"}[fate.what]
        if message.exchange == "trade.audit":
            assert message.context is not None
            word = "unobserved" if message.context.trace in sampled else word
        verdicts.setdefault(message.exchange, Counter())[word] += 1
        if fate.held_at is not None:
            # What went to a dead-letter queue that is read is a handoff of its own.
            verdicts[message.exchange]["delivered"] += 1
    verdicts["calls"] = Counter(delivered=sum(len(moments) for moments in day.calls.values()))
    return {channel: dict(counts) for channel, counts in sorted(verdicts.items())}


_ACCOUNTABLE = {"overflow": "messaging", "unroutable": "messaging"}
_REFUSERS = {"statements-q": "notifications", "alerts-q": "fraud"}


def _dropped(day: Day) -> list[dict[str, Any]]:
    """Each lost message with its cause and the team accountable; two are told from spans, `unroutable` from facts."""
    rows = []
    for message, fate in _copies(day):
        if fate.what != LOST:
            continue
        assert fate.why is not None
        if fate.why == "publish_failed":
            team = _confirmed_by(message.sent_at)
        elif fate.why == "rejected":
            team = _REFUSERS[fate.queue]
        else:
            team = _ACCOUNTABLE[fate.why]
        rows.append(
            {"message_id": message.id, "channel": message.exchange, "cause": fate.why, "accountable_team": team}
        )
    return sorted(rows, key=lambda row: row["message_id"])


def _confirmed_by(at: float) -> str:
    """The team that owns confirmation-service at a moment."""
    return "trading" if at < NOON else "notifications"


def _reorganisation(day: Day) -> dict[str, Any]:
    """The same loss before and after noon, told to the team of its hour."""
    told = Counter(_confirmed_by(message.sent_at) for message in day.refused)
    return {
        "service": "confirmation-service",
        "at": "2026-11-02T12:00:00Z",
        "cause": "publish_failed",
        "before": {"team": "trading", "count": told["trading"]},
        "after": {"team": "notifications", "count": told["notifications"]},
    }


def _coverage(day: Day) -> dict[str, Any]:
    return {
        "gray_areas": [
            {"kind": "service", "name": "fx-hub", "teams": ["payments", "trading"]},
            {"kind": "channel", "name": "fraud.alerts", "teams": ["fraud", "payments"]},
        ],
        # What several claim nobody owns: gray areas are among the unowned, but no orphans.
        "unowned_services": ["fx-hub", "legacy-batch", "promo-campaigns"],
        "unowned_channels": ["campaign.events", "fraud.alerts", "settlement.events", "trade.events"],
        "orphaned_channels": ["settlement.events", "trade.events"],
        "stale": [
            {"team": "deposits", "kind": "services", "pattern": "check-imaging"},
            {"team": "messaging", "kind": "queues", "pattern": "legacy-*"},
        ],
        "external_parties": [{"name": "check-validation-inc", "contract_owner": "deposits"}],
        "teams_without_escalation": ["statements"],
        "journeys_without_owner": [
            {
                "service": "wealth-gateway",
                "span": "GET /portfolio",
                "journeys": day.journeys["wealth-gateway GET /portfolio"],
            }
        ],
        "received_but_not_sent": [
            {"service": "ledger", "queue": "mainframe.postings", "receipts": day.numbers["M"]},
        ],
    }


def _conflicts() -> list[dict[str, str]]:
    """With catalog-info.yaml beside ownership.yaml, and what the telemetry says of itself."""
    return [
        {"service": "ledger", "wins": "core-banking", "by": "ownership.yaml", "loses": "payments", "of": "backstage"},
        {
            "service": "statement-service",
            "wins": "statements",
            "by": "ownership.yaml",
            "loses": "documents",
            "of": "telemetry",
        },
    ]


def _trust() -> dict[str, dict[str, str | None]]:
    """May Baton accuse -> channels where that is the answer, with what blinds; sound ones beside them."""
    return {
        "no": {"sms.outbound": "uninstrumented receiver"},
        # A quarter of the traces is kept: of those Baton may speak.
        "limited": {"trade.audit": "head sampling"},
        "yes": {"payment.instructions": None, "trade.events": None, "wealth.events": None},
    }


def _map(day: Day) -> dict[str, Any]:
    return {
        "ping_pong": [
            {
                "journey_type": "check-deposit",
                "team": "deposits",
                "by_way_of": "check-validation-inc",
                "journeys": day.journeys["deposit-intake POST /deposits/checks"],
            },
            {
                "journey_type": "settlement",
                "team": "core-banking",
                "by_way_of": "payments",
                "journeys": _returned(day),
            },
        ],
        "cycles": [
            ["check-validation-inc", "deposits"],
            ["core-banking", "payments"],
            ["core-banking", "payments", "fraud"],
        ],
        "single_points": {
            "channels": ["ledger.postings"],
            "services": ["ledger"],
            "queues": ["ledger-postings-q"],
            "teams": ["core-banking"],
            "journey_types": ["check-deposit", "trade-confirmation"],
        },
    }


def _returned(day: Day) -> int:
    """Settlement runs of which the ledger got something back."""
    accepted = [message.context for message in day.bank.messages if message.key == "return.accepted"]
    return len({context.trace for context in accepted if context is not None})


def _clause(contract: str, clause: str, verdict: str, **more: object) -> dict[str, Any]:
    return {"contract": contract, "clause": clause, "verdict": verdict, **more}


def _contracts(day: Day) -> list[dict[str, Any]]:
    """Every clause of contracts.yaml and asyncapi.yaml; AsyncAPI's are named by sender and channel."""
    lost = [message for why in ("overflow", "publish_failed") for message, _ in _copies(day, why)]
    confirmations = sum(message.sender == "confirmation-service" for message in lost)
    requests = ("deposit-intake", "check.validation.requests")
    results = ("check-validator", "check.validation.results")
    return [
        _clause("trade-confirmations", "loss", "breached", breaches=confirmations),
        _clause(
            "trade-confirmations",
            "retries",
            "breached",
            breaches=len(day.refused),
            accountable=["notifications", "trading"],
        ),
        _clause("trade-confirmations", "dead_letter", "breached", queue=_SHARED, accountable=["messaging"]),
        _clause("trade-confirmations", "isolation", "breached", queue=_SHARED, accountable=["messaging"]),
        *(
            _clause("payment-instructions", clause, "holds")
            for clause in ("deadline", "loss", "retries", "idempotent", "dead_letter", "isolation")
        ),
        _clause("ledger-postings", "latency", "holds"),
        _clause("ledger-postings", "confirms", "unproven", why="not observable"),
        _clause(
            "settlements",
            "latency",
            "breached",
            breaches=_later(day, "settlement.events", _SLOW),
            accountable=["payments"],
        ),
        _clause("settlements", "idempotent", "breached", breaches=_twice(day), accountable=["payments"]),
        _clause("fx-rates", "circuit_breaking", "breached", accountable=["payments"]),
        _clause("statement-balances", "circuit_breaking", "holds"),
        _clause("sms", "loss", "unproven", why="not observable"),
        _clause("wire-transfers", "deadline", "unproven", why="no traffic"),
        _clause(
            "/".join(requests),
            "deadline",
            "breached",
            breaches=_later(day, requests[1], _OVERDUE),
            accountable=["check-validation-inc"],
        ),
        _clause("/".join(requests), "loss", "holds"),
        _clause("/".join(results), "deadline", "holds"),
        # asyncapi.yaml says where their correlation ids stand, and their spans say none.
        _clause("/".join(requests), "correlation_id", "unproven", why="not observable"),
        _clause("/".join(results), "correlation_id", "unproven", why="not observable"),
    ]


def _of(day: Day, channel: str, wanted: Callable[[Message, Fate], bool]) -> int:
    """Copies of a channel's messages of the day itself."""
    return sum(
        message.exchange == channel and message.sent_at > LONG_AGO + 86_400 and wanted(message, fate)
        for message, fate in _copies(day)
    )


def _later(day: Day, channel: str, seconds: float) -> int:
    return _of(day, channel, lambda message, fate: fate.receipts[0].begin - message.sent_at > seconds)


def _twice(day: Day) -> int:
    return _of(day, "settlement.events", lambda _message, fate: len(fate.receipts) > 1)


def _lint() -> list[dict[str, str | None]]:
    """Every finding; the queue is null where it is an exchange."""
    named = (
        ("shared-bound", "error", _SHARED, "messaging"),
        ("priority-drop-head", "error", "alerts-q", "unowned"),
        ("unroutable", "error", None, "messaging"),
        ("bounded-without-dead-letter", "warning", _SHARED, "messaging"),
        ("ttl-below-tail", "warning", "campaign-q", "unowned"),
        ("rejects-without-dead-letter", "warning", "statements-q", "messaging"),
        ("no-consumer", "note", "eod.reports", "unowned"),
    )
    return [dict(zip(("rule", "severity", "queue", "owner"), one, strict=True)) for one in named]
