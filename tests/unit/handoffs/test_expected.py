from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baton.analysis import expect
from baton.handoffs.expected import expected
from baton.limits import DEADLINE_DEFAULT_NS
from baton.schema import EXPECTATIONS
from recording import SECOND, Recording, Span, ns, paired

if TYPE_CHECKING:
    import polars as pl


def laid_out(recording: Recording, expectations: pl.DataFrame | None = None) -> list[dict[str, Any]]:
    """The rows, the span id of the send (hex) as `id`."""
    known = paired(recording)
    rows = expected(known.sends, known.receipts, expect(known) if expectations is None else expectations)
    ids = known.spans.span_ids(known.spans["row"])
    return [{**row, "id": ids[row["send"]]} for row in rows.to_dicts()]


def rows_of(rows: list[dict[str, Any]], send: Span) -> list[tuple[str | None, str, bool]]:
    """(subscription, relation, received) of one send."""
    return [(row["subscription"], row["relation"], row["row"] is not None) for row in rows if row["id"] == send.id]


def test_nothing_is_expected_of_nothing() -> None:
    """No sends, no rows."""
    assert laid_out(Recording()) == []


def test_a_message_with_no_known_receiver_has_one_row() -> None:
    """Nobody was ever seen to receive: one row without a subscription."""
    recording = Recording()
    send = recording.send()
    (row,) = laid_out(recording)
    assert rows_of([row], send) == [(None, "expected", False)]
    assert (row["services"], row["expected_by"], row["deadline_ns"]) == (None, None, DEADLINE_DEFAULT_NS)


def test_every_message_has_a_row_for_each_subscription() -> None:
    """Fan-out to two: received by one, missing at the other."""
    recording = Recording()
    sends = recording.flow(range(5))
    for at, send in sends.items():
        if at != 3:
            recording.receive("audit", at + 0.2, "log", under=send)
    rows = laid_out(recording)
    assert len(rows) == 10
    assert rows_of(rows, sends[3]) == [("audit at log", "expected", False), ("notify at orders", "expected", True)]


def test_competing_services_have_one_row() -> None:
    """What either took was taken."""
    recording = Recording()
    even = recording.flow(range(0, 10, 2), taker="a")
    recording.flow(range(1, 10, 2), taker="b")
    rows = laid_out(recording)
    assert len(rows) == 10
    assert rows_of(rows, even[4]) == [("a at orders | b at orders", "expected", True)]
    assert {tuple(row["services"]) for row in rows} == {("a", "b")}


def test_an_onward_hop_is_a_row_of_its_own_and_no_expectation() -> None:
    """The message that went to the dead-letter queue has two rows, the others have one."""
    recording = Recording()
    sends = recording.flow(range(5), lost=[3])
    recording.receive("reader", 3.5, "orders.dlq", under=sends[3])
    rows = laid_out(recording)
    assert len(rows) == 6
    assert rows_of(rows, sends[3]) == [
        ("notify at orders", "expected", False),
        ("reader at orders.dlq", "onward", True),
    ]
    (hop,) = [row for row in rows if row["relation"] == "onward"]
    assert (hop["place"], hop["expected_by"]) == ("orders.dlq", None)


def test_a_channels_only_subscription_was_meant_a_minute_before() -> None:
    """SUBSCRIPTION_LEAD_NS before its first receipt, and no longer."""
    recording = Recording()
    before = [recording.send(at=at) for at in (0, 39.9, 40)]
    recording.flow([100, 101])
    rows = laid_out(recording)
    assert [rows_of(rows, send)[0][0] for send in before] == [None, None, "notify at orders"]


def test_a_subscription_that_joined_others_is_not_held_to_what_was_sent_before() -> None:
    """From its first message on, no sooner."""
    recording = Recording()
    sends = recording.flow(range(10), taker="audit")
    for at in range(5, 10):
        recording.receive("new", at + 0.2, "new", under=sends[at])
    rows = laid_out(recording)
    assert [len(rows_of(rows, sends[at])) for at in range(10)] == [1] * 5 + [2] * 5


KEY = "messaging.rabbitmq.destination.routing_key"


def keyed(**other: str | int) -> tuple[list[dict[str, Any]], Span]:
    """Ten messages of key `trade`, received; the rows of these and of one that is not, and that one."""
    recording = Recording()
    for at in range(10):
        recording.receive(at=at + 0.1, under=recording.send(at=at, more={KEY: "trade"}))
    send = recording.send(at=5.5, more=other)
    return laid_out(recording), send


def test_a_message_of_a_key_never_taken_is_not_expected() -> None:
    """The subscription takes the keys that it was seen to take; a message without a key may be meant for it."""
    for other, subscription in (
        ({KEY: "tick"}, None),
        ({KEY: "trade"}, "notify at orders"),
        ({}, "notify at orders"),
    ):
        assert rows_of(*keyed(**other)) == [(subscription, "expected", False)]


