from __future__ import annotations

from typing import Any

import pytest

from recording import Recording, Span, judged, of

Row = dict[str, Any]


def failed(places: list[tuple[str, str | None]], taker: str = "notify") -> tuple[Row, Row]:
    """The row of a message whose receiver failed it and sent it on, from place to place, and the last hop's row.

    Of each place: its name and how its receipt failed, None where it did not. All but the first are sent on by `taker`.
    """
    recording = Recording()
    recording.flow(range(30))
    first = last = recording.send(at=30)
    receipt: Span = recording.receive(at=30.1, under=first, error="boom")
    for number, (place, error) in enumerate(places, start=31):
        last = recording.send("notify" if number == 31 else taker, number, place, under=receipt)
        receipt = recording.receive(taker, number + 0.1, place, under=last, error=error)
    rows = judged(recording)
    return of(rows, first)[0], of(rows, last)[0]


@pytest.mark.parametrize("place", ["orders.DLT", "orders-dlq", "orders.parking-lot"])
def test_a_failed_message_is_held_where_its_receiver_sent_it(place: str) -> None:
    """The first row says where it is; the hop is delivered, a row of its own."""
    row, hop = failed([(place, None)], taker="graveyard")
    assert (row["verdict"], row["held_at"]) == ("dropped", place)
    assert row["disposition"] == ("parked" if "parking" in place else "dead_lettered")
    assert (hop["verdict"], hop["to_service"]) == ("delivered", "graveyard")


def test_a_retry_of_its_own_that_succeeds_makes_up_for_it() -> None:
    """It took it again, and well."""
    row, _ = failed([("orders-retry-0", None)])
    assert (row["verdict"], row["held_at"]) == ("delivered", None)


def test_another_service_that_takes_the_retry_makes_up_for_nothing() -> None:
    """Whoever should have received it still has not."""
    row, _ = failed([("orders-retry-0", None)], taker="other")
    assert row["verdict"] == "dropped"


def test_a_chain_of_retries_ends_where_it_ends() -> None:
    """Retry after retry fails, and the dead-letter topic holds it: every failed row says so."""
    row, _ = failed([("orders-retry-0", "boom"), ("orders-retry-1", "boom"), ("orders-dlt", None)])
    assert (row["verdict"], row["held_at"]) == ("dropped", "orders-dlt")
    row, _ = failed([("orders-retry-0", "boom"), ("orders-retry-1", None)])
    assert row["verdict"] == "delivered"


def test_what_else_a_failed_receipt_sends_is_no_onward_hop() -> None:
    """An event about the failure is another message."""
    row, _ = failed([("alerts", None)])
    assert (row["verdict"], row["held_at"]) == ("dropped", None)
