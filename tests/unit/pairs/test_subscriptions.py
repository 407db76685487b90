from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from baton.limits import FAN_OUT_SHARE_MIN, FAN_OUT_WHOLE_SHARE, TAKERS_MAX
from baton.pairs.subscriptions import ONWARD, subscriptions
from baton.schema import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCHEMA = {
    **dict.fromkeys(CHANNEL, pl.String),
    "send": pl.UInt32,
    "taker": pl.String,
    "destination": pl.String,
    "failed": pl.Boolean,
    "first_ns": pl.Int64,
}
Take = tuple[int, str, str | None, bool, int]


def takes(
    service: str, sends: Iterable[int], at: str | None = "q", *, failed: bool = False, first_ns: int = 0
) -> list[Take]:
    """The service takes these sends from that destination, at that time."""
    return [(send, f"{service} at {at}", at, failed, first_ns) for send in sends]


def grouped(*told: list[Take], channel: str = "orders", tenant: str = "t") -> dict[str, tuple[str, str]]:
    """Taker -> (subscription, relation)."""
    rows = [(tenant, "", "", channel, *take) for part in told for take in part]
    found = subscriptions(pl.DataFrame(rows, schema=_SCHEMA, orient="row"))
    return {taker: (subscription, relation) for *_, taker, subscription, relation in found.iter_rows()}


def test_no_takes_make_no_subscriptions() -> None:
    """Nothing received, nothing learned."""
    assert grouped() == {}


def test_one_taker_is_one_subscription() -> None:
    """A taker alone expects its own."""
    assert grouped(takes("a", range(5))) == {"a at q": ("a at q", "expected")}


def test_takers_of_the_same_messages_each_expect_their_own() -> None:
    """Fan-out: both took every message."""
    assert grouped(takes("a", range(5)), takes("b", range(5), "p")) == {
        "a at q": ("a at q", "expected"),
        "b at p": ("b at p", "expected"),
    }


def test_takers_that_exclude_each_other_share_one() -> None:
    """Competition: no message was taken by both."""
    both = ("a at q | b at q", "expected")
    assert grouped(takes("a", range(5)), takes("b", range(5, 9))) == {"a at q": both, "b at q": both}


@pytest.mark.parametrize(("shared", "subscriptions"), [(1, 1), (2, 2)])
def test_the_share_that_makes_a_fan_out(shared: int, subscriptions: int) -> None:
    """Of the smaller taker's ten messages, FAN_OUT_SHARE_MIN shared is a fan-out; fewer are redeliveries."""
    assert FAN_OUT_SHARE_MIN == 0.2
    found = grouped(takes("a", range(20)), takes("b", range(20 - shared, 30 - shared)))
    assert len({name for name, _ in found.values()}) == subscriptions


def test_a_fan_out_to_competing_consumers() -> None:
    """Two workers share one queue while an auditor takes all: two subscriptions."""
    found = grouped(takes("w1", range(0, 20, 2)), takes("w2", range(1, 20, 2)), takes("audit", range(20), "log"))
    assert found["w1 at q"] == found["w2 at q"] == ("w1 at q | w2 at q", "expected")
    assert found["audit at log"] == ("audit at log", "expected")


@pytest.mark.parametrize(
    "name",
    [
        "orders.dlq",
        "dlx",
        "orders-dead-letter",
        "orders_dead",
        "parking-lot",
        "parked",
        "poison",
        "orders.retry",
        "orders.errors",
        "failed-orders",
        "unroutable",
        "alternate",
        "quarantine",
        "deadletter",
        "orders/DLT",
    ],
)
def test_a_dead_letter_place_is_onward_by_its_name(name: str) -> None:
    """Operators' names for places after or instead of the usual one."""
    for sends in (range(5, 8), range(3, 8)):
        found = grouped(takes("a", range(5)), takes("reader", sends, name, first_ns=1))
        assert found[f"reader at {name}"] == (f"reader at {name}", "onward")
        assert found["a at q"] == ("a at q", "expected")


