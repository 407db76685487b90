from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from baton.handoffs.amends import made_good, sidelined
from baton.limits import MESSAGE_ID_WINDOW_NS
from recording import Recording, judged, ns, of

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    Messages = Callable[..., pl.DataFrame]

Row = dict[str, Any]
HOP: Row = {"relation": "onward", "subscription": "reader", "destination": "dlq", "row": 8, "first_ns": ns(20)}
ADDED = ("held_at", "mended")
TAKEN: Row = {"row": 9, "lapsed": False, "first_ns": ns(1), "received_ns": ns(1)}
FAILED: Row = {**TAKEN, "lapsed": True}


def held(messages: Messages, *rows: Row) -> list[str]:
    """The subscriptions against which the hop of one message is held."""
    found = sidelined(messages(*rows, without=ADDED))
    marked = found.filter("sidelined")
    assert set(found.filter(~found["sidelined"])["held_at"].to_list()) <= {None}
    assert set(marked["held_at"].to_list()) <= {"dlq"}
    return marked["subscription"].to_list()


def sub(name: str, row: Row) -> Row:
    """The same row of another subscription."""
    return {**row, "subscription": name}


def test_without_a_hop_nothing_is_sidelined(messages: Messages) -> None:
    """Missing alone is no hop."""
    assert held(messages, {}, sub("b", TAKEN)) == []


def test_a_hop_is_held_against_the_one_without_a_receipt(messages: Messages) -> None:
    """One missing among several: it went there in that one's stead."""
    assert held(messages, sub("a", {}), sub("b", TAKEN), sub("c", FAILED), HOP) == ["a"]


def test_a_hop_is_held_against_the_one_that_failed(messages: Messages) -> None:
    """All received, one failed: its failure sent it there."""
    assert held(messages, sub("a", FAILED), sub("b", TAKEN), HOP) == ["a"]


def test_a_hop_is_held_against_the_only_one(messages: Messages) -> None:
    """Received without a word, and found at the dead-letter place as the receipt ended."""
    assert held(messages, sub("a", {**TAKEN, "done_ns": ns(20)}), HOP) == ["a"]


@pytest.mark.parametrize(("done", "sidelined"), [(20.011, 0), (20.01, 1), (19.75, 1), (19.749, 0)])
def test_a_hop_long_before_or_after_a_good_receipt_says_nothing_of_it(
    messages: Messages, done: float, sidelined: int
) -> None:
    """A business queue that is called like a dead-letter place takes its messages when it will."""
    assert len(held(messages, sub("a", {**TAKEN, "done_ns": ns(done)}), HOP)) == sidelined


@pytest.mark.parametrize("row", [{}, FAILED, TAKEN])
def test_of_several_that_could_have_sent_it_none_is_named(messages: Messages, row: Row) -> None:
    """Two missing, two failed, or two that both took it."""
    assert held(messages, sub("a", row), sub("b", row), HOP) == []


def test_a_receipt_after_the_hop_made_up_for_it(messages: Messages) -> None:
    """Brought back from the dead-letter queue and received again."""
    assert held(messages, {**TAKEN, "received_ns": ns(21), "done_ns": ns(20)}, HOP) == []
    assert held(messages, {**TAKEN, "received_ns": ns(20), "done_ns": ns(20)}, HOP) == ["notify at orders"]


def test_a_hop_of_another_message_is_not_held_against_this_one(messages: Messages) -> None:
    """Each send for itself; and a message with no known receiver has nobody to hold it against."""
    assert held(messages, {"send": 1}, {**HOP, "send": 2}) == []
    assert held(messages, {"subscription": None}, HOP) == []


def test_the_queue_names_the_place_before_the_destination(messages: Messages) -> None:
    """Where the receiver names its queue, that is where it is held; of several hops the last."""
    found = sidelined(
        messages({}, {**HOP, "queue": "dlq-a"}, {**HOP, "subscription": "z", "first_ns": ns(30)}, without=ADDED)
    )
    assert found.filter("sidelined")["held_at"].to_list() == ["dlq"]
    found = sidelined(messages({}, {**HOP, "queue": "dlq-a"}, without=ADDED))
    assert found.filter("sidelined")["held_at"].to_list() == ["dlq-a"]


# --- retry places


RETRY: Row = {**HOP, "destination": "orders.retry", "place": "orders.retry", "receiver": "notify", "lapsed": False}


def mended(messages: Messages, *rows: Row) -> list[str]:
    """The subscriptions whose message was made up for from a retry place."""
    return sidelined(messages(*rows, without=ADDED)).filter("mended")["subscription"].to_list()


@pytest.mark.parametrize("place", ["orders.retry", "RETRIES-5m", "orders.redelivery"])
@pytest.mark.parametrize("row", [{}, FAILED])
def test_a_receipt_from_a_retry_place_makes_up_for_it(messages: Messages, row: Row, place: str) -> None:
    """The same receiver took it well from there: no hop is held against it."""
    hop = {**RETRY, "place": place}
    assert mended(messages, row, hop) == ["notify at orders"]
    assert held(messages, row, hop) == []


@pytest.mark.parametrize(
    "other", [{"receiver": "audit"}, {"lapsed": True}, {"place": "orders.dlq"}, {"send": 2}, {"row": None}]
)
def test_what_makes_up_for_nothing(messages: Messages, other: Row) -> None:
    """Another receiver's, one that failed again, a dead-letter place, another message, and no receipt at all."""
    assert mended(messages, FAILED, {**RETRY, **other}) == []


