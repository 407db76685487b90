"""Idleness that cannot be: pauses between two receipts of one instance that the missing messages would fill.

An instance with a backlog does not idle: where the message that it took after a pause had been waiting, it either stood
still or worked unseen. Had it stood still, nothing of the queue would be missing but what a limit evicted. Had it
worked, what is missing fills the pause: taken in the order of their sending, each in the time that receipts take just
then, the missing end where the next receipt begins. Where no message waited, one that takes its share all the time took
none of what is missing, and nothing else: chance does not make such a pause. Then its telemetry was cut, and what is
missing proves no loss.
"""

from __future__ import annotations

import math

import polars as pl

from baton.handoffs.beside import PLACE
from baton.limits import (
    DURATION_NS_MAX,
    GAP_MESSAGES_MIN,
    IDLE_EXCESS_MAX,
    IDLE_FILLED_MIN,
    IDLE_RECEIPTS,
    IDLE_RECEIPTS_DUE,
    IDLE_SHARE_MIN,
    IDLE_SPACING_RATIO,
    INSTANT_NS_MAX,
)
from baton.schema import SUBSCRIPTION

TAKER = ["tenant", "home", "service", "service_instance"]
"""An instance, whatever it takes: at work on messages of another channel it does not idle."""


def idled(candidates: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Missing messages that an instance may have taken while it seemed to idle.

    Args:
        candidates: a row a missing message and instance that may have taken it: PLACE, `send`, SUBSCRIPTION and TAKER
            columns, `sent_ns`, `before_ns`, `overtaken_ns`, `reorder_ns`, `processing_ns`, `lo_ns`, `hi_ns`, `failed`.
        rows: all messages, with their receipts.

    Returns:
        PLACE, `gap_from_ns`, `gap_until_ns`: such pauses of each.
    """
    # Without margins: the pause under way when it was overtaken, and the one when its turn came. Another instance may
    # have overtaken it a receipt earlier.
    late_ns = (pl.col("reorder_ns") + pl.col("processing_ns")).clip(upper_bound=DURATION_NS_MAX)
    candidates = candidates.with_columns(
        pl.min_horizontal(pl.col("overtaken_ns").clip(upper_bound=INSTANT_NS_MAX) + late_ns, "hi_ns").alias("hi_ns"),
        pl.max_horizontal("sent_ns", "before_ns").alias("lo_ns"),
    )
    pauses = _pauses(rows, candidates)
    near = pl.concat(
        [
            candidates.sort(edge).join_asof(
                pauses, left_on=edge, right_on="gap_from_ns", by=TAKER, strategy="backward", check_sortedness=False
            )
            for edge in ("hi_ns", "lo_ns")
        ]
    ).unique([PLACE, *TAKER, "gap_from_ns"])
    # What nothing overtook, and what was missing long before, may have been taken at any time, or never.
    placed = pl.col("overtaken_ns").is_not_null() | (pl.col("lo_ns") >= pl.col("gap_from_ns"))
    near = near.filter((pl.col("gap_until_ns") >= pl.col("lo_ns")) & placed)
    pause = [*TAKER, "gap_from_ns"]
    left = pl.len() - pl.int_range(pl.len())
    length_ns, spacing_ns = pl.col("gap_until_ns") - pl.col("gap_from_ns"), pl.col("spacing_ns")
    filled_ns = pl.max_horizontal(
        pl.col("gap_from_ns").first() + pl.len() * spacing_ns.first(),
        (pl.col("sent_ns") + pl.col("way_ns") + left * spacing_ns).max(),
    )
    due = length_ns / spacing_ns
    worked = pl.col("filled_ns") - pl.col("gap_from_ns") >= IDLE_FILLED_MIN * length_ns
    chanceless = (due >= IDLE_RECEIPTS_DUE) & (pl.col("went") >= IDLE_SHARE_MIN * due)
    # More than all of them can have taken in it went another way.
    fits = pl.col("went") <= IDLE_EXCESS_MAX * due * pl.col("service_instance").n_unique().over(SUBSCRIPTION)
    return (
        near.sort("sent_ns", "send")
        .with_columns(filled_ns.over(pause).alias("filled_ns"), (~pl.col("failed")).sum().over(pause).alias("went"))
        .filter((pl.col("went") >= GAP_MESSAGES_MIN) & fits & pl.when("backlog").then(worked).otherwise(chanceless))
        .select(PLACE, "gap_from_ns", "gap_until_ns")
    )


def _pauses(rows: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """Pauses between receipts of the candidates' instances that are long for them, where they may hold one.

    TAKER columns, `gap_from_ns`, `gap_until_ns`, `backlog` (Boolean: the message that ends it had
    waited), `way_ns` (the shortest wait: the way there, and how the clocks differ), `spacing_ns` (the distance of its
    receipts: after the pause if those had waited, before it if those had, else on the calmer side); sorted by the
    first.
    """
    until_ns = pl.max_horizontal("lo_ns", "hi_ns").max().alias("hi_ns")
    takers = candidates.group_by(TAKER).agg(pl.col("lo_ns").min(), until_ns).with_row_index("taker")
    waited_ns = pl.col("first_ns") - pl.col("sent_ns") - pl.col("way_ns")
    usual = pl.col("apart_ns").rolling_median(IDLE_RECEIPTS, min_samples=2).over("taker")
    after, before = pl.col("usual_ns").shift(-IDLE_RECEIPTS), pl.col("usual_ns").shift()
    # The mean of random distances, of which a pause among them makes no other: it is their median by ln 2.
    calmer = pl.max_horizontal("after_ns", "before_ns") / math.log(2)
    had_waited = (waited_ns.shift().over("taker") > IDLE_SPACING_RATIO * pl.col("before_ns")).fill_null(value=False)
    idle_ns = pl.col("gap_until_ns") - pl.col("gap_from_ns")
    return (
        _around(_received(rows, takers), takers)
        .lazy()
        .with_columns(usual.alias("usual_ns"))
        .with_columns(after.over("taker").alias("after_ns"), before.over("taker").alias("before_ns"))
        .with_columns(
            had_waited.alias("had_waited"),
            (waited_ns > IDLE_SPACING_RATIO * pl.col("after_ns")).fill_null(value=False).alias("backlog"),
        )
        .select(
            "taker",
            "gap_from_ns",
            pl.col("first_ns").alias("gap_until_ns"),
            "way_ns",
            "backlog",
            pl.when("backlog")
            .then("after_ns")
            .when("had_waited")
            .then("before_ns")
            .otherwise(calmer)
            .alias("spacing_ns"),
        )
        .filter(idle_ns > IDLE_SPACING_RATIO * pl.col("spacing_ns"))
        .join(takers.lazy().select("taker", *TAKER), on="taker")
        .drop("taker")
        .sort("gap_from_ns")
        .collect()
    )


def _received(rows: pl.DataFrame, takers: pl.DataFrame) -> pl.DataFrame:
    """What these instances received, by instance and time: `taker`, `sent_ns`, `first_ns`, `done_ns`, `way_ns`.

    The shortest wait is that of all who take the subscription's messages of one sender.
    """
    way = [*SUBSCRIPTION, "_sender"]
    taken = rows.lazy().filter(pl.col("row").is_not_null())
    by_them = taken.filter(pl.col("receiver").is_in(takers["service"].unique().implode()))
    subscriptions = by_them.select("subscription").unique().collect().to_series()
    near = (
        taken.filter(pl.col("subscription").is_in(subscriptions.implode()))
        .select(
            *SUBSCRIPTION,
            pl.col("service").alias("_sender"),
            pl.col("receiver_home").alias("home"),
            pl.col("receiver").alias("service"),
            pl.col("instance").alias("service_instance"),
            "sent_ns",
            "first_ns",
            "done_ns",
        )
        .collect()
    )
    ways = near.group_by(way).agg((pl.col("first_ns") - pl.col("sent_ns")).min().alias("way_ns"))
    return (
        near.lazy()
        .join(takers.lazy().select("taker", *TAKER), on=TAKER, nulls_equal=True)
        .join(ways.lazy(), on=way, nulls_equal=True)
        .select("taker", "sent_ns", "first_ns", "done_ns", "way_ns")
        .sort("taker", "first_ns", "sent_ns")
        .collect()
    )


def _around(received: pl.DataFrame, takers: pl.DataFrame) -> pl.DataFrame:
    """Adds `gap_from_ns` (the end of all before) and `apart_ns`, and leaves what may bear on a candidate.

    Only a pause that touches the time in which an instance may have taken a missing message counts; how long it is for
    the instance is told by IDLE_RECEIPTS on each side of it.
    """
    place = pl.col("place")
    placed = (
        received.lazy()
        .join(takers.lazy().select("taker", "lo_ns", "hi_ns"), on="taker", maintain_order="left")
        .with_columns(
            pl.col("done_ns").cum_max().shift().over("taker").alias("gap_from_ns"),
            pl.col("first_ns").diff().over("taker").alias("apart_ns"),
        )
        .with_columns(
            ((pl.col("first_ns") >= pl.col("lo_ns")) & (pl.col("gap_from_ns") <= pl.col("hi_ns"))).alias("touches")
        )
        .with_row_index("place")
        .with_columns(place.cast(pl.Int64))
        .collect()
    )
    windows = (
        placed.filter("touches")
        .group_by("taker")
        .agg((place.min() - IDLE_RECEIPTS).alias("from"), (place.max() + IDLE_RECEIPTS).alias("until"))
    )
    return placed.join(windows, on="taker", maintain_order="left").filter(place.is_between("from", "until"))
