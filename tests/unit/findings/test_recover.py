from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from baton.findings.recover import recover
from baton.findings.said import JOURNEY
from baton.found import repairs
from baton.limits import RECOVERY_KEYS_MAX
from baton.ownership.catalog import EMPTY, Catalog
from baton.schema import HANDOFFS, RECOVERY
from incident import delivered, row
from recording import Recording, Span, analysed, of

KEYS = ("order.id",)


def advised(lost: dict[str, Any], *others: dict[str, Any]) -> tuple[str, str]:
    """Whether to send a lost message again, and why, with other handoffs beside it."""
    rows = pl.DataFrame([lost, *others], schema=HANDOFFS.schema)
    none = pl.DataFrame(schema=dict.fromkeys((*JOURNEY, "customer", "segment", "amount", "currency"), pl.String()))
    keys = none.select(JOURNEY).with_columns(pl.Series("keys", [], dtype=pl.List(pl.String)))
    owned = rows.head(1).with_columns(pl.lit(None, dtype=pl.String).alias("journey_owner"))
    (found,) = recover(owned, rows, none, keys, {}).to_dicts()
    return found["replay"], found["why"]


def another(number: int, **more: object) -> dict[str, Any]:
    """Another send that was delivered, a tenth of a second a number later."""
    return delivered(number, 10) | more


@pytest.mark.parametrize(
    ("lost", "others", "replay", "why"),
    [
        ({}, [], "yes", "nobody received it"),
        ({"disposition": "unknown"}, [], "yes", "where it is now, the spans do not tell"),
        ({}, [another(1)], "yes", "nobody received it"),
        ({"resubmitted_by": "f" * 32}, [], "no", "own resubmission"),
        ({}, [another(1, message_id="m-2")], "no", "another send of this message was delivered to notification"),
        ({"disposition": "waiting", "verdict": "stuck"}, [], "no", "it waits in its queue"),
        ({"disposition": "dead_lettered", "held_at": "dlq"}, [], "check", "it lies in dlq"),
        ({"disposition": "parked"}, [], "check", "it lies in another queue"),
        ({"disposition": "unknown", "verdict": "stuck"}, [], "check", "it may still wait"),
        ({"receive_span_id": "1" * 16}, [], "check", "notification took it and failed on it"),
        ({}, [another(2, to_service="audit", trace_id="t", span_id="s")], "check", "audit received it"),
        ({}, [another(5, correlation_id="T-1002")], "check", "a later send"),
        ({}, [another(5, journey_id=row(2)["journey_id"])], "check", "a later send"),
        ({"kind": "call", "channel": None}, [], "check", "a call"),
        ({"kind": "step"}, [], "check", "nothing was sent"),
        ({"confidence": "suspected"}, [], "check", "only suspected"),
    ],
)
def test_whether_to_send_it_again(lost: dict[str, Any], others: list[dict[str, Any]], replay: str, why: str) -> None:
    """Never yes where it may make two of it."""
    told = row(2, trace_id="t", span_id="s", **lost)
    found = advised(told, *others)
    assert found[0] == replay
    assert why in found[1]


@pytest.mark.parametrize(
    "other",
    [
        another(1, message_id="m-2"),
        another(1, message_id="m-2", from_service="gateway"),
        another(5, message_id="m-2"),
    ],
)
def test_the_same_message_delivered_earlier_or_by_another_counts(other: dict[str, Any]) -> None:
    """A retry that was lost after the first had come must not be sent a third time."""
    assert advised(row(2), other)[0] == "no"


@pytest.mark.parametrize(
    "other",
    [
        another(1, correlation_id="T-1002"),
        another(5, correlation_id="T-1002", channel="other"),
        another(5, correlation_id="T-1002", tenant="acme"),
        another(5, correlation_id="T-1002", environment="test"),
        another(5, message_id="m-2", tenant="acme"),
    ],
)
def test_what_stands_elsewhere_is_no_reason(other: dict[str, Any]) -> None:
    """An earlier message of the conversation, another channel, tenant or environment."""
    assert advised(row(2), other)[0] == "yes"


