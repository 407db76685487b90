from __future__ import annotations

import hashlib
from typing import Any

import polars as pl

from baton.ownership.catalog import Catalog
from baton.schema import HANDOFFS
from recording import CLIENT, LATER, PRODUCER, SERVER, Recording, Span, judged, ns, of

HEX = 32


def digest(*parts: str) -> str:
    """What the design says an id is."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:HEX]


def lossy(**send: Any) -> tuple[Recording, Span, Span]:  # noqa: ANN401 - parts of a send
    """Ten messages, the one at 4 lost and overtaken; the recording, a received send and the lost one."""
    recording = Recording()
    sends = recording.flow(range(4))
    lost = recording.send(at=4, **send)
    recording.flow(range(5, 10))
    return recording, sends[1], lost


def the(recording: Recording, span: Span) -> dict[str, Any]:
    """The only row of a send."""
    (row,) = of(judged(recording), span)
    return row


def test_no_messages_make_no_rows() -> None:
    """Nothing in, nothing out, in the schema's columns."""
    rows = judged(Recording())
    assert rows.is_empty()
    assert rows.schema == HANDOFFS.schema


def test_a_handoffs_id_is_the_designs_formula() -> None:
    """32 hex digits of SHA-256 over kind, the send's trace and span id, and the subscription; null as nothing."""
    recording, received, lost = lossy()
    lonely = recording.send("x", channel="lonely")
    client = recording.span("web", kind=CLIENT, attributes={"server.address": "api"})
    recording.span("api", kind=SERVER, under=client)
    for span, kind, subscription in (
        (received, "message", "notify at orders"),
        (lost, "message", "notify at orders"),
        (lonely, "message", ""),
        (client, "call", "api"),
    ):
        assert the(recording, span)["handoff_id"] == digest(kind, span.trace, span.id, subscription)


def test_a_delivered_row_says_who_when_and_where() -> None:
    """Ids in hex, raw times in UTC, no accusation."""
    recording = Recording()
    send = recording.send(at=1, channel="exchange", message="m", correlation="c")
    receive = recording.receive(at=2, channel="queue", under=send)
    row = the(recording, send)
    assert (row["kind"], row["verdict"], row["receipt"]) == ("message", "delivered", "processed")
    assert (row["trace_id"], row["span_id"]) == (send.trace, send.id)
    assert (row["receive_trace_id"], row["receive_span_id"]) == (receive.trace, receive.id)
    assert (row["message_id"], row["correlation_id"]) == ("m", "c")
    assert (row["channel"], row["queue"], row["journey_id"]) == ("exchange", "queue", send.trace)
    assert (row["from_service"], row["to_service"]) == ("trading", "notify")
    assert (row["from_team"], row["to_team"], row["channel_team"]) == ("unowned",) * 3
    accusation = ("cause", "confidence", "disposition", "held_at", "accountable_team", "next_to_ask", "finding_id")
    assert [row[name] for name in accusation] == [None] * len(accusation)


def test_times_are_kept_to_the_nanosecond() -> None:
    """`sent_at`, `received_at`, `deadline_at` and `as_of` are the raw clocks."""
    recording, received, lost = lossy()
    rows = judged(recording).with_columns(pl.col("sent_at", "received_at", "deadline_at", "as_of").dt.timestamp("ns"))
    (row,) = of(rows, received)
    assert [row[name] for name in ("sent_at", "received_at", "as_of")] == [ns(1), ns(1.1), ns(LATER)]
    assert row["deadline_at"] == ns(31)
    (row,) = of(rows, lost)
    assert (row["received_at"], row["deadline_at"], row["late"]) == (None, ns(34), False)


def test_rows_stand_in_the_order_of_sending() -> None:
    """Sorted by `sent_at, handoff_id`, whatever the order of ids and arrival."""
    recording = Recording()
    for number, at in enumerate((5, 3, 3, 9, 1)):
        recording.send(at=at, own=Span(f"{9 - number}" * 32, f"{9 - number}" * 16))
    rows = judged(recording)
    assert rows.equals(rows.sort("sent_at", "handoff_id"))
    assert rows["sent_at"].is_sorted()