def test_a_retry_that_failed_again_is_still_held(messages: Messages) -> None:
    """It stands in the retry queue, and nothing made up for it."""
    (row,) = sidelined(messages(FAILED, {**RETRY, "lapsed": True}, without=ADDED)).filter("sidelined").to_dicts()
    assert (row["subscription"], row["held_at"]) == ("notify at orders", "orders.retry")


# --- later sends


def repaired_by(messages: Messages, *rows: Row) -> int | None:
    """The send that made good for the first message."""
    frame = sidelined(messages(*({"send": number, **row} for number, row in enumerate(rows)), without=ADDED))
    found = made_good(frame).sort("send")
    assert found.height == len(rows)
    return found["made_good"][0]


BAD: Row = {"message_id": "m", "correlation_id": "c", "failed": True}
GOOD: Row = {**TAKEN, "sent_ns": ns(5), "message_id": "m", "correlation_id": "c"}


def test_a_later_send_of_the_same_message_makes_good(messages: Messages) -> None:
    """By message id, of a failed and of a lost one; the first that was delivered counts."""
    later = {**GOOD, "sent_ns": ns(7)}
    assert repaired_by(messages, BAD, GOOD, later) == 1
    assert repaired_by(messages, {**BAD, "failed": False}, GOOD) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"sent_ns": ns(0)},
        {"sent_ns": ns(-1)},
        {"row": None},
        {"lapsed": True},
        {"message_id": "n", "correlation_id": "d"},
        {"channel": "x"},
        {"tenant": "x"},
        {"environment": "x"},
    ],
)
def test_what_makes_nothing_good(messages: Messages, other: Row) -> None:
    """A send not later, not delivered, failed at its receiver, of another id, channel, tenant or environment."""
    assert repaired_by(messages, BAD, {**GOOD, **other}) is None


def test_a_send_days_later_is_another_message(messages: Messages) -> None:
    """Producers restart their counters: within MESSAGE_ID_WINDOW_NS an id is the same message, and no longer."""
    late = ns(0) + MESSAGE_ID_WINDOW_NS
    assert repaired_by(messages, BAD, {**GOOD, "sent_ns": late}) == 1
    assert repaired_by(messages, BAD, {**GOOD, "sent_ns": late + 1}) is None


def test_a_received_message_needs_nothing_made_good(messages: Messages) -> None:
    """What arrived is not looked for."""
    assert repaired_by(messages, {**TAKEN, "message_id": "m"}, GOOD) is None


def test_a_correlation_id_names_one_retry(messages: Messages) -> None:
    """Without message ids: same channel, sender, span name and correlation id, delivered once."""
    plain = {**BAD, "message_id": None}
    good = {**GOOD, "message_id": None}
    assert repaired_by(messages, plain, good) == 1
    assert repaired_by(messages, plain, good, {**good, "sent_ns": ns(7)}) is None
    for other in ("service", "span_name", "correlation_id"):
        assert repaired_by(messages, plain, {**good, other: "x"}) is None


def test_two_receipts_of_one_send_are_one_delivery(messages: Messages) -> None:
    """Fan-out does not make a correlation id ambiguous."""
    good = {**GOOD, "message_id": None, "send": 7}
    assert repaired_by(messages, {**BAD, "message_id": None}, good, sub("b", good)) == 7


def test_an_unnamed_loss_is_made_good_by_nobody(messages: Messages) -> None:
    """Nothing tells which was lost, so no later send replaces it."""
    plain = {**BAD, "message_id": None, "failed": False, "unnamed_sent": 2}
    assert repaired_by(messages, plain, {**GOOD, "message_id": None}) is None
    assert repaired_by(messages, {**plain, "message_id": "m"}, GOOD) == 1


def test_an_id_of_another_day_makes_nothing_good() -> None:
    """Correlation ids recur: what was sent today under yesterday's id is another message; an hour later it is not."""
    for hours, verdict in ((20, "dropped"), (1, "retried")):
        recording = Recording()
        recording.flow(range(30))
        lost = recording.send(at=30, correlation="c", message="1", error="nack")
        again = recording.send(at=30 + hours * 3600, correlation="c", message="2")
        recording.receive(at=31 + hours * 3600, under=again)
        (row,) = of(judged(recording, 100_000), lost)
        assert row["verdict"] == verdict


def test_a_hop_that_fails_in_its_turn_says_where_the_message_went() -> None:
    """A retry queue's reader fails it as well, and the dead-letter queue's takes it: both rows name that queue."""
    recording = Recording()
    recording.flow(range(30))
    sends = [recording.send(at=at) for at in range(30, 34)]
    for at, send in enumerate(sends, start=30):
        recording.receive(at=at + 0.1, under=send, error="boom")
        recording.receive("retrier", at + 0.2, "orders.retry", under=send, error="boom")
        recording.receive("graveyard", at + 0.4, "orders.dlq", under=send)
    rows = {row["to_service"]: row for row in of(judged(recording), sends[0])}
    assert {name: (row["verdict"], row["disposition"], row["held_at"]) for name, row in rows.items()} == {
        "notify": ("dropped", "dead_lettered", "orders.dlq"),
        "retrier": ("dropped", "dead_lettered", "orders.dlq"),
        "graveyard": ("delivered", None, None),
    }
