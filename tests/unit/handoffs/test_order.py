from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baton.handoffs.order import overtaken
from recording import ns

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    Messages = Callable[..., pl.DataFrame]


ADDED = ("overtaken_ns", "before_ns", "before_sent_ns")


def ordered(messages: Messages, *told: tuple[Any, ...], **common: str) -> list[tuple[float | None, float | None]]:
    """(overtaken, before) in seconds of messages told as (sent, received or null, other columns)."""
    rows = []
    for number, (sent, received, *rest) in enumerate(told):
        row = {"send": number, "sent_ns": ns(sent), "lane": "a", "services": ["a"], **common, **(rest or [{}])[0]}
        if received is None:
            row["lane"] = None
        else:
            row["first_ns"] = ns(received)
        rows.append(row)
    found = overtaken(messages(*rows, without=ADDED)).sort("send").select("overtaken_ns", "before_ns")
    return [tuple(None if at is None else (at - ns(0)) / 1e9 for at in row) for row in found.iter_rows()]  # type: ignore[misc]  # two columns


def test_no_messages_overtake_nothing(messages: Messages) -> None:
    """Nothing in, nothing out."""
    assert overtaken(messages(without=ADDED)).is_empty()


def test_a_message_is_overtaken_by_the_first_sent_later(messages: Messages) -> None:
    """The earliest receipt among those sent later, and the latest among those sent earlier."""
    found = ordered(messages, (0, 5), (1, 4), (2, None), (3, 9), (4, 8))
    assert found[2] == (8, 5)


def test_the_last_one_is_overtaken_by_nobody(messages: Messages) -> None:
    """Nothing was sent after it; nothing before the first."""
    found = ordered(messages, (0, None), (1, 2), (2, None))
    assert found == [(2, None), (None, None), (None, 2)]


def test_lost_neighbours_do_not_hide_each_other(messages: Messages) -> None:
    """A run of losses is overtaken by the first receipt after it, each of them."""
    found = ordered(messages, (0, 1), (1, None), (2, None), (3, None), (4, 5))
    assert found[1:4] == [(5, 1)] * 3


def test_of_one_moment_none_is_later(messages: Messages) -> None:
    """Messages sent at the very same time overtake each other not."""
    found = ordered(messages, (0, 1), (1, None), (1, 2), (1, 3), (2, 9))
    assert found[1] == (9, 1)
    assert ordered(messages, (1, None), (1, 2)) == [(None, None), (None, None)]


def test_partitions_and_keys_are_sequences(messages: Messages) -> None:
    """Another partition's, routing key's, subscription's and another sender's messages overtake nothing here."""
    for other in (
        {"partition": "1"},
        {"routing_key": "k"},
        {"subscription": "x"},
        {"channel": "x"},
        {"tenant": "u"},
        {"service": "x"},
    ):
        assert ordered(messages, (0, None), (1, 2, other))[0] == (None, None)


def test_what_is_received_elsewhere_overtakes_nothing(messages: Messages) -> None:
    """An onward hop is no receipt of the subscription."""
    assert ordered(messages, (0, None), (1, 2, {"relation": "onward"}))[0] == (None, None)


def test_each_sharing_lane_has_to_pass(messages: Messages) -> None:
    """Two takers, or partitions, may be different queues: overtaken once both received a later one."""
    both = [(0, 0.5), (0.1, 0.6, {"lane": "b"})]
    only_a = ordered(messages, *both, (1, None), (2, 3), (3, 8), (0.2, 9, {"lane": "b"}))
    assert only_a[2] == (None, 9)
    assert ordered(messages, *both, (1, None), (2, 3), (3, 8, {"lane": "b"}))[2] == (8, 0.6)


def test_a_lane_that_takes_no_such_message_is_not_waited_for(messages: Messages) -> None:
    """Lane b takes another key, and another sender's: it never had this one to pass."""
    for other in ({"routing_key": "k"}, {"service": "x"}, {"partition": "1"}):
        told = [(0, 0.5), (0.1, 0.6, {"lane": "b", **other}), (1, None), (2, 3), (3, 9, {"lane": "b", **other})]
        assert ordered(messages, *told)[2] == (3, 0.5)


def test_the_slower_of_two_lanes_decides(messages: Messages) -> None:
    """Both still take: the later of their receipts is when it was passed."""
    told = [(0, 0.5), (0.1, 0.6, {"lane": "b"}), (1, None), (2, 3, {"lane": "b"}), (3, 8)]
    assert ordered(messages, *told)[2] == (8, 0.6)


def test_a_lane_that_another_replaced_is_not_waited_for(messages: Messages) -> None:
    """Its receipts ended before the other's began."""
    assert ordered(messages, (0, 1, {"lane": "old"}), (2, None), (3, 4), (5, 6))[1][0] == 4


def test_the_send_before_it_is_told_beside_the_receipt(messages: Messages) -> None:
    """Of the messages sent earlier and received, the last send; the lost, the later and the onward do not count."""
    received = [(0, 9.0), (1, 4.0), (4, 5.0)]
    rows = [
        {"send": number, "sent_ns": ns(sent), "first_ns": ns(at), "lane": "a"}
        for number, (sent, at) in enumerate(received)
    ]
    rows += [
        {"send": 3, "sent_ns": ns(1.5)},
        {"send": 4, "sent_ns": ns(2), "first_ns": ns(3), "lane": "b", "relation": "onward"},
        {"send": 5, "sent_ns": ns(3)},
    ]
    found = overtaken(messages(*rows, without=ADDED)).sort("send").select("before_ns", "before_sent_ns").rows()
    assert found[0] == (None, None)
    assert found[5] == (ns(9), ns(1))