def test_the_queue_is_the_receivers_word() -> None:
    """Its own queue's name; else what it calls the place, if that differs from the channel."""
    recording = Recording()
    same, other, named = (recording.send(at=at, channel=f"ch{at}") for at in range(3))
    recording.receive(at=1, channel="ch0", under=same)
    recording.receive(at=2, channel="q1", under=other)
    recording.receive(at=3, channel="ch2:key:q2", under=named)
    rows = judged(recording)
    assert [of(rows, span)[0]["queue"] for span in (same, other, named)] == [None, "q1", "q2"]


def test_an_unsaid_channel_is_null() -> None:
    """A message that names no destination has no channel, and nobody owns it; nor has a call."""
    recording = Recording()
    send = recording.span("a", kind=PRODUCER)
    client = recording.span("web", kind=CLIENT, attributes={"server.address": "api"})
    rows = judged(recording)
    told = [of(rows, span)[0] for span in (send, client)]
    assert [(row["channel"], row["channel_team"]) for row in told] == [(None, None)] * 2


def test_nothing_is_expected_of_the_unknown() -> None:
    """Without a known receiver there is no deadline, and nothing says whence it is expected."""
    recording = Recording()
    row = the(recording, recording.send())
    assert [row[name] for name in ("deadline_at", "expected_by", "to_service", "to_team")] == [None] * 4


def test_late_is_after_the_deadline() -> None:
    """Of messages, by the last receipt; a call is never late."""
    recording = Recording()
    sends = recording.flow([0, 1])
    late, in_time = recording.send(at=2), recording.send(at=3)
    recording.receive(at=32.001, under=late)
    recording.receive(at=33, under=in_time)
    client = recording.span("web", 1, took=1, kind=CLIENT, attributes={"server.address": "api"})
    recording.span("api", 50, kind=SERVER, under=client)
    rows = judged(recording)
    assert [of(rows, span)[0]["late"] for span in (sends[0], late, in_time, client)] == [False, True, False, False]


def test_a_silent_loss_made_good_names_its_resend() -> None:
    """It stays dropped, with the row of the customer's own resubmission: that is how duplicates are made."""
    recording, _, lost = lossy(message="m")
    resend = recording.send(at=10, message="m")
    recording.receive(at=10.1, under=resend)
    rows = judged(recording)
    (row,) = of(rows, lost)
    assert (row["verdict"], row["resubmitted_by"]) == ("dropped", of(rows, resend)[0]["handoff_id"])
    assert rows["resubmitted_by"].drop_nulls().len() == 1


def test_a_known_failure_names_no_resend() -> None:
    """The sender's own retry is `retried`, and no resubmission."""
    recording, _, failed = lossy(message="m", error="nack")
    recording.receive(at=10.1, under=recording.send(at=10, message="m"))
    row = the(recording, failed)
    assert (row["verdict"], row["resubmitted_by"]) == ("retried", None)


def test_a_finding_groups_one_boundary_and_cause() -> None:
    """Losses of one channel share it; another channel, sender, tenant or environment has its own; others have none."""
    recording = Recording()
    lost: dict[str, list[Span]] = {}
    for name, told in {
        "usual": {},
        "channel": {"channel": "other"},
        "sender": {"service": "web", "channel": "third"},
        "tenant": {"tenant": "acme"},
        "environment": {"environment": "test"},
    }.items():
        here = {"channel": "orders", "service": "trading", **told}
        place = {key: value for key, value in told.items() if key in ("tenant", "environment")}
        lost[name] = []
        for at in range(10):
            send = recording.send(at=at, **here)
            if at in (4, 6):
                lost[name].append(send)
            else:
                recording.receive(at=at + 0.1, under=send, channel=here["channel"], **place)
    rows = judged(recording)
    ids = {name: {row["finding_id"] for send in sends for row in of(rows, send)} for name, sends in lost.items()}
    assert all(len(found) == 1 for found in ids.values())
    assert len(set.union(*ids.values())) == len(ids)
    assert rows.filter(verdict="delivered")["finding_id"].to_list() == [None] * 40


def test_owners_are_on_the_row() -> None:
    """Sender, receiver and the queue's owner by the ownership file."""
    teams = [
        {"name": "trade", "owns": {"services": ["trading"]}},
        {"name": "messages", "owns": {"services": ["notify"]}},
        {"name": "platform", "owns": {"channels": ["orders"]}},
    ]
    recording, received, lost = lossy()
    rows = judged(recording, catalog=Catalog.model_validate({"version": "1", "teams": teams}))
    for span in (received, lost):
        (row,) = of(rows, span)
        assert (row["from_team"], row["to_team"], row["channel_team"]) == ("trade", "messages", "platform")