def test_where_keys_tell_nothing_every_key_is_expected() -> None:
    """Each message bears a key of its own: an id, not a kind."""
    recording = Recording()
    for at in range(10):
        recording.receive(at=at + 0.1, under=recording.send(at=at, more={KEY: str(at)}))
    send = recording.send(at=5.5, more={KEY: "new"})
    assert rows_of(laid_out(recording), send) == [("notify at orders", "expected", False)]


def test_the_place_is_this_receipts_own() -> None:
    """One service takes from two queues of an exchange; where nothing was received, the first stands for both."""
    recording = Recording()
    sends = recording.flow(range(0, 10, 2), channel="orders")
    for at in range(1, 10, 2):
        sends[at] = recording.send(at=at)
        recording.receive(at=at + 0.1, channel="q2", under=sends[at])
    places = {row["id"]: row["place"] for row in laid_out(recording)}
    assert [places[sends[at].id] for at in range(4)] == ["orders", "q2"] * 2


def test_the_receipt_lies_beside_the_expectation() -> None:
    """Who received, when, how often, and how it ended, of the last delivery."""
    recording = Recording()
    (send,) = recording.flow([1], instance="7", took=2).values()
    recording.receive(at=5, under=send, error="boom", instance="8")
    (row,) = laid_out(recording)
    assert (row["receiver"], row["instance"], row["destination"]) == ("notify", "8", "orders")
    assert (row["first_ns"], row["received_ns"], row["deliveries"]) == (ns(1.1), ns(5), 2)
    assert (row["lapsed"], row["lapse"], row["step"]) == (True, "boom", "processed")


def test_of_competing_services_the_last_receipt_decides() -> None:
    """A message that one service failed and another took over was taken, in the lane of the other."""
    recording = Recording()
    recording.flow(range(10), taker="a")
    sends = recording.flow(range(10, 20), taker="b")
    recording.receive("a", 12.01, under=sends[12], error="boom", step="receive")
    (row,) = [row for row in laid_out(recording) if row["id"] == sends[12].id]
    assert (row["receiver"], row["lapsed"], row["deliveries"], row["step"]) == ("b", False, 2, "processed")
    assert (row["lane"], row["first_ns"]) == ("b at orders ", ns(12.01))


def test_deadlines_are_learned_else_the_default() -> None:
    """Twenty pairs teach a deadline, nineteen leave 30 s; the expectation itself is learned from either."""
    for count, deadline_ns in ((20, SECOND), (19, DEADLINE_DEFAULT_NS)):
        recording = Recording()
        recording.flow(range(count))
        assert {(row["deadline_ns"], row["expected_by"]) for row in laid_out(recording)} == {(deadline_ns, "learned")}


def test_without_expectations_a_receipt_stands_for_itself() -> None:
    """A store that never learned: what was received is expected there, the rest nowhere."""
    recording = Recording()
    sends = recording.flow(range(3), lost=[2])
    rows = laid_out(recording, EXPECTATIONS.empty())
    assert rows_of(rows, sends[0]) == [("notify at orders", "expected", True)]
    assert rows_of(rows, sends[2]) == [(None, "expected", False)]
    assert [row["services"] for row in rows] == [["notify"], ["notify"], None]
    assert {row["expected_by"] for row in rows} == {None}
    assert not any(row["tossed"] for row in rows)


def test_stale_expectations_name_other_channels() -> None:
    """What was learned of other channels, tenants and environments expects nothing here."""
    taught = Recording()
    taught.flow(range(3), channel="old")
    taught.flow(range(3), tenant="other")
    stale = expect(paired(taught))
    recording = Recording()
    send = recording.send()
    assert rows_of(laid_out(recording, stale), send) == [(None, "expected", False)]


def test_an_unlearned_taker_of_a_learned_channel_has_its_own_row() -> None:
    """A service that came after the learning is beside the expected one, and shares no row with it."""
    taught = Recording()
    taught.flow(range(3))
    recording = Recording()
    (send,) = recording.flow([10], taker="new").values()
    assert rows_of(laid_out(recording, expect(paired(taught))), send) == [
        ("new at orders", "expected", True),
        ("notify at orders", "expected", False),
    ]


def test_unknown_kinds_of_expectation_are_left_alone() -> None:
    """What was learned of calls names no message, even under an equal channel."""
    taught = Recording()
    taught.flow(range(3))
    calls = expect(paired(taught)).with_columns(kind=EXPECTATIONS.empty()["kind"].extend_constant("call", 1))
    recording = Recording()
    send = recording.send(at=5)
    assert rows_of(laid_out(recording, calls), send) == [(None, "expected", False)]