@pytest.mark.parametrize("first_ns", [0, 1])
def test_a_place_that_came_first_is_not_onward(first_ns: int) -> None:
    """Whatever its name: a dead letter comes after the receipt that it follows, and one that did not disproves it."""
    told = takes("reader", [0], "orders.dlq", first_ns=first_ns), takes("reader", [1], "orders.dlq", first_ns=2)
    found = grouped(takes("a", range(9), first_ns=1), *told)
    assert found["reader at orders.dlq"] == ("reader at orders.dlq", "expected")


@pytest.mark.parametrize(
    ("both", "failed", "relation"), [(7, 0, "onward"), (8, 0, "expected"), (8, 1, "onward"), (10, 0, "expected")]
)
def test_a_whole_fan_out_is_not_onward(both: int, failed: int, relation: str) -> None:
    """A place that takes FAN_OUT_WHOLE_SHARE of what another took well is a second receiver, though it is slower."""
    assert FAN_OUT_WHOLE_SHARE == 0.8
    usual = takes("a", range(failed), failed=True), takes("a", range(failed, 10))
    found = grouped(*usual, takes("ledger", range(both), "dlt-settlements", first_ns=1))
    assert found["ledger at dlt-settlements"] == ("ledger at dlt-settlements", relation)


def test_a_queues_name_counts_before_its_destination() -> None:
    """Where the receiver names the queue apart, the queue's name is the place's."""
    rows = [("t", "", "", "orders", send, "queue orders.dlq", "ex:key", False, 0) for send in range(3)]
    found = subscriptions(pl.DataFrame(rows, schema=_SCHEMA, orient="row"))
    assert found["relation"].to_list() == ["onward"]


@pytest.mark.parametrize("name", ["deadline", "terror", "spark", "sparking", "retryable", "dlquery", "ideal"])
def test_a_word_within_a_word_is_no_onward_name(name: str) -> None:
    """Only whole words count."""
    assert ONWARD.search(name) is None


def test_a_channel_that_is_itself_onward_has_usual_takers() -> None:
    """Who reads what was sent to a dead-letter exchange is its expected receiver."""
    assert grouped(takes("reader", range(3), "orders.dlq"), channel="dlx")["reader at orders.dlq"][1] == "expected"


def test_the_channels_own_name_is_never_onward() -> None:
    """A taker that calls the place as the sender does takes the usual way, whatever that name is."""
    assert (
        grouped(takes("reader", range(3), "orders.retry"), channel="orders.retry")["reader at orders.retry"][1]
        == "expected"
    )


def test_a_place_that_takes_only_what_failed_is_onward() -> None:
    """Named like nothing in particular, it took messages that the usual taker failed, and no others."""
    failed = takes("a", range(3), failed=True)
    found = grouped(takes("a", range(3, 20)), failed, takes("b", range(3), "side"))
    assert found["b at side"] == ("b at side", "onward")


def test_a_place_that_takes_more_than_what_failed_is_expected() -> None:
    """One message that had not failed makes it a receiver of its own."""
    failed = takes("a", range(3), failed=True)
    found = grouped(takes("a", range(3, 20)), failed, takes("b", range(4), "side"))
    assert found["b at side"] == ("b at side", "expected")


def test_a_failure_at_the_same_destination_sends_nothing_onward() -> None:
    """A competing worker that took over what the other failed is no dead-letter reader."""
    found = grouped(takes("a", range(9)), takes("a", range(9, 12), failed=True), takes("b", range(9, 12)))
    assert found["b at q"][1] == "expected"


def test_channels_and_tenants_are_kept_apart() -> None:
    """Takers of one name under two tenants never share a subscription."""
    rows = [(tenant, "", "", "orders", *take) for tenant in ("t", "u") for take in takes(tenant, range(3))]
    found = subscriptions(pl.DataFrame(rows, schema=_SCHEMA, orient="row"))
    assert found.select("tenant", "subscription").rows() == [("t", "t at q"), ("u", "u at q")]


def test_subscriptions_are_bounded() -> None:
    """Beyond TAKERS_MAX fanned-out takers the rest shares the last one."""
    told = [takes(f"s{number:03d}", range(2), f"q{number}") for number in range(TAKERS_MAX + 5)]
    found = grouped(*told)
    assert len(found) == TAKERS_MAX + 5
    assert len({name for name, _ in found.values()}) == TAKERS_MAX
