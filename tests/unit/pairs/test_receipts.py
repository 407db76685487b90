from __future__ import annotations

from typing import Any

from baton.pairs.pair import pair
from baton.pairs.receipts import receipts
from baton.pairs.sends import sends
from recording import CLIENT, Recording, Span, mended, ns

NACK = {"messaging.operation.name": "nack"}
ACK = {"messaging.operation.name": "ack"}


def taken(recording: Recording) -> list[dict[str, Any]]:
    """The receipts, with the name of the span in the place of its row."""
    spans = mended(recording)
    names = dict(spans.select("row", "name").iter_rows())
    pairs, _ = pair(spans, sends(spans))
    return [{**row, "row": names[row["row"]]} for row in receipts(spans, pairs).to_dicts()]


def one(recording: Recording) -> dict[str, Any]:
    """The only receipt."""
    (row,) = taken(recording)
    return row


def sent() -> tuple[Recording, Span]:
    """A recording with one send at 0."""
    recording = Recording()
    return recording, recording.send()


def test_no_pairs_make_no_receipts() -> None:
    """A send that nobody received, and no send at all, give no receipt."""
    assert taken(Recording()) == []
    assert taken(sent()[0]) == []


def test_a_receipt_says_what_the_span_says() -> None:
    """Service, instance, destination, times and method of a single process."""
    recording, send = sent()
    recording.receive(at=1, took=2, channel="queue", under=send, instance="7")
    row = one(recording)
    assert (row["taker"], row["service"], row["service_instance"]) == ("notify at queue", "notify", "7")
    assert (row["destination"], row["queue"], row["method"]) == ("queue", None, "parent")
    assert (row["first_ns"], row["received_ns"], row["done_ns"]) == (ns(1), ns(1), ns(3))
    assert (row["step"], row["failed"], row["deliveries"], row["batched"]) == ("processed", False, 1, False)


def test_receive_and_process_are_one_delivery() -> None:
    """A process under its receive, or after it with the same context, is one delivery, from first start to last end."""
    for under in (True, False):
        recording, send = sent()
        receive = recording.receive(at=1, took=0.1, step="receive", name="receive", under=send)
        recording.receive(at=2, took=3, name="process", under=receive if under else send)
        row = one(recording)
        assert (row["row"], row["step"], row["deliveries"]) == ("receive", "processed", 1)
        assert (row["received_ns"], row["done_ns"]) == (ns(1), ns(5))


def test_a_receive_alone_is_received() -> None:
    """Without a process nothing says that it was handled."""
    recording, send = sent()
    recording.receive(step="receive", under=send)
    assert one(recording)["step"] == "received"


def test_a_settlement_adds_to_the_receipt() -> None:
    """An acknowledgement makes it settled; the receiving span stays the receive."""
    recording, send = sent()
    recording.receive(at=1, name="process", under=send)
    recording.receive(at=2, step="settle", kind=CLIENT, links=[send], more=ACK)
    row = one(recording)
    assert (row["row"], row["step"], row["failed"], row["deliveries"]) == ("process", "settled", False, 1)


def test_a_nack_fails_the_receipt() -> None:
    """A refusal is the receiver's word, though no span has an error status."""
    recording, send = sent()
    recording.receive(at=1, under=send)
    recording.receive(at=2, step="settle", kind=CLIENT, links=[send], more=NACK)
    row = one(recording)
    assert (row["step"], row["failed"], row["failure"]) == ("settled", True, "an error status")


def test_of_redeliveries_the_last_decides() -> None:
    """Failed, then processed: good. Processed, then failed: not."""
    for errors, failed in (([True, False], False), ([False, True], True), ([True, False, True], True)):
        recording, send = sent()
        for number, error in enumerate(errors):
            recording.receive(at=number + 1, under=send, name=str(number), error="boom" if error else None)
        row = one(recording)
        assert (row["failed"], row["deliveries"]) == (failed, len(errors))
        assert row["failure"] == ("boom" if failed else None)
        assert row["row"] == str(len(errors) - 1)
        assert (row["first_ns"], row["received_ns"]) == (ns(1), ns(len(errors)))


