"""Lays a queue's fit and its crowding beside the rows that it explains, and adds the crowding up by finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import SENDERS_MAX
from baton.schema import SHARES, SUBSCRIPTION, UNOWNED

if TYPE_CHECKING:
    from baton.findings.replayed import Replayed
    from baton.findings.told import Owners


def crowded(lost: pl.DataFrame, rows: pl.DataFrame, found: Replayed, owners: Owners) -> pl.DataFrame:
    """Adds what a queue's fit and a subscription's receipts say of each row that was lost.

    That is FITS less `scope`, `shares` (a sentence: who held the queue when a replay lost this message; without a
    replay, when the subscription lost any), `crowder`, `crowder_team`, `moment_ns` (when a replay lost it), and of the
    subscription `last_receipt_ns` and `waiting` (how many of its messages do).

    Args:
        lost: judged rows of messages, calls and steps that were lost; only messages get more than nulls.
        rows: all judged rows of messages.
        found: what replays say.
        owners: of services, by when the row's message was sent.
    """
    sentence = pl.format("{} {}%", "sender", (pl.col("share") * 100).round(0).cast(pl.Int64))
    shares = found.crowding.group_by(SUBSCRIPTION, maintain_order=True).agg(
        pl.concat_str(pl.lit("the queue then held: "), sentence.str.join(", ")).first().alias("usual"),
        pl.col("sender").first().alias("crowder"),
    )
    key = ["send", *SUBSCRIPTION]
    lossy = (
        rows.lazy()
        # One column first: the join of five is for the few that are left.
        .filter(pl.col("channel").is_in(lost["channel"].unique().implode(), nulls_equal=True))
        .join(lost.lazy().select(SUBSCRIPTION).unique(), on=SUBSCRIPTION, how="semi", nulls_equal=True)
        .group_by(SUBSCRIPTION)
        .agg(
            pl.col("first_ns").max().alias("last_receipt_ns"),
            (pl.col("proof") == "waiting").sum().alias("waiting"),
        )
        .collect()
    )
    told = (
        lost.join(found.fits.drop("scope"), on=SUBSCRIPTION, how="left")
        .join(shares, on=SUBSCRIPTION, how="left")
        .join(found.moments, on=key, how="left")
        .join(_then(found.occupants, key), on=key, how="left")
        .join(lossy, on=SUBSCRIPTION, how="left", nulls_equal=True)
        .with_columns(pl.coalesce("then", "usual").alias("shares"))
        .drop("then", "usual")
    )
    named = told.select("tenant", "environment", pl.col("crowder").alias("name"), pl.col("sent_ns").alias("at_ns"))
    return told.with_columns(owners.of_services(named).fill_null(UNOWNED).alias("crowder_team"))


def _then(occupants: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """`then` (String): `when it was lost, the queue held 48 messages of ticks, 2 of trades`, one row a lost message."""
    counted = (
        occupants.group_by(*key, "sender")
        .agg(pl.col("held").sum())
        .sort("held", "sender", descending=[True, False])
        .group_by(key, maintain_order=True)
        .head(SENDERS_MAX)
    )
    first, noun = (
        pl.int_range(pl.len()) == 0,
        pl.when(pl.col("held") == 1).then(pl.lit("message")).otherwise(pl.lit("messages")),
    )
    each = (
        pl.when(first)
        .then(pl.format("{} {} of {}", "held", noun, "sender"))
        .otherwise(pl.format("{} of {}", "held", "sender"))
    )
    told = pl.concat_str(pl.lit("when it was lost, the queue held "), each.str.join(", ")).first()
    return counted.group_by(key, maintain_order=True).agg(told.alias("then"))


def crowding(
    held: pl.DataFrame, lost: pl.DataFrame, usual: pl.DataFrame, owners: Owners, kinds: pl.DataFrame
) -> pl.DataFrame:
    """Who held the queue when the messages of each finding were lost, by sender and criticality.

    Args:
        held: `handoff_id`, and `occupants.OCCUPANTS` of lost handoffs.
        lost: HANDOFFS that findings are made of.
        usual: the frame of `queues.crowding`: where no replay tells of a finding's own messages, those of its channel,
            the largest share where several subscriptions lost.
        owners: of services, by when the first message of the finding was sent.
        kinds: `journey_type`, `criticality` (String) of the declared journey types.

    Returns:
        `finding_id`, `crowding` (SHARES), one row an overflow of which anything is known.
    """
    urgency = dict(kinds.select("journey_type", "criticality").iter_rows())
    found = lost.filter(pl.col("cause") == "overflow")
    own = (
        held.join(found.select("handoff_id", "finding_id"), on="handoff_id")
        .with_columns(
            pl.col("journey_type").replace_strict(urgency, default=None, return_dtype=pl.String).alias("criticality")
        )
        .group_by("finding_id", pl.col("sender").alias("service"), "criticality")
        .agg(pl.col("held").sum())
        .select(
            "finding_id",
            "service",
            "criticality",
            (pl.col("held") / pl.col("held").sum().over("finding_id")).alias("share"),
        )
    )
    place = ["tenant", "environment", "channel"]
    others = found.select("finding_id", *place).unique().join(own, on="finding_id", how="anti")
    told = (
        usual.sort("share", "sender", descending=[True, False])
        .unique([*place, "sender"], keep="first", maintain_order=True)
        .join(others, on=place)
        .select("finding_id", pl.col("sender").alias("service"), pl.lit(None, pl.String).alias("criticality"), "share")
    )
    shares = (
        pl.concat([own, told])
        .sort("share", "service", "criticality", descending=[True, False, False])
        .group_by("finding_id", maintain_order=True)
        .head(SENDERS_MAX)
    )
    first = found.group_by("finding_id").agg(
        pl.col("tenant", "environment").first(), pl.col("sent_at").min().to_physical().alias("at_ns")
    )
    named = shares.join(first, on="finding_id", maintain_order="left").rename({"service": "name"})
    return (
        shares.with_columns(owners.of_services(named).fill_null(UNOWNED).alias("team"))
        .group_by("finding_id", maintain_order=True)
        .agg(pl.struct("service", "team", "criticality", "share").cast(SHARES.inner).alias("crowding"))
    )