def test_two_lost_of_one_message_are_both_told() -> None:
    """Each is a row; only the last is sent again, for both would make two of it."""
    rows = pl.DataFrame([row(2), row(3, message_id="m-2")], schema=HANDOFFS.schema)
    none = pl.DataFrame(schema=dict.fromkeys((*JOURNEY, "customer", "segment", "amount", "currency"), pl.String()))
    keys = none.select(JOURNEY).with_columns(pl.Series("keys", [], dtype=pl.List(pl.String)))
    found = recover(rows.with_columns(pl.lit("wealth").alias("journey_owner")), rows, none, keys, {"wealth": "#w"})
    assert found.schema == RECOVERY.schema
    assert found["replay"].to_list() == ["check", "yes"]
    assert found["notify"].to_list() == [["messaging", "wealth #w", "notification"]] * 2


def work_list(recording: Recording, send: Span, catalog: Catalog = EMPTY) -> dict[str, Any]:
    """The work list's row of a lost send."""
    analysis = analysed(recording, catalog=catalog, keys=KEYS)
    lost = analysis.handoffs.filter(pl.col("finding_id").is_not_null())
    handoff = of(analysis.handoffs, send)[0]["handoff_id"]
    (found,) = repairs(lost, analysis, catalog, KEYS).filter(pl.col("handoff_id") == handoff).to_dicts()
    return dict(found)


def test_a_row_names_business_keys_customer_and_money() -> None:
    """All that whoever repairs it has to know."""
    recording = Recording()
    recording.flow(range(10))
    said = {"order.id": "O-1", "customer.id": "c", "app.amount": "12.50", "app.currency": "eur"}
    entry = recording.span("trading", 4.1, "buy", attributes=said)
    send = recording.send(at=4.2, under=entry, message="m", correlation="x", more={"order.id": "O-2"})
    catalog = Catalog.model_validate(
        {
            "teams": [{"name": "trade", "escalation": "#trade"}, {"name": "notes", "owns": {"services": ["notify"]}}],
            "journey_types": [{"name": "buy", "entry": {"service": "trading", "span": "buy"}, "owner": "trade"}],
            "impact": {"customer": "customer.id", "amount": "app.amount", "currency": "app.currency"},
        }
    )
    found = work_list(recording, send, catalog)
    assert found["keys"] == ["order.id=O-1", "order.id=O-2"]
    assert (found["customer"], found["amount"], found["currency"]) == ("c", "12.50", "EUR")
    assert (found["message_id"], found["correlation_id"], found["trace_id"]) == ("m", "x", send.trace)
    assert found["notify"] == ["trade #trade", "notes"]
    assert (found["verdict"], found["replay"]) == ("dropped", "yes")


def test_hostile_values_stay_out_of_the_figures() -> None:
    """An amount that is none is left out; keys are bounded."""
    recording = Recording()
    recording.flow(range(10))
    entry = recording.span("trading", 4.1, "buy", attributes={"app.amount": "1e999", "app.currency": "'; DROP"})
    for number in range(20):
        recording.span("trading", 4.1, under=entry, attributes={"order.id": f"O-{number:02}"})
    send = recording.send(at=4.2, under=entry)
    catalog = Catalog.model_validate({"impact": {"amount": "app.amount", "currency": "app.currency"}})
    found = work_list(recording, send, catalog)
    assert (found["amount"], found["currency"]) == (None, None)
    assert len(found["keys"]) == RECOVERY_KEYS_MAX


def test_what_the_customer_sent_again_is_not_replayed() -> None:
    """Silent loss, and the customer's own resubmission, delivered."""
    recording = Recording()
    recording.flow(range(5))
    send = recording.send(at=5, message="m")
    recording.receive(at=6.1, under=recording.send(at=6, message="m"))
    recording.flow(range(7, 12))
    assert work_list(recording, send)["replay"] == "no"