def test_the_first_delivery_says_how_it_was_paired() -> None:
    """The context came with the first; the redelivery has a link only."""
    recording, send = sent()
    recording.receive(at=1, under=send)
    recording.receive(at=2, links=[send])
    row = one(recording)
    assert (row["method"], row["deliveries"]) == ("parent", 2)


def test_a_nack_counts_for_its_own_delivery() -> None:
    """Refused, redelivered, processed, acknowledged: delivered twice, and the last is good."""
    recording, send = sent()
    for at, more in ((1, NACK), (3, ACK)):
        recording.receive(at=at, under=send)
        recording.receive(at=at + 1, step="settle", kind=CLIENT, links=[send], more=more)
    row = one(recording)
    assert (row["deliveries"], row["failed"], row["step"]) == (2, False, "settled")


def test_a_span_inside_another_of_the_instance_is_the_same_delivery() -> None:
    """A listener's span within the driver's, both with the send's context, is no redelivery; elsewhere it is."""
    for instance, deliveries in (("1", 1), ("2", 2)):
        recording, send = sent()
        recording.receive(at=1, took=5, under=send)
        recording.receive(at=2, took=1, under=send, instance=instance)
        assert one(recording)["deliveries"] == deliveries
    recording, send = sent()
    for at, took in ((1, 5), (2, 1)):
        recording.receive(at=at, took=took, step="receive", under=send)
    assert one(recording)["deliveries"] == 1


def test_an_error_on_a_batch_condemns_no_message() -> None:
    """The batch's span speaks of all its messages together."""
    recording = Recording()
    linked = [recording.send(), recording.send()]
    recording.receive(at=1, links=linked, error="one of them")
    assert [(row["failed"], row["batched"]) for row in taken(recording)] == [(False, True)] * 2


def test_a_groups_members_take_together() -> None:
    """Group, named subscription and queue name the taker, in this order; else service and destination do."""
    group = {"messaging.consumer.group.name": "g"}
    named = {"messaging.destination.subscription.name": "s"}
    for more, channel, taker in (
        ({**group, **named}, "ex:key:q", "group g"),
        (named, "ex:key:q", "subscription s"),
        ({}, "ex:key:q", "queue q"),
        ({}, "ex", "notify at ex"),
        ({}, None, "notify at an unnamed destination"),
    ):
        recording, send = sent()
        recording.receive(channel=channel, under=send, more=more)
        assert one(recording)["taker"] == taker


def test_two_services_are_two_takers() -> None:
    """Each service, and each destination of one service, has a receipt of its own."""
    recording, send = sent()
    recording.receive("notify", 1, "q1", under=send)
    recording.receive("notify", 2, "q2", under=send)
    recording.receive("audit", 3, "q1", under=send)
    assert [row["taker"] for row in taken(recording)] == ["audit at q1", "notify at q1", "notify at q2"]


def test_a_span_without_a_place_takes_where_the_one_before_did() -> None:
    """A process that names no destination belongs to the receive before it."""
    recording, send = sent()
    recording.receive(at=1, channel="q", step="receive", under=send)
    recording.receive(at=2, channel=None, under=send)
    assert one(recording)["taker"] == "notify at q"


def test_a_frameworks_name_under_a_drivers_is_the_drivers() -> None:
    """The span directly under a receive takes from the receive's place, whatever it calls it."""
    recording, send = sent()
    receive = recording.receive(at=1, channel="q", step="receive", under=send)
    recording.receive(at=2, channel="listener-42", under=receive)
    assert one(recording)["destination"] == "q"


def test_a_group_said_once_holds_for_the_place() -> None:
    """The receive names the consumer group, the process after it does not: one taker."""
    recording, send = sent()
    recording.receive(at=1, step="receive", under=send, more={"messaging.consumer.group.name": "g"})
    recording.receive(at=2, under=send)
    assert one(recording)["taker"] == "group g"


