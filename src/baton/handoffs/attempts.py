"""Attempts: a send that failed is not the last word where its sender sends again.

Attempts of one message bear its id. While the latest one may still be received, or a further one may still come, no
earlier one is lost.
"""

from __future__ import annotations

import polars as pl

from baton.handoffs.beside import PLACE, beside
from baton.limits import REDELIVERY_MARGIN, RETRY_QUANTILE, SILENCE_TAIL_NS
from baton.schema import CHANNEL, SUBSCRIPTION

_MESSAGE = [*SUBSCRIPTION, "service", "message_id"]


def attempted(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds what is known of further attempts.

    A next attempt is waited for as long as senders to its channel were seen to wait, and half as long again; twice the
    message's own last wait, since back-offs double. Its span is exported up to SILENCE_TAIL_NS later.

    Args:
        rows: those of `verdict.judge`.

    Returns:
        The rows with `latest` (UInt32: the latest attempt, where a send failed and a later one did not) and
        `retry_due_ns` (Int64: until when a further one may be seen, where it failed as well), else null.
    """
    sends = (
        rows.lazy()
        .select(*_MESSAGE, "send", "sent_ns", "failed", "relation")
        .with_row_index(PLACE)
        .filter(pl.col("message_id").is_not_null() & (pl.col("relation") == "expected"))
    )
    failed = sends.filter("failed").collect()
    if failed.is_empty():
        return rows.with_columns(
            pl.lit(None, dtype=pl.UInt32).alias("latest"), pl.lit(None, dtype=pl.Int64).alias("retry_due_ns")
        )
    named = sends.filter(pl.col("message_id").is_in(failed["message_id"].unique().implode())).collect()
    wait_ns = pl.col("sent_ns").diff().over(_MESSAGE)
    tried = (
        named.join(failed, on=_MESSAGE, how="semi", nulls_equal=True)
        .sort("sent_ns", "send")
        .with_columns(wait_ns.alias("wait_ns"))
    )
    usual = (
        tried.filter(pl.col("wait_ns") > 0)
        .group_by(CHANNEL)
        .agg(pl.col("wait_ns").quantile(RETRY_QUANTILE, "higher").alias("usual_ns"))
    )
    # Where nobody ever sent again nothing is waited for.
    next_ns = (
        pl.col("usual_ns") + (2 * pl.col("own_ns") - pl.col("usual_ns")).clip(0).fill_null(0)
    ) * REDELIVERY_MARGIN
    last = (
        tried.group_by(_MESSAGE, maintain_order=True)
        .agg(
            pl.col("send").last().alias("last"),
            pl.col("failed").last().alias("last_failed"),
            pl.col("sent_ns").last().alias("last_ns"),
            pl.col("wait_ns").last().alias("own_ns"),
        )
        .join(usual, on=CHANNEL, how="left")
        .select(
            *_MESSAGE,
            pl.when(~pl.col("last_failed")).then("last").alias("latest"),
            pl.when("last_failed")
            .then(pl.col("last_ns") + next_ns.cast(pl.Int64) + SILENCE_TAIL_NS)
            .alias("retry_due_ns"),
        )
    )
    found = failed.join(last, on=_MESSAGE, nulls_equal=True)
    return beside(rows, found.select(PLACE, "latest", "retry_due_ns"))


def shared(rows: pl.DataFrame) -> pl.DataFrame:
    """Gives a failed send the fate of its latest attempt, where that one is not lost.

    Args:
        rows: judged rows with `latest`.

    Returns:
        The rows; of those whose `proof` was `failed` and whose latest attempt waits, or is unobserved, `verdict` is
        pending or unobserved, and `proof` is `retrying` or `retry unseen`.
    """
    again = rows.lazy().with_row_index(PLACE).filter((pl.col("proof") == "failed") & pl.col("latest").is_not_null())
    tried = again.select(PLACE, *SUBSCRIPTION, "latest").collect()
    if tried.is_empty():
        return rows.drop("latest", "retry_due_ns")
    last = rows.lazy().filter(pl.col("send").is_in(tried["latest"].implode()))
    fates = last.select(*SUBSCRIPTION, pl.col("send").alias("latest"), pl.col("verdict").alias("fate")).collect()
    rows = beside(rows, tried.join(fates, on=[*SUBSCRIPTION, "latest"]).select(PLACE, "fate"))
    mine = pl.col("proof") == "failed"
    waits, unseen = mine & pl.col("fate").is_in(["pending", "stuck"]), mine & (pl.col("fate") == "unobserved")
    return rows.with_columns(
        pl.when(waits)
        .then(pl.lit("pending"))
        .when(unseen)
        .then(pl.lit("unobserved"))
        .otherwise("verdict")
        .alias("verdict"),
        pl.when(waits)
        .then(pl.lit("retrying"))
        .when(unseen)
        .then(pl.lit("retry unseen"))
        .otherwise("proof")
        .alias("proof"),
    ).drop("fate", "latest", "retry_due_ns")
