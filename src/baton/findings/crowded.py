"""Lays a queue's fit and its crowding beside the rows that it explains, and adds the crowding up by finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import SENDERS_MAX
from baton.schema import SHARES, SUBSCRIPTION, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baton.findings.replayed import Replayed


def crowded(lost: pl.DataFrame, rows: pl.DataFrame, found: Replayed, teams: dict[str, str]) -> pl.DataFrame:
    """Adds what a queue's fit and a subscription's receipts say of each row that was lost.

    That is FITS less `scope`, `shares` (a sentence: who held the queue when a replay lost this message; without a
    replay, when the subscription lost any), `crowder`, `crowder_team`, `moment_ns` (when a replay lost it), and of the
    subscription `last_receipt_ns` and `waiting` (how many of its messages do).

    Args:
        lost: judged rows of messages, calls and steps that were lost; only messages get more than nulls.
        rows: all judged rows of messages.
        found: what replays say.
        teams: service -> team.
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
    return (
        lost.join(found.fits.drop("scope"), on=SUBSCRIPTION, how="left")
        .join(shares, on=SUBSCRIPTION, how="left")
        .join(found.moments, on=key, how="left")
        .join(_then(found.occupants, key), on=key, how="left")
        .join(lossy, on=SUBSCRIPTION, how="left", nulls_equal=True)
        .with_columns(
            pl.coalesce("then", "usual").alias("shares"),
            pl.col("crowder").replace_strict(teams, default=UNOWNED, return_dtype=pl.String).alias("crowder_team"),
        )
        .drop("then", "usual")
    )


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
    held: pl.DataFrame, lost: pl.DataFrame, usual: pl.DataFrame, teams: Mapping[str, str], kinds: pl.DataFrame
) -> pl.DataFrame:
    """Who held the queue when the messages of each finding were lost, by sender and criticality.

    Args:
        held: `handoff_id`, and `occupants.OCCUPANTS` of lost handoffs.
        lost: HANDOFFS that findings are made of.
        usual: the frame of `queues.crowding`: where no replay tells of a finding's own messages, those of its channel,
            the largest share where several subscriptions lost.
        teams: service -> team.
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
    team = pl.col("service").replace_strict(dict(teams), default=UNOWNED, return_dtype=pl.String).alias("team")
    return (
        pl.concat([own, told])
        .sort("share", "service", "criticality", descending=[True, False, False])
        .group_by("finding_id", maintain_order=True)
        .head(SENDERS_MAX)
        .with_columns(team)
        .group_by("finding_id", maintain_order=True)
        .agg(pl.struct("service", "team", "criticality", "share").cast(SHARES.inner).alias("crowding"))
    )