def test_attempts_under_one_receive_are_deliveries() -> None:
    """Processed with an error and then again, both under the one receive that lasts: two attempts, the last decides."""
    recording, send = sent()
    receive = recording.receive(at=1, took=5, step="receive", name="receive", under=send)
    recording.receive(at=2, took=1, name="first", under=receive, error="boom")
    recording.receive(at=4, took=1, name="second", under=receive)
    row = one(recording)
    assert (row["row"], row["deliveries"], row["failed"]) == ("second", 2, False)
    assert (row["first_ns"], row["received_ns"]) == (ns(1), ns(4))


def test_a_process_within_a_process_is_the_same_attempt() -> None:
    """A listener's span inside the framework's, both under the receive: it failed once, and that stands."""
    recording, send = sent()
    receive = recording.receive(at=1, took=5, step="receive", under=send)
    recording.receive(at=2, took=3, under=receive, error="boom")
    recording.receive(at=3, took=1, under=receive)
    row = one(recording)
    assert (row["deliveries"], row["failed"], row["failure"]) == (1, True, "boom")


def test_a_settlement_alone_proves_the_receipt() -> None:
    """Who settles has received: the settling span stands for the receipt that was not seen."""
    for more, failed in ((ACK, False), (NACK, True)):
        recording, send = sent()
        recording.receive(at=2, step="settle", kind=CLIENT, name="settle", links=[send], more=more)
        row = one(recording)
        assert (row["row"], row["step"], row["failed"]) == ("settle", "settled", failed)
        assert (row["taker"], row["first_ns"], row["deliveries"]) == ("notify at orders", ns(2), 1)


def test_a_lane_is_a_takers_partition() -> None:
    """Taker and partition by the receiver's word; one without partitions has one lane."""
    recording = Recording()
    for number, partition in enumerate((None, "0", "1")):
        said = {} if partition is None else {"messaging.destination.partition.id": partition}
        recording.receive(at=number, under=recording.send(), more=said)
    assert [row["lane"] for row in taken(recording)] == [
        "notify at orders ",
        "notify at orders 0",
        "notify at orders 1",
    ]


def test_a_partition_said_once_holds_for_the_delivery() -> None:
    """The receive names it, the process under it does not."""
    recording, send = sent()
    receive = recording.receive(at=1, step="receive", under=send, more={"messaging.destination.partition.id": "3"})
    recording.receive(at=2, under=receive)
    assert one(recording)["lane"] == "notify at orders 3"


def test_a_nack_by_a_three_part_name_is_of_the_receipt() -> None:
    """RabbitMQ's `exchange:key:queue` on receive and settlement is one place: one taker, which refused."""
    recording, send = sent()
    recording.receive(at=1, channel="ex:key:q", under=send)
    recording.receive(at=2, channel="ex:key:q", step="settle", kind=CLIENT, links=[send], more=NACK)
    row = one(recording)
    assert (row["taker"], row["queue"], row["destination"]) == ("queue q", "q", "ex:key")
    assert (row["deliveries"], row["failed"]) == (1, True)


def test_of_one_span_both_ways_say_the_same() -> None:
    """Messages that one span received are told without laying anything beside anything: the same comes of it."""
    recording = Recording()
    for number, more in enumerate(({}, {"error": "boom"}, {"step": "receive"}, {"step": "settle", "more": NACK})):
        recording.receive(at=number + 0.1, under=recording.send(at=number), **more)
    alone = taken(recording)
    for number in range(4):
        recording.receive(
            "audit", at=number + 0.2, channel="orders", under=Span(f"{2 * number + 1:032x}", f"{2 * number + 1:016x}")
        )
    beside = [row for row in taken(recording) if row["service"] == "notify"]
    assert len(alone) == 4
    for one_way, other in zip(alone, beside, strict=True):
        assert one_way | {"send": 0, "trace_key": 0} == other | {"send": 0, "trace_key": 0}
