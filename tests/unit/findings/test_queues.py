from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from baton.findings.queues import crowding, limits
from baton.limits import SENDERS_MAX
from baton.schema import PRESSURE, SUBSCRIPTION
from recording import ns

Row = dict[str, Any]

EVEN: Row = {
    "scope": "own",
    "survivors": 30,
    "depth": 49.0,
    "depth_iqr": 0.0,
    "wait_ns": 1e9,
    "wait_iqr_ns": 2e7,
    "calm_wait_ns": 1e7,
}
"""A queue of 50, as measured: depths as even as can be, waits within 2 %."""


def fitted(*rows: Row, services: dict[str, list[str]] | None = None) -> list[Row]:
    """The fits of rows of PRESSURE, on channel `ch` unless said otherwise."""
    key = {"tenant": "t", "environment": "", "broker": "", "channel": "ch", "subscription": "s"}
    frame = pl.DataFrame([{**key, **EVEN, **row} for row in rows], schema=PRESSURE.schema)
    takers = frame.select(SUBSCRIPTION).unique()
    named = services or {}
    told = pl.Series("services", [named.get(one, ["notify"]) for one in takers["channel"]], dtype=pl.List(pl.String))
    return limits(frame, takers.with_columns(told)).to_dicts()


def test_no_pressure_no_limit() -> None:
    """Nothing in, nothing out."""
    assert fitted() == []


def test_an_even_depth_is_a_limit() -> None:
    """The fit is the depth of the survivors; the limit is one more."""
    (fit,) = fitted({})
    assert (fit["depth"], fit["depth_iqr"], fit["survivors"], fit["scope"]) == (49.0, 0.0, 30, "own")


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        ({"survivors": 10}, True),
        ({"survivors": 9}, False),
        ({"depth": 5.0}, True),
        ({"depth": 4.9}, False),
        ({"depth": 9.0, "depth_iqr": 1.0, "wait_iqr_ns": 3e8}, True),
        ({"depth": 9.0, "depth_iqr": 1.1, "wait_iqr_ns": 3e8}, False),
        ({"depth": 100.0, "depth_iqr": 5.0, "wait_iqr_ns": 1e8}, True),
        ({"depth": 100.0, "depth_iqr": 5.1, "wait_iqr_ns": 1.1e8}, False),
        ({"depth": 100.0, "depth_iqr": 1.0, "wait_iqr_ns": 2e7}, True),
        ({"depth": 100.0, "depth_iqr": 1.0, "wait_iqr_ns": 1.9e7}, False),
        ({"depth": 61.0, "depth_iqr": 1.0, "wait_ns": 3e8, "wait_iqr_ns": 2.7e6}, False),
        ({"wait_iqr_ns": 0.0}, False),
        ({"depth": None, "depth_iqr": None, "survivors": 0}, False),
    ],
)
def test_the_bounds_of_a_fit(row: Row, fits: bool) -> None:  # noqa: FBT001 - a table's column
    """Enough survivors, deep enough, within 5 % or one message, and twice as even as the waits (a TTL is not)."""
    assert bool(fitted(row)) is fits


def test_the_evener_reading_is_taken() -> None:
    """Own queue or pool, whichever depth is the more even."""
    uneven = {"depth_iqr": 0.4}
    assert fitted(uneven, {"scope": "pool"})[0]["scope"] == "pool"
    assert fitted({}, {"scope": "pool", **uneven})[0]["scope"] == "own"


def test_a_subscription_with_few_survivors_borrows_the_pools_limit() -> None:
    """The same services receive it, and its few stood as deep: they share the queue."""
    few = {"channel": "few", "scope": "pool", "survivors": 3, "depth": 47.0}
    fits = fitted({"scope": "pool"}, few)
    assert [(fit["channel"], fit["depth"], fit["survivors"]) for fit in fits] == [("ch", 49.0, 30), ("few", 49.0, 30)]


@pytest.mark.parametrize(
    ("row", "services"),
    [
        ({"depth": 46.0}, {}),
        ({"survivors": 0}, {}),
        ({"scope": "own"}, {}),
        ({"tenant": "u"}, {}),
        ({"environment": "test"}, {}),
        ({}, {"few": ["other"]}),
    ],
)
def test_who_may_not_borrow(row: Row, services: dict[str, list[str]]) -> None:
    """Stood elsewhere (over 5 % off), has no survivors or no pool, is of another tenant, environment or service."""
    few = {"channel": "few", "scope": "pool", "survivors": 3, "depth": 47.0, **row}
    assert [fit["channel"] for fit in fitted({"scope": "pool"}, few, services=services)] == ["ch"]


def test_an_own_fit_lends_nothing() -> None:
    """A queue that one channel has to itself is nobody else's."""
    few = {"channel": "few", "scope": "pool", "survivors": 3, "depth": 47.0}
    assert [fit["channel"] for fit in fitted({}, few)] == ["ch"]


