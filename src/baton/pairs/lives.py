"""Lives of subscriptions: until when each is expected to take messages, and which kinds it never takes.

A consumer that was decommissioned is not down. From spans alone both look the same at first, so a subscription counts
as retired only where

- the same service took over: it takes nearly all messages since through another subscription of the channel, which
  began in the later part of this one's life (a group that was renamed, a queue that was moved), or
- nothing was taken for RETIRED_NS_MIN, and for RETIRED_PAUSE_RATIO times its longest pause: what was sent until then
  is held to wait, what was sent later is not expected.
"""

from __future__ import annotations

import polars as pl

from baton.limits import (
    REPLACED_MESSAGES_MIN,
    REPLACED_OVERLAP_MAX,
    REPLACED_SHARE_MIN,
    RETIRED_NS_MIN,
    RETIRED_PAUSE_RATIO,
    SHUNNED_MESSAGES_MIN,
)
from baton.schema import CHANNEL, SUBSCRIPTION

KIND = pl.concat_str("service", pl.lit(" "), "span_name")
"""The kind of a message, as far as spans tell: who sends it, by a span of which name."""


def retired(profile: pl.DataFrame, sent: pl.DataFrame, received: pl.LazyFrame) -> pl.DataFrame:
    """When each subscription's life ended.

    Args:
        profile: one row a subscription: SUBSCRIPTION, `relation`, `services`, `first_ns`, `last_ns`.
        sent: SENDS.
        received: (subscription, send) with `first_ns`, its receipt.

    Returns:
        SUBSCRIPTION, `retired_ns` (Int64: the send after which none is expected), of those that ended.
    """
    until = sent.group_by(CHANNEL).agg(pl.col("sent_ns").max().alias("until_ns"))
    live = profile.filter(pl.col("relation") == "expected").join(until, on=CHANNEL)
    ended = live.filter(pl.col("last_ns") < pl.col("until_ns"))
    found = pl.concat([_replaced(ended, live, sent, received), _given_up(ended, received)])
    return found.group_by(SUBSCRIPTION).agg(pl.col("retired_ns").min())


def _replaced(ended: pl.DataFrame, live: pl.DataFrame, sent: pl.DataFrame, received: pl.LazyFrame) -> pl.DataFrame:
    """Those whose own service takes the channel through another subscription since."""
    heirs = live.select(
        *CHANNEL,
        pl.col("subscription").alias("heir"),
        pl.col("services").alias("heir_services"),
        pl.col("first_ns").alias("heir_from_ns"),
        pl.col("last_ns").alias("heir_until_ns"),
    )
    overlap_ns = (pl.col("last_ns") - pl.col("heir_from_ns")).clip(0)
    pairs = ended.join(heirs, on=CHANNEL).filter(
        (pl.col("subscription") != pl.col("heir"))
        & (pl.col("heir_until_ns") > pl.col("last_ns"))
        & (pl.col("heir_from_ns") > pl.col("first_ns"))
        & (overlap_ns <= REPLACED_OVERLAP_MAX * (pl.col("last_ns") - pl.col("first_ns")))
        & (pl.col("services").list.set_difference("heir_services").list.len() == 0)
    )
    if pairs.is_empty():
        return _none()
    since = (
        pairs.lazy()
        .select(*SUBSCRIPTION, "heir", "last_ns")
        .join(sent.lazy().select(*CHANNEL, "send", "sent_ns"), on=CHANNEL)
        .filter(pl.col("sent_ns") > pl.col("last_ns"))
    )
    taken = received.select(*CHANNEL, pl.col("subscription").alias("heir"), "send", pl.lit(value=True).alias("taken"))
    return (
        since.join(taken, on=[*CHANNEL, "heir", "send"], how="left")
        .group_by(*SUBSCRIPTION, "heir")
        .agg(pl.col("last_ns").first().alias("retired_ns"), pl.len(), pl.col("taken").sum())
        .filter((pl.col("len") >= REPLACED_MESSAGES_MIN) & (pl.col("taken") >= REPLACED_SHARE_MIN * pl.col("len")))
        .select(*SUBSCRIPTION, "retired_ns")
        .collect()
    )


def _given_up(ended: pl.DataFrame, received: pl.LazyFrame) -> pl.DataFrame:
    """Those that took nothing for days, and for far longer than ever before."""
    quiet = ended.filter(pl.col("until_ns") - pl.col("last_ns") > RETIRED_NS_MIN)
    if quiet.is_empty():
        return _none()
    pause_ns = pl.col("first_ns").sort().diff().max().fill_null(0)
    pauses = (
        received.join(quiet.lazy().select(SUBSCRIPTION), on=SUBSCRIPTION, how="semi")
        .group_by(SUBSCRIPTION)
        .agg(pause_ns.alias("pause_ns"))
    )
    return (
        quiet.lazy()
        .join(pauses, on=SUBSCRIPTION)
        .select(
            *SUBSCRIPTION,
            "until_ns",
            (
                pl.col("last_ns")
                + pl.max_horizontal(pl.lit(RETIRED_NS_MIN), (pl.col("pause_ns") * RETIRED_PAUSE_RATIO).cast(pl.Int64))
            ).alias("retired_ns"),
        )
        .filter(pl.col("retired_ns") < pl.col("until_ns"))
        .select(*SUBSCRIPTION, "retired_ns")
        .collect()
    )


def shunned(expected: pl.DataFrame, queued: pl.DataFrame) -> pl.DataFrame:
    """Kinds of message of which a subscription never took one, though many were sent: it does not take them.

    Where a full queue explains losses, it may have swallowed a whole kind (the highest priority goes first).

    Args:
        expected: (subscription, send) with `service`, `span_name`, `failed`, `first_ns` (null without receipt).
        queued: SUBSCRIPTION, `pressed`.

    Returns:
        SUBSCRIPTION, `shunned` (List(String), of KIND), of those that have any.
    """
    kinds = [*SUBSCRIPTION, "service", "span_name"]
    lacking = expected.filter(pl.col("first_ns").is_null() & ~pl.col("failed")).join(
        queued.filter(pl.col("pressed")), on=SUBSCRIPTION, how="anti"
    )
    many = lacking.group_by(kinds).len().filter(pl.col("len") >= SHUNNED_MESSAGES_MIN)
    if many.is_empty():
        return pl.DataFrame(schema={**dict.fromkeys(SUBSCRIPTION, pl.String), "shunned": pl.List(pl.String)})
    taken = expected.filter(pl.col("first_ns").is_not_null()).join(many, on=kinds, how="semi").select(kinds).unique()
    return (
        many.join(taken, on=kinds, how="anti")
        .group_by(SUBSCRIPTION)
        .agg(KIND.sort().alias("shunned"))
        .sort(SUBSCRIPTION)
    )


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema={**dict.fromkeys(SUBSCRIPTION, pl.String), "retired_ns": pl.Int64})
