"""Lays a queue's fit and its crowding beside the rows that it explains."""

from __future__ import annotations

import polars as pl

from baton.schema import SUBSCRIPTION, UNOWNED


def crowded(  # noqa: PLR0913, PLR0917 - what was lost, and each thing that may explain it
    lost: pl.DataFrame,
    rows: pl.DataFrame,
    fits: pl.DataFrame,
    crowds: pl.DataFrame,
    moments: pl.DataFrame,
    teams: dict[str, str],
) -> pl.DataFrame:
    """Adds what a queue's fit and a subscription's receipts say of each row that was lost.

    That is FITS less `scope`, `shares` (a sentence), `crowder`, `crowder_team`, `moment_ns` (when a replay lost it),
    and of the subscription `last_receipt_ns` and `waiting` (how many of its messages do).

    Args:
        lost: judged rows of messages, calls and steps that were lost; only messages get more than nulls.
        rows: all judged rows of messages.
        fits: replayed.FITS.
        crowds: the frame of `queues.crowding`.
        moments: the frame of `occupants.moments`.
        teams: service -> team.
    """
    sentence = pl.format("{} {} %", "sender", (pl.col("share") * 100).round(0).cast(pl.Int64))
    shares = crowds.group_by(SUBSCRIPTION, maintain_order=True).agg(
        pl.concat_str(pl.lit("the queue then held: "), sentence.str.join(", ")).first().alias("shares"),
        pl.col("sender").first().alias("crowder"),
    )
    lossy = (
        rows.lazy()
        .join(lost.lazy().select(SUBSCRIPTION).unique(), on=SUBSCRIPTION, how="semi", nulls_equal=True)
        .group_by(SUBSCRIPTION)
        .agg(
            pl.col("first_ns").max().alias("last_receipt_ns"),
            (pl.col("proof") == "waiting").sum().alias("waiting"),
        )
        .collect()
    )
    return (
        lost.join(fits.drop("scope"), on=SUBSCRIPTION, how="left")
        .join(shares, on=SUBSCRIPTION, how="left")
        .join(moments, on=["send", *SUBSCRIPTION], how="left")
        .join(lossy, on=SUBSCRIPTION, how="left", nulls_equal=True)
        .with_columns(
            pl.col("crowder").replace_strict(teams, default=UNOWNED, return_dtype=pl.String).alias("crowder_team")
        )
    )