# --- crowding


def judged(
    *told: tuple[float, str, str], failed: bool = False, channel: str = "ch", lane: str = "notify"
) -> pl.DataFrame:
    """Judged rows of (sent at, sender, proof)."""
    rows = [
        (
            "t",
            "",
            "",
            channel,
            "s",
            number,
            ns(at),
            sender,
            proof,
            failed and proof == "failed",
            "expected",
            [lane, "shared"],
        )
        for number, (at, sender, proof) in enumerate(told)
    ]
    names = [*SUBSCRIPTION, "send", "sent_ns", "service", "proof", "failed", "relation", "services"]
    types = {"send": pl.UInt32, "sent_ns": pl.Int64, "failed": pl.Boolean, "services": pl.List(pl.String)}
    return pl.DataFrame(rows, schema={name: types.get(name, pl.String()) for name in names}, orient="row")


def shares(
    rows: pl.DataFrame, *, depth: float = 2.0, scope: str = "own", channel: str = "ch"
) -> list[tuple[str, float]]:
    """(sender, share) of one channel's queue."""
    key = pl.DataFrame([("t", "", "", channel, "s")], schema=SUBSCRIPTION, orient="row")
    fits = key.with_columns(scope=pl.lit(scope), survivors=pl.lit(30), depth=pl.lit(depth), depth_iqr=pl.lit(0.0))
    return crowding(rows, fits).select("sender", "share").rows()


EVICTED = (
    (0, "trades", "overtaken"),
    (1, "ticks", "received"),
    (2, "trades", "received"),
    (3, "trades", "overtaken"),
    (4, "ticks", "received"),
    (5, "ticks", "received"),
    (6, "news", "received"),
)


def test_the_hand_made_example() -> None:
    """Two evictions from a queue of two behind each: a tick and a trade; two ticks. Ticks held 3 of 4 places."""
    assert shares(judged(*EVICTED)) == [("ticks", 0.75), ("trades", 0.25)]


def test_a_depth_is_rounded_to_whole_messages() -> None:
    """Between two counts the nearer one: 1.6 behind an evicted message are two."""
    assert shares(judged(*EVICTED), depth=1.6) == shares(judged(*EVICTED))
    assert shares(judged(*EVICTED), depth=1.4) == [("ticks", 1.0)]


def test_a_refused_message_met_what_came_before_it() -> None:
    """Reject-publish: the queue then held the messages accepted right before; what was refused never entered."""
    told = ((0, "ticks", "received"), (1, "trades", "received"), (1.5, "ticks", "failed"), (2, "trades", "failed"))
    assert shares(judged(*told, (3, "news", "received"), failed=True)) == [("ticks", 0.5), ("trades", 0.5)]


def test_the_ends_of_the_recording_have_fewer_places() -> None:
    """An eviction with one message behind it counts that one; with none, nobody."""
    assert shares(judged((0, "a", "overtaken"), (1, "b", "received"))) == [("b", 1.0)]
    assert shares(judged((0, "a", "overtaken"))) == []


@pytest.mark.parametrize("proof", ["overtaken", "drained", "sidelined"])
def test_every_proof_of_a_loss_counts(proof: str) -> None:
    """What is lost from within the queue, by whichever proof; what is merely unseen does not."""
    assert shares(judged((0, "a", proof), (1, "b", "received"), (2, "b", "received"))) == [("b", 1.0)]
    assert shares(judged((0, "a", "silent"), (1, "b", "received"), (2, "b", "received"))) == []


def test_a_pool_counts_the_senders_of_all_its_channels() -> None:
    """What the same services receive elsewhere stands in the same queue; other services' messages do not."""
    lost = judged((0, "a", "overtaken"), (3, "a", "received"))
    others = judged((1, "b", "received"), (2, "c", "received"), channel="other")
    elsewhere = judged((0.5, "d", "received"), channel="third", lane="audit")
    rows = pl.concat([lost, others, elsewhere])
    assert shares(rows, scope="pool") == [("b", 0.5), ("c", 0.5)]
    assert shares(rows) == [("a", 1.0)]


def test_crowding_names_a_bounded_number_of_senders() -> None:
    """The largest SENDERS_MAX, equal shares by name."""
    told = [(number + 1.0, f"s{number:02d}", "received") for number in range(SENDERS_MAX + 4)]
    found = shares(judged((0, "a", "overtaken"), *told), depth=99)
    assert [sender for sender, _ in found] == [f"s{number:02d}" for number in range(SENDERS_MAX)]


def test_without_a_fit_nobody_crowds() -> None:
    """No limit, no queue to hold."""
    assert shares(judged(*EVICTED), channel="other") == []
