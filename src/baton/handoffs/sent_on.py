"""Messages that a receiver itself sent on after it had failed them: to a retry, a dead-letter or a parking place.

Brokers do so by themselves, and the message keeps its context (`amends.sidelined`). Where a library does it (Spring's
dead-letter publishing recoverer, a consumer's own retry topic), the new message is sent under the failed receipt.
"""

from __future__ import annotations

import polars as pl

from baton.handoffs.beside import PLACE, beside
from baton.schema import ONWARD_NAME, RETRY_NAME

_TURNS_MAX = 8
"""Retry topics stand in rows of three or four; a longer chain is followed no further."""


def sent_on(rows: pl.DataFrame) -> pl.DataFrame:
    """Fills `held_at` and `mended` of the rows whose receipt failed and was sent on.

    Args:
        rows: the frame of `amends.sidelined`.

    Returns:
        The rows; `held_at` is the last place that it was sent on to, `mended` says that it was a retry and that the
        services which should have received it then took it well.
    """
    failed = rows.filter(pl.col("lapsed").fill_null(value=False))
    hops = (
        rows.join(failed.select(pl.col("row").alias("under")).unique(), on="under", how="semi")
        .filter(pl.col("channel").str.contains(ONWARD_NAME) & ~pl.col("failed"))
        .sort("sent_ns", "send")
        .group_by("under", maintain_order=True)
        .agg(
            pl.col("channel").last().alias("_to"),
            pl.col("row").last().alias("_next"),
            pl.col("lapsed").last().fill_null(value=False).alias("_again"),
            pl.col("receiver").last().alias("_taker"),
        )
    )
    if hops.is_empty():
        return rows
    for _ in range(_TURNS_MAX):
        further = hops.rename({name: f"{name}_right" for name in ("_to", "_next", "_again", "_taker")})
        hops = hops.join(further, left_on="_next", right_on="under", how="left").select(
            "under",
            *(
                pl.when(pl.col("_again") & pl.col("_to_right").is_not_null())
                .then(f"{name}_right")
                .otherwise(name)
                .alias(name)
                for name in ("_to", "_next", "_again", "_taker")
            ),
        )
    well = (
        pl.col("_to").str.contains(RETRY_NAME)
        & pl.col("_next").is_not_null()
        & ~pl.col("_again")
        & pl.col("services").list.contains(pl.col("_taker"))
    ).fill_null(value=False)
    failed_at = rows.lazy().select("row", "services").with_row_index(PLACE)
    went = failed_at.join(hops.lazy(), left_on="row", right_on="under").select(PLACE, "_to", well.alias("_well"))
    return (
        beside(rows, went.collect())
        .with_columns(
            pl.col("mended") | pl.col("_well").fill_null(value=False),
            pl.coalesce("held_at", pl.when(~pl.col("_well")).then("_to")).alias("held_at"),
        )
        .drop("_to", "_well")
    )
