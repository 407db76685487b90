from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from baton.pairs.pressure import pressed, pressure
from baton.schema import SUBSCRIPTION

SECOND = 1_000_000_000
_SCHEMA = {
    **dict.fromkeys(SUBSCRIPTION, pl.String),
    "services": pl.List(pl.String),
    "send": pl.UInt32,
    "sent_ns": pl.Int64,
    "failed": pl.Boolean,
    "first_ns": pl.Int64,
}


def expected(
    waits: dict[float, float | None], channel: str = "ch", *, failed: tuple[float, ...] = (), service: str = "s"
) -> pl.DataFrame:
    """Messages by their time of sending (s) with how long they waited (s), null for the lost."""
    key = ("t", "", "", channel, f"{service} at {channel}", [service])
    rows = [
        (*key, number, round(at * SECOND), at in failed, None if wait is None else round((at + wait) * SECOND))
        for number, (at, wait) in enumerate(waits.items(), start=0 if channel == "ch" else 100)
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


# Sent once a second, 2 and 6 were lost. Among them 3 saw two messages sent behind it, 4 three, 5 four.
HAND_MADE = {0: 0.1, 1: 0.1, 2: None, 3: 2.5, 4: 3.5, 5: 4.5, 6: None, 7: 0.1, 8: 0.3, 9: 0.1}


def measured(rows: pl.DataFrame, scope: str = "own") -> dict[str, Any]:
    """The figures of the first subscription in that scope."""
    return pressure(rows).filter(pl.col("scope") == scope).row(0, named=True)


def test_no_messages_and_no_losses_press_nothing() -> None:
    """Only a subscription that lost something has a row."""
    assert pressure(expected({})).is_empty()
    assert pressure(expected({0: 0.1, 1: 0.1})).is_empty()
    assert pressed(pressure(expected({}))).is_empty()


def test_the_hand_made_example() -> None:
    """Depths 2, 3, 4 and waits 2.5, 3.5, 4.5 s among the losses; 0.1 s in calm."""
    row = measured(expected(HAND_MADE))
    assert (row["survivors"], row["depth"], row["depth_iqr"]) == (3, 3.0, 1.0)
    assert (row["wait_ns"], row["wait_iqr_ns"]) == (3.5 * SECOND, 1.0 * SECOND)
    assert row["calm_wait_ns"] == 0.1 * SECOND


def test_a_refused_message_never_stood_in_the_queue() -> None:
    """A send that failed and was not received adds no depth; one that was received all the same does."""
    refused = measured(expected(HAND_MADE, failed=(6,)))
    assert (refused["depth"], refused["depth_iqr"]) == (2.0, 0.5)
    received = measured(expected(HAND_MADE, failed=(7,)))
    assert received["depth"] == 3.0


def test_a_pool_counts_what_the_same_services_receive_elsewhere() -> None:
    """Another channel's messages stand between, in the pool and not in the subscription's own queue."""
    both = pl.concat([expected(HAND_MADE), expected({3.2: 9.0, 4.2: 9.0}, "other")])
    assert measured(both)["depth"] == 3.0
    assert measured(both, "pool")["depth"] == 4.0


def test_other_services_and_tenants_share_no_pool() -> None:
    """The pool is of the same services within one tenant and environment."""
    alone = expected(HAND_MADE)
    others = [
        expected({3.2: 9.0}, "other", service="x"),
        expected({3.2: 9.0}, "other").with_columns(pl.lit("u").alias("tenant")),
        expected({3.2: 9.0}, "other").with_columns(pl.lit("test").alias("environment")),
    ]
    assert measured(pl.concat([alone, *others]), "pool")["depth"] == 3.0


def test_all_lost_leaves_no_figures() -> None:
    """Without survivors the figures are null, and nothing is pressed."""
    row = measured(expected({0: None, 1: None}))
    assert (row["survivors"], row["depth"], row["calm_wait_ns"]) == (0, None, None)
    assert pressed(pressure(expected({0: None, 1: None})))["pressed"].to_list() == [False]


def figures(**told: float | None) -> pl.DataFrame:
    """A frame of `pressure` with these figures."""
    calm = {"depth": 10.0, "depth_iqr": 9.0, "wait_ns": 10.0, "wait_iqr_ns": 9.0, "calm_wait_ns": 10.0}
    return pl.DataFrame({**dict.fromkeys(SUBSCRIPTION, "x"), **calm, **told})


@pytest.mark.parametrize(
    ("told", "stood"),
    [
        ({}, False),
        ({"depth_iqr": 1.5}, True),
        ({"depth_iqr": 1.6}, False),
        ({"wait_iqr_ns": 1.5}, True),
        ({"wait_iqr_ns": 1.6}, False),
        ({"calm_wait_ns": 2.0}, True),
        ({"calm_wait_ns": 2.1}, False),
        ({"calm_wait_ns": None}, False),
        ({"depth": 5.0, "depth_iqr": 0.0}, True),
        ({"depth": 4.0, "depth_iqr": 0.0}, False),
        ({"depth": None}, False),
    ],
)
def test_survivors_stood_in_a_queue(told: dict[str, float | None], stood: bool) -> None:  # noqa: FBT001 - a table's column
    """Five deep, and evenly (15 %) in depth or wait, or five times longer than in calm."""
    assert pressed(figures(**told))["pressed"].to_list() == [stood]


def test_one_reading_is_enough() -> None:
    """A subscription is pressed if its own queue or the pool is."""
    both = pl.concat([figures(), figures(depth_iqr=0.0)])
    assert pressed(both)["pressed"].to_list() == [True]
